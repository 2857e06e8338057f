use super::*;
use crate::tests::{Place, append, checkin, coupon, in_time, log_of, shop, user};
use domain::coupon::CouponWithdrawn;
use domain::grant::{CouponGranted, CouponUsed, Occasion};

fn offer(number: u8, place: u64) -> CouponOffered {
    CouponOffered {
        coupon_id: coupon(number),
        shop_id: shop(place),
        name: "第二杯半价".into(),
        desc: "每桌限用一张\n不与其他优惠同享".into(),
        rule: Rule::OneUnused,
        valid_until: Some("2013-12-31".into()),
        image: true,
    }
}

fn offered(number: u8, place: u64) -> Event {
    offer(number, place).into()
}

fn withdrawn(number: u8) -> Event {
    CouponWithdrawn {
        coupon_id: coupon(number),
        shop_id: shop(7),
    }
    .into()
}

fn granted(number: u8, person: u8) -> Event {
    CouponGranted {
        coupon_id: coupon(number),
        user_id: user(person),
        shop_id: shop(7),
        checkin_id: checkin(person),
        occasion: Occasion::Checkin,
        at: Millis(5),
    }
    .into()
}

fn used(number: u8, person: u8) -> Event {
    CouponUsed {
        coupon_id: coupon(number),
        user_id: user(person),
        shop_id: shop(7),
        granted_at: Millis(5),
    }
    .into()
}

/// The coupon as it stands after [`offer`], at `second`.
fn kept(offer: CouponOffered, second: i64) -> Coupon {
    Coupon {
        coupon_id: offer.coupon_id,
        shop_id: offer.shop_id,
        name: offer.name,
        desc: offer.desc,
        rule: offer.rule,
        valid_until: offer.valid_until,
        image: offer.image,
        withdrawn: false,
        offered_at: Millis(second * 1_000),
        granted: 0,
        used: 0,
    }
}

/// After `events`, a second apart, this is the first coupon, on both engines.
async fn check(events: impl IntoIterator<Item = Event>, expected: Option<Coupon>) {
    let log = log_of(events).await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let found = projections.coupons.get(coupon(1)).await.expect("an answer");
        assert_eq!(found, expected);
        projections.stop().await;
    }
}

#[tokio::test]
async fn an_offer_is_kept_as_it_was_made() {
    check([], None).await;
    check([offered(2, 7)], None).await;
    check([offered(1, 7)], Some(kept(offer(1, 7), 0))).await;
    for rule in [Rule::Once, Rule::EveryCheckin] {
        let plain = || CouponOffered {
            name: "it's \"%_\\\"".into(),
            desc: String::new(),
            rule,
            valid_until: None,
            image: false,
            ..offer(1, ShopId::MAX)
        };
        check([plain().into()], Some(kept(plain(), 0))).await;
    }
}

#[tokio::test]
async fn a_second_offer_of_the_same_coupon_changes_nothing() {
    let events = [
        offered(1, 7),
        withdrawn(1),
        withdrawn(1),
        granted(1, 1),
        offered(1, 8),
    ];
    let expected = Coupon {
        withdrawn: true,
        granted: 1,
        ..kept(offer(1, 7), 0)
    };
    check(events, Some(expected)).await;
}

#[tokio::test]
async fn what_happened_to_a_coupon_before_it_was_offered_does_not_count() {
    let events = [granted(1, 1), used(1, 1), withdrawn(1), offered(1, 7)];
    check(events, Some(kept(offer(1, 7), 3))).await;
}

#[tokio::test]
async fn copies_are_counted_whosever_they_are() {
    let events = [
        offered(1, 7),
        granted(1, 1),
        granted(1, 2),
        used(1, 2),
        granted(1, 2),
        granted(2, 1),
        offered(2, 7),
        granted(2, 1),
    ];
    let expected = Coupon {
        granted: 3,
        used: 1,
        ..kept(offer(1, 7), 0)
    };
    check(events, Some(expected)).await;
}

#[tokio::test]
async fn a_copy_counts_once_through_restarts_and_rebuilds() {
    let log = log_of([offered(1, 7), granted(1, 1)]).await;
    for (place, before) in Place::both().into_iter().zip([1, 2]) {
        let first = place.projections(&log).await;
        first.stop().await;
        append(&*log, [granted(1, 2)]).await;
        let again = place.projections(&log).await;
        for _ in 0..2 {
            let found = again.coupons.get(coupon(1)).await.expect("an answer");
            assert_eq!(found.expect("a coupon").granted, before + 1);
            again.rebuild("coupons").await.expect("an order");
            in_time(again.rebuilt("coupons")).await.expect("a rebuild");
        }
        again.stop().await;
    }
}

#[tokio::test]
async fn a_shop_gives_out_what_it_had_offered_before_and_has_not_withdrawn() {
    let log = log_of([
        offered(1, 7),
        offered(2, 8),
        offered(3, 7),
        offered(4, 7),
        withdrawn(3),
    ])
    .await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let open = async |place, before| {
            let found = projections.coupons.open_at(shop(place), Position(before));
            let found = found.await.expect("an answer").into_iter();
            found.map(|coupon| coupon.coupon_id).collect::<Vec<_>>()
        };
        assert_eq!(open(7, 9).await, [coupon(1), coupon(4)]);
        assert_eq!(open(7, 5).await, [coupon(1), coupon(4)]);
        assert_eq!(open(7, 4).await, [coupon(1)]);
        assert_eq!(open(8, u64::MAX).await, [coupon(2)]);
        assert!(open(7, 1).await.is_empty());
        assert!(open(9, 9).await.is_empty());
        projections.stop().await;
    }
}

#[tokio::test]
async fn coupons_are_paged_newest_first_withdrawn_ones_too() {
    let log = log_of([offered(1, 7), offered(2, 8), offered(3, 7), withdrawn(3)]).await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let page = async |shop, skip, limit| {
            let found = projections.coupons.page(shop, skip, limit);
            let found = found.await.expect("an answer").into_iter();
            found.map(|coupon| coupon.coupon_id).collect::<Vec<_>>()
        };
        assert_eq!(page(None, 0, 9).await, [3, 2, 1].map(coupon));
        assert_eq!(page(None, 1, 1).await, [coupon(2)]);
        assert_eq!(page(Some(shop(7)), 0, 9).await, [3, 1].map(coupon));
        assert_eq!(page(Some(shop(7)), 1, 9).await, [coupon(1)]);
        assert!(page(Some(shop(9)), 0, 9).await.is_empty());
        assert!(page(None, usize::MAX, usize::MAX).await.is_empty());
        projections.stop().await;
    }
}
