//! Any events, likely or not, of few people and shops.

use crate::tests::pictures::{
    added, for_room, photo, published, rejected, removed, reordered, uploaded,
};
use crate::tests::{checkin, coupon, details, made, point, shop, taken_back, user};
use domain::block::{Blocked, Unblocked};
use domain::chat::{Destination, HistoryCleared, MessageSent};
use domain::checkin::CheckedIn;
use domain::coupon::{CouponOffered, CouponWithdrawn, Rule};
use domain::device::AppStarted;
use domain::follow::{Followed, Unfollowed};
use domain::grant::{CouponGranted, CouponUsed, Occasion};
use domain::inbox::{MessageDisplayed, MessagesDelivered};
use domain::photo::{Format, Purpose};
use domain::push::{Device, Gateway, PushTokenBound, PushTokenUnbound, Token};
use domain::shop::{Category, NoticePosted, ShopClosed, ShopRegistered, ShopRevised};
use domain::shop::{StaffAdded, StaffRemoved};
use domain::user::{Gender, Invisible, PasswordReset, ProfileChanged, ProfileEdit};
use domain::user::{UserBanned, UserRegistered, UserUnbanned, VisibilityChanged};
use domain::{Event, Millis, Party};
use proptest::prelude::*;

/// What may happen, likely or not: few people, shops and check-ins, so that they meet.
pub(super) fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => of_people_and_shops(),
        4 => of_pictures(),
        2 => of_coupons(),
        1 => of_phones(),
    ]
}

fn of_phones() -> impl Strategy<Value = Event> {
    ("[ab]{0,1}", "[ab]{0,1}").prop_map(|(model, os)| {
        AppStarted {
            model,
            os,
            ver: None,
        }
        .into()
    })
}

fn of_people_and_shops() -> impl Strategy<Value = Event> {
    let person = || (1..5_u8).prop_map(user);
    let place = || (1..5_u64).prop_map(shop);
    let gender = || prop::sample::select(vec![Gender::Unset, Gender::Male, Gender::Female]);
    let text = || "[a-z脸%_' ]{0,3}";
    let party = || {
        prop_oneof![
            4 => person().prop_map(Party::from),
            1 => place().prop_map(Party::from),
        ]
    };
    let destination = || {
        prop_oneof![
            party().prop_map(Destination::To),
            place().prop_map(Destination::Room),
        ]
    };
    let device = || {
        ("[ab]", any::<bool>()).prop_map(|(letter, development)| Device {
            state: if development {
                Gateway::Development
            } else {
                Gateway::Distribution
            },
            token: Token::new(&letter.repeat(64)).expect("a token"),
        })
    };
    let shop_details = || {
        let at = (-90.0..=90.0, -180.0..=180.0);
        let kind = prop::sample::select(Category::ALL.to_vec());
        let more = prop::collection::vec(at.clone(), 0..3);
        (text(), at, kind, more).prop_map(|(name, (lat, lng), category, more)| {
            domain::shop::ShopDetails {
                category,
                points: more.iter().map(|(lat, lng)| point(*lat, *lng)).collect(),
                ..details(&name, point(lat, lng))
            }
        })
    };
    prop_oneof![
        2 => (place(), shop_details()).prop_map(|(shop_id, details)| Event::from(
            ShopRegistered { shop_id, details, source: None }
        )),
        1 => (place(), shop_details()).prop_map(|(shop_id, details)| ShopRevised {
            shop_id, details, source: None,
        }.into()),
        1 => place().prop_map(|shop_id| ShopClosed { shop_id }.into()),
        1 => (place(), text()).prop_map(|(shop_id, title)| NoticePosted { shop_id, title }.into()),
        1 => (place(), person()).prop_map(|(shop_id, user_id)| StaffAdded {
            shop_id, user_id,
        }.into()),
        1 => (place(), person()).prop_map(|(shop_id, user_id)| StaffRemoved {
            shop_id, user_id,
        }.into()),
        2 => (person(), text(), gender(), prop::option::of(text())).prop_map(
            |(user_id, name, gender, wb_uid)| UserRegistered {
                user_id, name, gender, wb_uid,
            }.into()
        ),
        3 => (
            person(),
            prop::option::of(text()),
            prop::option::of(gender()),
            prop::option::of(text()),
            prop::option::of(any::<i32>()),
        ).prop_map(|(user_id, name, gender, hobby, jobtype)| ProfileChanged {
            user_id,
            changes: ProfileEdit { name, gender, hobby, jobtype, ..ProfileEdit::default() },
        }.into()),
        1 => (person(), 0..3_u8).prop_map(|(user_id, invisible)| VisibilityChanged {
            user_id,
            invisible: Invisible::try_from(invisible).expect("0 to 2"),
        }.into()),
        1 => (person(), 0..9_u32).prop_map(|(user_id, generation)| PasswordReset {
            user_id, generation,
        }.into()),
        4 => (person(), person()).prop_map(|(user_id, follow_id)| Followed {
            user_id, follow_id,
        }.into()),
        2 => (person(), person()).prop_map(|(user_id, follow_id)| Unfollowed {
            user_id, follow_id,
        }.into()),
        2 => (person(), person(), any::<bool>()).prop_map(|(user_id, block_id, report)| Blocked {
            user_id, block_id, report,
        }.into()),
        1 => (person(), person()).prop_map(|(user_id, block_id)| Unblocked {
            user_id, block_id,
        }.into()),
        6 => (
            party(),
            destination(),
            prop::option::of(text()),
            prop::option::of(place()),
            text(),
        ).prop_map(|(from, to, to_resource, via, body)| MessageSent {
            to_resource,
            via,
            ..MessageSent::new(from, to, body)
        }.into()),
        1 => (party(), destination()).prop_map(|(by, of)| HistoryCleared { by, of }.into()),
        3 => (party(), party(), prop::collection::vec(0..120_u64, 0..20)).prop_map(
            |(owner, peer, revisions)| MessagesDelivered {
                owner, from: [(peer, revisions)].into(),
            }.into()
        ),
        1 => (party(), party(), text()).prop_map(|(owner, peer, id)| MessageDisplayed {
            owner, peer, id,
        }.into()),
        1 => (person(), device()).prop_map(|(user_id, device)| PushTokenBound {
            user_id, device,
        }.into()),
        1 => (person(), device()).prop_map(|(user_id, device)| PushTokenUnbound {
            user_id, device,
        }.into()),
        1 => person().prop_map(|user_id| UserBanned { user_id }.into()),
        1 => person().prop_map(|user_id| UserUnbanned { user_id }.into()),
        6 => (0..30_u8, person(), place(), any::<bool>(), prop::option::of("[ab]"), 0..60_u32)
            .prop_map(|(id, user_id, shop_id, hidden, bssid, od)| CheckedIn {
                od,
                bssid,
                ..made(checkin(id), user_id, shop_id, hidden)
            }.into()),
        3 => (0..30_u8, person(), place())
            .prop_map(|(id, person, place)| taken_back(checkin(id), person, place)),
    ]
}

/// Few pictures, most of them their owner's, some told of under another's name.
fn of_pictures() -> impl Strategy<Value = Event> {
    let picture = || {
        (0..8_u8, prop::bool::weighted(0.1)).prop_map(|(number, wrong)| {
            let owner = user(number % 2 + 1 + u8::from(wrong));
            (photo(number), owner)
        })
    };
    let purpose = prop_oneof![
        2 => Just(Purpose::Album),
        1 => (1..5_u64, prop::option::of(0..30_u8))
            .prop_map(|(place, at)| for_room(shop(place), at.map(checkin))),
        1 => (1..5_u8).prop_map(|person| Purpose::Private { to_id: user(person) }),
    ];
    let format = prop::sample::select(vec![Format::Jpeg, Format::Png, Format::Gif]);
    prop_oneof![
        3 => picture().prop_map(|(photo, owner)| added(photo, owner)),
        3 => (picture(), purpose)
            .prop_map(|((photo, owner), purpose)| uploaded(photo, owner, purpose)),
        4 => (picture(), format)
            .prop_map(|((photo, owner), format)| published(photo, owner, format)),
        1 => picture().prop_map(|(photo, owner)| rejected(photo, owner)),
        1 => picture().prop_map(|(photo, owner)| removed(photo, owner)),
        2 => (1..3_u8, prop::collection::vec(0..8_u8, 0..6)).prop_map(
            |(person, numbers)| reordered(user(person), numbers.into_iter().map(photo))
        ),
    ]
}

fn of_coupons() -> impl Strategy<Value = Event> {
    let of = || (0..4_u8).prop_map(|number| (coupon(number), shop(u64::from(number) / 2 + 1)));
    let rule = (0..3_u8).prop_map(|rule| Rule::try_from(rule).expect("0 to 2"));
    prop_oneof![
        2 => (of(), rule, prop::option::of("2013-1[0-2]-[12][0-9]"), any::<bool>()).prop_map(
            |((coupon_id, shop_id), rule, valid_until, image)| CouponOffered {
                coupon_id,
                shop_id,
                name: "半价".into(),
                desc: String::new(),
                rule,
                valid_until,
                image,
            }.into()
        ),
        1 => of().prop_map(|(coupon_id, shop_id)| CouponWithdrawn { coupon_id, shop_id }.into()),
        4 => (of(), 1..5_u8).prop_map(|((coupon_id, shop_id), person)| CouponGranted {
            coupon_id,
            user_id: user(person),
            shop_id,
            checkin_id: checkin(person),
            occasion: Occasion::Checkin,
            at: Millis(5),
        }.into()),
        2 => (of(), 1..5_u8).prop_map(|((coupon_id, shop_id), person)| CouponUsed {
            coupon_id,
            user_id: user(person),
            shop_id,
            granted_at: Millis(5),
        }.into()),
    ]
}
