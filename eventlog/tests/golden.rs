//! The bytes of every stored event, pinned: each lies in `golden/<stored name>.json` exactly as in
//! the store. A file that must change means that events of old no longer read: leave it, and write
//! an upcast.

use domain::album::{AlbumReordered, PhotoAdded, PhotoRemoved};
use domain::block::{Blocked, Unblocked};
use domain::chat::{Destination, HistoryCleared, MessageSent};
use domain::checkin::{CheckedIn, CheckinDeleted};
use domain::coupon::{CouponOffered, CouponWithdrawn, Rule};
use domain::device::AppStarted;
use domain::follow::{Followed, Unfollowed};
use domain::geo::Point;
use domain::grant::{CouponGranted, CouponUsed, Occasion};
use domain::identity::IdentityLinked;
use domain::inbox::{MessageDisplayed, MessagesDelivered};
use domain::photo::{
    Format, PhotoProcessed, PhotoRejected, PhotoShareFailed, PhotoShared, PhotoUploaded, Purpose,
    Reason,
};
use domain::push::{Device, Gateway, PushTokenBound, PushTokenUnbound, Token};
use domain::share::{Failure, ShareFailed, ShareRequested, Shared};
use domain::shop::{
    Category, NoticePosted, ShopClosed, ShopDetails, ShopRegistered, ShopRevised, StaffAdded,
    StaffRemoved, XmppSecretIssued, XmppSecretRevoked,
};
use domain::user::{
    Gender, Invisible, PasswordReset, ProfileChanged, ProfileEdit, UserBanned, UserRegistered,
    UserUnbanned, VisibilityChanged,
};
use domain::{
    CheckinId, CouponId, Event, EventKind, Millis, Party, PhotoId, Position, ShopId, StreamName,
    UserId,
};
use eventlog::{Metadata, NewEvent, StoredEvent, codec};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use uuid::Uuid;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// One event of each kind, every field filled.
fn sample(kind: EventKind) -> Event {
    let user_id: UserId = "502e6303421aa918ba000001".parse().expect("an id");
    let other_id: UserId = "5044301dbe4b192a30000002".parse().expect("an id");
    let checkin_id: CheckinId = "50b7f1e2421aa918ba000002".parse().expect("an id");
    let photo_id: PhotoId = "509a1ffcbe4b1982a4000002".parse().expect("an id");
    let coupon_id: CouponId = "50a1f1e2421aa918ba000003".parse().expect("an id");
    let shop_id = ShopId::new(4_928_288).expect("an id");
    let point = Point::new(30.282_204, 120.115_28).expect("a point");
    let details = ShopDetails {
        name: "浙江科技产业大厦".into(),
        point,
        category: Category::Building,
        address: "古翠路80号".into(),
        phone: "0571-88888888".into(),
        points: Vec::new(),
    };
    let device = Device {
        state: Gateway::Distribution,
        token: Token::new(&"0f".repeat(32)).expect("a token"),
    };
    match kind {
        EventKind::AppStarted => AppStarted {
            model: "iPhone5,1".into(),
            os: "6.0.1".into(),
            ver: Some("1.0".into()),
        }
        .into(),
        EventKind::ShopRegistered => ShopRegistered {
            shop_id,
            details,
            source: Some("osm:way/33".into()),
        }
        .into(),
        EventKind::ShopRevised => ShopRevised {
            shop_id,
            details: ShopDetails {
                name: "Café \"1852\"\\".into(),
                ..details
            },
            source: None,
        }
        .into(),
        EventKind::ShopClosed => ShopClosed { shop_id }.into(),
        EventKind::NoticePosted => NoticePosted {
            shop_id,
            title: "今晚八折\nwelcome 🎉".into(),
        }
        .into(),
        EventKind::StaffAdded => StaffAdded { shop_id, user_id }.into(),
        EventKind::StaffRemoved => StaffRemoved { shop_id, user_id }.into(),
        EventKind::XmppSecretIssued => XmppSecretIssued {
            shop_id,
            generation: 1,
        }
        .into(),
        EventKind::XmppSecretRevoked => XmppSecretRevoked { shop_id }.into(),
        EventKind::IdentityLinked => IdentityLinked {
            provider: "local".into(),
            user_id,
        }
        .into(),
        EventKind::UserRegistered => UserRegistered {
            user_id,
            name: "Ana".into(),
            gender: Gender::Female,
            wb_uid: Some("1884834632".into()),
        }
        .into(),
        EventKind::ProfileChanged => ProfileChanged {
            user_id,
            changes: ProfileEdit {
                name: Some("阿娜".into()),
                gender: Some(Gender::Male),
                birthday: Some("1990-02-28".into()),
                signature: Some("hello".into()),
                job: Some("程序员".into()),
                jobtype: Some(3),
                hobby: Some("♪".into()),
            },
        }
        .into(),
        EventKind::VisibilityChanged => VisibilityChanged {
            user_id,
            invisible: Invisible::ToEveryone,
        }
        .into(),
        EventKind::PasswordReset => PasswordReset {
            user_id,
            generation: 1,
        }
        .into(),
        EventKind::UserBanned => UserBanned { user_id }.into(),
        EventKind::UserUnbanned => UserUnbanned { user_id }.into(),
        EventKind::ShareRequested => ShareRequested {
            user_id,
            ver: Some("1.0".into()),
            at: Millis(1_354_232_290_000),
        }
        .into(),
        EventKind::Shared => Shared { user_id }.into(),
        EventKind::ShareFailed => ShareFailed {
            user_id,
            reason: Failure::NoToken,
        }
        .into(),
        EventKind::Followed => Followed {
            user_id,
            follow_id: other_id,
        }
        .into(),
        EventKind::Unfollowed => Unfollowed {
            user_id,
            follow_id: other_id,
        }
        .into(),
        EventKind::Blocked => Blocked {
            user_id,
            block_id: other_id,
            report: true,
        }
        .into(),
        EventKind::Unblocked => Unblocked {
            user_id,
            block_id: other_id,
        }
        .into(),
        EventKind::CheckedIn => CheckedIn {
            checkin_id,
            user_id,
            shop_id,
            point,
            accuracy: 65.0,
            od: 1,
            altitude: Some(12.5),
            altacc: Some(10.0),
            bssid: Some("a4:5e:60:c2:01:9f".into()),
            hidden: false,
        }
        .into(),
        EventKind::CheckinDeleted => CheckinDeleted {
            checkin_id,
            user_id,
            shop_id,
        }
        .into(),
        EventKind::PhotoAdded => PhotoAdded {
            user_id,
            photo_id,
            format: Format::Gif,
            bytes: 81_234,
        }
        .into(),
        EventKind::PhotoRemoved => PhotoRemoved { user_id, photo_id }.into(),
        EventKind::AlbumReordered => AlbumReordered {
            user_id,
            photo_ids: vec![photo_id, PhotoId::from_bytes([7; 12])],
        }
        .into(),
        EventKind::PhotoUploaded => PhotoUploaded {
            photo_id,
            user_id,
            format: Format::Jpeg,
            bytes: 81_234,
            purpose: Purpose::Room {
                shop_id,
                desc: Some("海边 🌊".into()),
                weibo: true,
                checkin_id: Some(checkin_id),
            },
        }
        .into(),
        EventKind::PhotoProcessed => PhotoProcessed {
            photo_id,
            user_id,
            format: Format::Png,
            width: 960,
            height: 720,
            bytes: 80_111,
        }
        .into(),
        EventKind::PhotoRejected => PhotoRejected {
            photo_id,
            user_id,
            reason: Reason::NotAPicture,
        }
        .into(),
        EventKind::PhotoShared => PhotoShared { photo_id, user_id }.into(),
        EventKind::PhotoShareFailed => PhotoShareFailed {
            photo_id,
            user_id,
            reason: Failure::Away,
        }
        .into(),
        EventKind::CouponOffered => CouponOffered {
            coupon_id,
            shop_id,
            name: "第二杯半价".into(),
            desc: "每桌限用一张\n不与其他优惠同享".into(),
            rule: Rule::EveryCheckin,
            valid_until: Some("2013-12-31".into()),
            image: true,
        }
        .into(),
        EventKind::CouponWithdrawn => CouponWithdrawn { coupon_id, shop_id }.into(),
        EventKind::CouponGranted => CouponGranted {
            coupon_id,
            user_id,
            shop_id,
            checkin_id,
            occasion: Occasion::Checkin,
            at: Millis(1_354_232_290_000),
        }
        .into(),
        EventKind::CouponUsed => CouponUsed {
            coupon_id,
            user_id,
            shop_id,
            granted_at: Millis(1_354_232_290_000),
        }
        .into(),
        EventKind::MessageSent => MessageSent {
            from: user_id.into(),
            from_resource: Some("phone".into()),
            to: Destination::To(other_id.into()),
            to_resource: Some("tablet".into()),
            via: Some(shop_id),
            normal: true,
            id: Some("m1".into()),
            body: "你好 <\"&\"> 🌊".into(),
            children: "<request xmlns='urn:xmpp:receipts'/>".into(),
        }
        .into(),
        EventKind::HistoryCleared => HistoryCleared {
            by: user_id.into(),
            of: Destination::Room(shop_id),
        }
        .into(),
        EventKind::MessagesDelivered => MessagesDelivered {
            owner: user_id.into(),
            from: BTreeMap::from([
                (other_id.into(), vec![0, 1]),
                (Party::Shop(shop_id), vec![7]),
            ]),
        }
        .into(),
        EventKind::MessageDisplayed => MessageDisplayed {
            owner: user_id.into(),
            peer: other_id.into(),
            id: "m1".into(),
        }
        .into(),
        EventKind::PushTokenBound => PushTokenBound { user_id, device }.into(),
        EventKind::PushTokenUnbound => PushTokenUnbound { user_id, device }.into(),
    }
}

/// Every sample with the name of its golden file; some kinds have a second one, with what most of
/// their events lack.
fn samples() -> Vec<(String, Event)> {
    let mut all: Vec<_> = EventKind::ALL
        .iter()
        .map(|kind| (kind.name().to_owned(), sample(*kind)))
        .collect();
    if let Event::ShopRegistered(mut registered) = sample(EventKind::ShopRegistered) {
        registered.details.points = [(30.29, 120.12), (-89.5, -180.0)]
            .map(|(lat, lng)| Point::new(lat, lng).expect("a point"))
            .into();
        let name = format!("{}.with-points", EventKind::ShopRegistered.name());
        all.push((name, registered.into()));
    }
    all
}

fn stored(kind: EventKind, schema_version: u32, data: String, metadata: String) -> StoredEvent {
    StoredEvent {
        position: Position(1),
        stream: StreamName::from_stored("golden".into()),
        revision: 0,
        id: Uuid::nil(),
        type_name: kind.name().into(),
        schema_version,
        time: Millis(1_354_232_290_000),
        data,
        metadata,
    }
}

#[test]
fn every_event_is_written_as_its_golden_file_and_read_from_it() {
    let mut wrong = Vec::new();
    for (name, event) in samples() {
        let kind = event.kind();
        let new = NewEvent {
            id: Uuid::nil(),
            time: Millis(1_354_232_290_000),
            event,
            metadata: Metadata::default(),
        };
        let written = codec::encode(&new).expect("a sound event");
        assert_eq!(
            (written.type_name, written.schema_version),
            (kind.name(), 1)
        );
        let Ok(golden) = fs::read_to_string(folder().join(format!("{name}.json"))) else {
            wrong.push(format!(
                "{name} has no golden file; it is written {}",
                written.data
            ));
            continue;
        };
        if written.data != golden {
            wrong.push(format!("{name}:\n   is {}\ngolden {golden}", written.data));
        }
        let read = codec::decode(stored(kind, 1, golden, "{}".into())).expect("readable");
        assert_eq!(read.event, new.event);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_golden_file_belongs_to_an_event() {
    let names: BTreeSet<_> = samples()
        .into_iter()
        .map(|(name, _)| format!("{name}.json"))
        .collect();
    for file in fs::read_dir(folder()).expect("the folder is there") {
        let name = file
            .expect("readable")
            .file_name()
            .into_string()
            .expect("text");
        assert!(names.contains(&name), "{name} belongs to no event");
    }
}

#[test]
fn a_message_in_a_room_is_written_without_what_it_does_not_have() {
    let shop_id = ShopId::new(4_928_288).expect("an id");
    let from: Party = "502e6303421aa918ba000001".parse().expect("an id");
    let event: Event = MessageSent::new(from, Destination::Room(shop_id), "hi").into();
    let new = NewEvent {
        id: Uuid::nil(),
        time: Millis(0),
        event: event.clone(),
        metadata: Metadata::default(),
    };
    let written = codec::encode(&new).expect("a sound event").data;
    assert_eq!(
        written,
        "{\"from\":\"502e6303421aa918ba000001\",\"room\":4928288,\"body\":\"hi\"}"
    );
    let read = codec::decode(stored(event.kind(), 1, written, "{}".into())).expect("readable");
    assert_eq!(read.event, event);
}

#[test]
fn metadata_is_written_without_what_is_not_known() {
    let kind = EventKind::ShopClosed;
    let mut new = NewEvent {
        id: Uuid::nil(),
        time: Millis(0),
        event: sample(kind),
        metadata: Metadata::default(),
    };
    assert_eq!(codec::encode(&new).expect("a sound event").metadata, "{}");
    new.metadata = Metadata {
        causation: Some(Uuid::from_u128(1)),
        correlation: Some(Uuid::from_u128(2)),
        actor: Some("import".into()),
    };
    let written = codec::encode(&new).expect("a sound event");
    assert_eq!(
        written.metadata,
        "{\"causation\":\"00000000-0000-0000-0000-000000000001\",\
          \"correlation\":\"00000000-0000-0000-0000-000000000002\",\"actor\":\"import\"}"
    );
    let read = codec::decode(stored(kind, 1, written.data, written.metadata)).expect("readable");
    assert_eq!(read.metadata, new.metadata);
}
