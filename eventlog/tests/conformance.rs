//! One suite that every engine passes: what a log promises, whatever it is made of.

#[path = "conformance/appending.rs"]
mod appending;
#[path = "conformance/failing.rs"]
mod failing;
#[path = "conformance/fixture.rs"]
mod fixture;
#[path = "conformance/killed.rs"]
mod killed;
#[path = "conformance/reading.rs"]
mod reading;
#[path = "conformance/sharing.rs"]
mod sharing;

/// Runs each of the tests, given as `file { test, }`, on each of the engines.
macro_rules! suite {
    ($suite:ident on $($engine:ident)+: $tests:tt) => {
        mod $suite {
            $(mod $engine {
                suite!($engine $tests);
            })+
        }
    };
    ($engine:ident { $($file:ident { $($test:ident,)+ })+ }) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::$file::$test(&crate::fixture::Fixture::$engine()).await;
            }
        )+)+
    };
}

suite!(any_engine on memory sqlite postgres: {
    appending {
        events_come_back_as_they_were_appended,
        positions_have_no_gaps_with_64_writers_at_once,
        what_is_submitted_keeps_its_order,
        one_of_many_appends_at_the_same_revision_wins,
        a_repeated_id_appends_nothing_and_is_answered_as_the_first_time,
        an_event_is_recognised_by_a_former_id,
        the_same_append_from_many_callers_at_once_goes_in_once,
        conflicts_within_an_import_leave_the_rest_alone,
        an_append_that_makes_no_sense_is_refused,
    }
    reading {
        a_subscriber_gets_everything_once_while_others_write,
        a_subscriber_that_was_cancelled_misses_nothing,
        many_readers_and_some_who_give_up_read_at_once,
        a_filter_takes_types_and_the_beginning_of_a_name_literally,
        pages_follow_each_other,
        events_that_cannot_be_read_are_reported_where_they_are,
        after_closing_the_log_is_unavailable_and_nobody_waits,
    }
});

suite!(engine_on_disk on sqlite postgres: {
    sharing {
        a_log_that_is_opened_again_holds_everything,
        a_stream_goes_on_where_it_ends_and_nowhere_else_after_opening_again,
        nodes_may_start_at_once,
        positions_have_no_gaps_with_two_nodes,
        a_revision_is_won_by_one_of_two_nodes,
        a_repetition_at_another_node_is_recognised,
        a_subscriber_hears_of_what_another_node_appended,
    }
    failing {
        a_store_that_was_away_is_used_again_when_it_is_back,
    }
    killed {
        what_was_acknowledged_survives_the_end_of_the_process,
    }
});

suite!(engine_in_a_file on sqlite: {
    sharing {
        a_closed_log_is_a_single_file,
        what_was_appended_reaches_the_file_while_it_is_open,
    }
    failing {
        a_damaged_id_is_reported_with_its_position,
    }
    killed {
        what_was_acknowledged_survives_a_full_disk,
    }
});

suite!(engine_far_away on postgres: {
    failing {
        connections_that_were_cut_are_made_again,
    }
});
