//! What is learnt from which events, and forgotten again.

use super::*;
use crate::snapshot;
use crate::tests::{details, taken_back};
use domain::Position;
use domain::shop::{ShopClosed, ShopDetails, ShopRegistered, ShopRevised};

const BSSID: &str = "00:1b:2c:3d:4e:5f";

/// Two places beside each other.
fn two() -> World {
    World::given([(1, 20.0, 0), (2, 25.0, 0)])
}

fn asked_by(world: &World, person: UserId) -> Asked {
    Asked {
        caller: Some(person),
        ..world.asked(65.0)
    }
}

fn asked_over(world: &World, bssid: &str) -> Asked {
    Asked {
        bssid: Bssid::named(bssid),
        ..world.asked(65.0)
    }
}

fn opens(world: &mut World, id: u64, metres: f64, category: Category) {
    world.happens(ShopRegistered {
        shop_id: shop(id),
        details: ShopDetails {
            category,
            ..details("a shop", north(metres))
        },
        source: None,
    });
}

/// What is left of a history must not depend on what was taken back from it.
#[track_caller]
fn check_nothing_learnt(world: &World) {
    let ranker = &world.ranker;
    assert!(ranker.people.is_empty());
    assert_eq!(ranker.visits, 0.0);
    assert_eq!(ranker.hours, Hours::default());
    assert_eq!(ranker.wifi, Wifi::default());
    assert_eq!(ranker.popular, Popular::default());
    let nothing = |place: &Place| place.visits == 0.0 && place.with_bssid == 0.0;
    assert!(ranker.places.iter().all(nothing));
}

#[test]
fn ones_own_places_come_first_for_oneself_and_for_nobody_else() {
    let mut world = two();
    for person in 3..6 {
        world.visits(user(person), 1);
    }
    for _ in 0..5 {
        world.visits(user(1), 2);
        world.now += DAY;
        world.visits(user(2), 1);
    }
    assert_eq!(world.list(&asked_by(&world, user(1)), 9), [2, 1]);
    assert_eq!(world.list(&asked_by(&world, user(2)), 9), [1, 2]);
    assert_eq!(world.ranked(65.0), [1, 2]);
    let known = world.known(&asked_by(&world, user(9)), 2);
    assert_eq!(known.own, 0.0);
}

#[test]
fn a_hidden_check_in_is_known_to_its_maker_alone() {
    let mut world = two();
    world.visits_as(user(1), 2, |made| {
        made.hidden = true;
        made.bssid = Some(BSSID.into());
    });
    assert_eq!(world.list(&asked_by(&world, user(1)), 9), [2, 1]);
    let as_others = Asked {
        hidden: false,
        ..asked_by(&world, user(1))
    };
    let unknown = Asked {
        bssid: Bssid::named(BSSID),
        ..world.asked(65.0)
    };
    for asked in [as_others, unknown, asked_by(&world, user(2))] {
        assert_eq!(world.list(&asked, 9), [1, 2]);
        let known = world.known(&asked, 2);
        let all = [known.visits, known.own, known.this_bssid, known.any_bssid];
        assert_eq!(all, [0.0; 4]);
    }
}

#[test]
fn whoever_hides_and_then_does_not_counts_from_then_on() {
    let mut world = two();
    world.visits_as(user(1), 2, |made| made.hidden = true);
    world.visits(user(1), 2);
    assert!((world.popularity(2) - 1.0).abs() < 1e-9);
}

#[test]
fn a_person_counts_once_a_day_however_often_they_check_in() {
    let mut world = two();
    for _ in 0..50 {
        world.visits(user(1), 1);
    }
    assert!((world.popularity(1) - 1.0).abs() < 1e-9);
    let known = world.known(&asked_by(&world, user(1)), 1);
    assert!((known.own - 1.0).abs() < 1e-9);
    // Elsewhere, and the next day, they count again.
    world.visits(user(1), 2);
    world.now += DAY;
    world.visits(user(1), 1);
    assert!((world.popularity(2) - 1.0).abs() < 0.02);
    assert!((world.popularity(1) - 2.0).abs() < 0.02);
}

#[test]
fn of_two_on_a_day_the_second_counts_when_the_first_is_taken_back() {
    let mut world = two();
    let first = world.visits_as(user(1), 1, |made| made.bssid = Some(BSSID.into()));
    let second = world.visits_as(user(1), 1, |made| made.bssid = Some("other".into()));
    let bssids = |world: &World| {
        [BSSID, "other"].map(|bssid| world.known(&asked_over(world, bssid), 1).this_bssid)
    };
    assert_eq!(bssids(&world), [1.0, 0.0]);
    world.happens(taken_back(first, user(1), shop(1)));
    assert_eq!(bssids(&world), [0.0, 1.0]);
    assert!((world.popularity(1) - 1.0).abs() < 1e-9);
    world.happens(taken_back(second, user(1), shop(1)));
    check_nothing_learnt(&world);
}

#[test]
fn what_is_taken_back_leaves_nothing_in_whatever_order() {
    let mut world = two();
    let mut made = Vec::new();
    for n in 0..200_u64 {
        world.now += (n as i64 * 7 % 5) * DAY / 2;
        let (person, place) = (user((n % 7) as u8), 1 + n % 2);
        let id = world.visits_as(person, place, |made| {
            made.bssid = (n % 3 > 0).then(|| format!("x{}", n % 5));
            made.hidden = n % 11 == 0;
        });
        made.push((id, person, place));
    }
    assert!(world.popularity(1) > 10.0);
    made.sort_by_key(|(id, ..)| u64::from_be_bytes(id.to_bytes()[4..].try_into().expect("8")) % 13);
    for (id, person, place) in made {
        world.happens(taken_back(id, person, shop(place)));
        world.happens(taken_back(id, person, shop(place)));
    }
    check_nothing_learnt(&world);
}

#[test]
fn taking_back_what_never_was_changes_nothing() {
    let mut world = two();
    let id = world.visits(user(1), 1);
    let before = postcard::to_stdvec(&world.ranker).expect("bytes");
    world.happens(taken_back(id, user(2), shop(1)));
    world.happens(taken_back(CheckinId::new(9, [9; 8]), user(1), shop(1)));
    let after = postcard::to_stdvec(&world.ranker).expect("bytes");
    assert_eq!(before, after);
}

#[test]
fn where_an_access_point_was_seen_comes_first_for_whoever_names_it() {
    let mut world = World::given([(1, 10.0, 20), (2, 60.0, 0)]);
    world.visits_as(user(1), 2, |made| made.bssid = Some(BSSID.into()));
    assert_eq!(world.ranked(65.0), [1, 2]);
    for spelt in [BSSID, "0:1B:2c:3d:4e:5f"] {
        assert_eq!(world.list(&asked_over(&world, spelt), 9), [2, 1], "{spelt}");
    }
    assert_eq!(world.list(&asked_over(&world, "another"), 9), [1, 2]);
    let nothing = asked_over(&world, "02:00:00:00:00:00");
    assert_eq!(world.list(&nothing, 9), [1, 2]);
}

#[test]
fn a_place_that_has_closed_drops_out_with_its_visits() {
    let mut world = two();
    for person in 0..9 {
        world.visits(somebody(person), 1);
    }
    let id = world.visits_as(user(1), 1, |made| made.bssid = Some(BSSID.into()));
    world.visits(user(1), 2);
    world.happens(ShopClosed { shop_id: shop(1) });
    let asked = Asked {
        bssid: Bssid::named(BSSID),
        ..asked_by(&world, user(1))
    };
    assert_eq!(world.list(&asked, 9), [2]);
    assert_eq!(world.ranker.visits, weight(20_000));
    let history = world.ranker.history(user(1), Whose::All);
    assert_eq!(history.all, weight(20_000));
    // What happens there now changes nothing for the others.
    world.happens(taken_back(id, user(1), shop(1)));
    world.visits(user(2), 1);
    world.happens(opened(shop(1), "again", north(0.0)));
    assert_eq!(world.ranker.visits, weight(20_000));
}

#[test]
fn visits_before_a_shop_is_known_count_once_it_is() {
    let mut world = World::new();
    world.visits(user(1), 1);
    assert_eq!(world.ranker.visits, 0.0);
    world.happens(opened(shop(1), "late", north(1.0)));
    assert_eq!(world.ranker.visits, weight(20_000));
    assert!((world.popularity(1) - 1.0).abs() < 1e-9);
}

#[test]
fn at_night_a_bar_is_likelier_and_in_the_morning_a_cafe() {
    let mut world = World::new();
    opens(&mut world, 1, 20.0, Category::Bar);
    opens(&mut world, 2, 21.0, Category::Cafe);
    let at = |hour: i64| TODAY + hour * HOUR;
    for person in 0..200 {
        world.now = at(23);
        world.visits(somebody(person), 1);
        world.now = at(9);
        world.visits(somebody(person), 2);
    }
    for (hour, order) in [(23, [1, 2]), (22, [1, 2]), (9, [2, 1]), (10, [2, 1])] {
        world.now = at(hour);
        assert_eq!(world.ranked(65.0), order, "at {hour}");
    }
}

#[test]
fn hours_are_those_on_the_clocks_of_the_house() {
    let shanghai = PlaceRanker::new(TimeZone::get("Asia/Shanghai").expect("a zone"));
    let helsinki = PlaceRanker::new(TimeZone::get("Europe/Helsinki").expect("a zone"));
    // 2012-09-22 18:24 UTC; Helsinki has its summer time.
    let then = Millis(1_348_338_240_000);
    let hours = [&PlaceRanker::default(), &shanghai, &helsinki].map(|ranker| ranker.hour(then));
    assert_eq!(hours, [18, 2, 21]);
    assert_eq!(helsinki.hour(Millis(then.0 + 90 * DAY)), 20);
    assert_eq!(shanghai.empty().hour(then), 2);
}

#[test]
fn a_revised_shop_learns_as_what_it_is_now() {
    let mut world = World::new();
    opens(&mut world, 1, 20.0, Category::Bar);
    world.now = TODAY + 9 * HOUR;
    let as_bar = world.visits(user(1), 1);
    world.happens(ShopRevised {
        shop_id: shop(1),
        details: details("a café now", north(20.0)),
        source: None,
    });
    world.visits(user(2), 1);
    let mut expected = Hours::default();
    expected.add(9, Category::Cafe, weight(20_000));
    world.happens(taken_back(as_bar, user(1), shop(1)));
    assert_eq!(world.ranker.hours, expected);
}

#[test]
fn old_visits_count_less_than_new_ones() {
    let mut world = two();
    for person in 0..10 {
        world.visits(somebody(person), 1);
    }
    world.now += 256 * DAY;
    for person in 0..5 {
        world.visits(somebody(person), 2);
    }
    assert!((world.popularity(1) - 2.5).abs() < 1e-9);
    assert!((world.popularity(2) - 5.0).abs() < 1e-9);
    assert_eq!(world.ranked(200.0), [2, 1]);
}

#[test]
fn every_check_in_scores_the_list_that_it_was_chosen_from() {
    let mut world = two();
    for (od, bssid) in [(1, None), (4, None), (60, None), (1, Some(BSSID))] {
        world.visits_as(user(1), 1, |made| {
            made.od = od;
            made.bssid = bssid.map(Into::into);
        });
    }
    let scores = world.ranker.scores();
    let picked: Vec<_> = scores.iter().filter(|score| score.picks > 0).collect();
    let told = |score: &Score| (score.accuracy_m, score.bssid, score.picks, score.missing);
    assert_eq!(told(picked[0]), (Some(65), false, 3, 1));
    assert_eq!(told(picked[1]), (Some(65), true, 1, 0));
    assert_eq!(picked[0].mean_reciprocal_rank(), Some(1.25 / 3.0));
    let all = Score::sum(&scores);
    assert_eq!((all.picks, all.first, all.missing), (4, 2, 1));
}

#[test]
fn a_busy_person_has_a_history_that_ends() {
    let mut world = two();
    for n in 0..(HISTORY as i64 + 100) {
        world.now = TODAY + n * DAY;
        world.visits(user(1), 1 + u64::from(n >= 100));
    }
    let history = world.ranker.history(user(1), Whose::All);
    assert_eq!(
        history.by_place.len(),
        1,
        "the first hundred are too long ago"
    );
}

#[test]
fn a_snapshot_is_taken_over_only_where_the_clocks_show_the_same() {
    let zone = |name| TimeZone::get(name).expect("a zone");
    let file = |name| {
        let mut ranker = PlaceRanker::new(zone(name));
        let made = made(CheckinId::new(1, [1; 8]), user(1), shop(1), false);
        ranker
            .apply(&recorded(1, TODAY, made.into()))
            .expect("no poison");
        snapshot::write(
            PlaceRanker::NAME,
            PlaceRanker::VERSION,
            Position(1),
            &ranker,
        )
    };
    let live = crate::Live::new(PlaceRanker::new(zone("Asia/Shanghai")));
    let slot = crate::memory::slot(&live);
    assert_eq!(
        slot.restore(&file("Europe/Helsinki").expect("a file")),
        None
    );
    assert!(live.read(|ranker| ranker.people.is_empty()));
    let restored = slot.restore(&file("Asia/Shanghai").expect("a file"));
    assert_eq!(restored, Some(Position(1)));
    slot.clear();
    let hour = live.read(|ranker| (ranker.people.len(), ranker.hour(Millis(0))));
    assert_eq!(hour, (0, 8));
}

#[test]
fn what_a_snapshot_leaves_out_follows_from_the_rest() {
    let mut world = World::given((1..40).map(|id| (id, id as f64 * 400.0, id % 4)));
    for id in 1..10 {
        world.happens(ShopRevised {
            shop_id: shop(id),
            details: details("elsewhere", north(-5_000.0)),
            source: None,
        });
        world.happens(ShopClosed {
            shop_id: shop(3 * id),
        });
        world.visits(user(1), id);
        world.visits(user(1), 90 + id);
    }
    let bytes = postcard::to_stdvec(&world.ranker).expect("bytes");
    let restored: PlaceRanker = postcard::from_bytes(&bytes).expect("a ranker");
    assert_ne!(restored.popular, Popular::default());
    assert_eq!(restored.popular, world.ranker.popular);
    assert_eq!(restored.numbers, world.ranker.numbers);
    assert_eq!(restored.wifi, world.ranker.wifi);
    let open = world
        .ranker
        .places
        .iter()
        .filter(|place| place.open.is_some());
    assert_eq!(
        world.ranker.visits,
        open.map(|place| place.visits).sum::<f64>()
    );
}

#[test]
fn a_check_in_takes_28_bytes() {
    assert_eq!(size_of::<Visit>(), 28);
    assert_eq!(size_of::<Place>(), 40);
}
