//! One suite that every blob store passes: what the store promises, whatever it is made of.

#[path = "blobs/bucket.rs"]
mod bucket;
#[path = "blobs/fixture.rs"]
mod fixture;
#[path = "blobs/folder.rs"]
mod folder;
#[path = "blobs/reading.rs"]
mod reading;
#[path = "blobs/settings.rs"]
mod settings;
#[path = "blobs/storing.rs"]
mod storing;
#[path = "blobs/sweeping.rs"]
mod sweeping;

/// Runs each of the tests, given as `file { test, }`, on each of the stores.
macro_rules! suite {
    ($suite:ident on $($store:ident)+: $tests:tt) => {
        mod $suite {
            $(mod $store {
                suite!($store $tests);
            })+
        }
    };
    ($store:ident { $($file:ident { $($test:ident,)+ })+ }) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::$file::$test(crate::fixture::$store().await).await;
            }
        )+)+
    };
}

suite!(any_store on folder bucket: {
    storing {
        a_blob_comes_back_as_it_was_stored,
        a_blob_takes_the_place_of_the_one_before,
        an_absent_blob_is_no_error,
        everything_of_a_picture_goes_at_once,
        the_same_blobs_may_be_stored_and_deleted_by_many_at_once,
        what_was_stored_is_there_after_opening_again,
    }
    reading {
        parts_of_a_blob_can_be_read,
        a_part_beyond_the_end_is_refused_with_the_length,
        what_the_caller_has_is_not_sent_again,
        an_absent_blob_is_absent,
    }
    sweeping {
        a_list_names_what_is_there_and_when_it_came,
        what_is_not_ours_is_listed_and_can_be_deleted,
        a_store_that_is_empty_has_empty_lists,
    }
});

suite!(a_folder on folder: {
    folder {
        the_folder_is_private,
        what_a_killed_upload_left_is_never_read_and_can_be_swept,
        a_folder_that_is_gone_is_not_taken_for_an_empty_one,
        what_cannot_be_written_is_not_there,
    }
});

suite!(a_bucket on bucket: {
    bucket {
        anybody_can_follow_a_signed_link,
        a_signed_link_ends,
        a_changed_link_leads_nowhere,
        a_wrong_secret_is_refused_and_not_told,
        a_bucket_that_was_away_is_used_again_when_it_is_back,
        a_missing_bucket_is_noticed,
        what_answers_in_the_place_of_s3_is_not_believed,
        two_prefixes_share_a_bucket,
    }
});
