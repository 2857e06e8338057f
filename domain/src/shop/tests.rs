use super::*;
use crate::geo::Point;
use crate::spec::given;

const SOURCE: &str = "osm:node/25046087";

fn id() -> ShopId {
    ShopId::new(7).expect("an id")
}

fn cafe(name: &str) -> ShopDetails {
    ShopDetails {
        name: name.into(),
        point: Point::new(60.17, 24.94).expect("a point"),
        category: Category::Cafe,
        address: String::new(),
        phone: String::new(),
        points: Vec::new(),
    }
}

fn registered(source: Option<&str>) -> Event {
    let source = source.map(str::to_owned);
    ShopRegistered {
        shop_id: id(),
        details: cafe("Ekberg"),
        source,
    }
    .into()
}

fn revised(name: &str, source: Option<&str>) -> Event {
    let source = source.map(str::to_owned);
    ShopRevised {
        shop_id: id(),
        details: cafe(name),
        source,
    }
    .into()
}

fn import(name: &str, source: &str) -> Command {
    Command::Import {
        shop_id: id(),
        details: cafe(name),
        source: source.into(),
    }
}

fn rename(name: &str) -> Command {
    Command::Revise(DetailsEdit {
        name: Some(name.into()),
        ..DetailsEdit::default()
    })
}

#[test]
fn an_id_belongs_to_one_shop_for_ever() {
    let register = |name| Command::Register {
        shop_id: id(),
        details: cafe(name),
    };
    given::<Shop>([])
        .when(register("Ekberg"))
        .then([registered(None)]);
    given::<Shop>([registered(None)])
        .when(register("Ekberg"))
        .then_nothing();
    given::<Shop>([registered(None)])
        .when(register("Fazer"))
        .then_rejected(Rejection::IdTaken);
    given::<Shop>([registered(None), ShopClosed { shop_id: id() }.into()])
        .when(register("Ekberg"))
        .then_rejected(Rejection::IdTaken);
}

#[test]
fn importing_the_same_record_again_changes_nothing() {
    given::<Shop>([])
        .when(import("Ekberg", SOURCE))
        .then([registered(Some(SOURCE))]);
    given::<Shop>([registered(Some(SOURCE))])
        .when(import("Ekberg", SOURCE))
        .then_nothing();
}

#[test]
fn a_record_that_changed_revises_the_shop() {
    given::<Shop>([registered(Some(SOURCE))])
        .when(import("Ekberg 1852", SOURCE))
        .then([revised("Ekberg 1852", Some(SOURCE))]);
}

#[test]
fn an_import_does_not_undo_what_an_operator_did() {
    given::<Shop>([registered(Some(SOURCE)), revised("Ekberg ★", None)])
        .when(import("Ekberg", SOURCE))
        .then_nothing();
    given::<Shop>([
        registered(Some(SOURCE)),
        ShopClosed { shop_id: id() }.into(),
    ])
    .when(import("Ekberg 1852", SOURCE))
    .then_nothing();
}

#[test]
fn an_import_never_takes_over_another_shop() {
    given::<Shop>([registered(None)])
        .when(import("Ekberg", SOURCE))
        .then_rejected(Rejection::IdTaken);
    given::<Shop>([registered(Some(SOURCE))])
        .when(import("Ekberg", "osm:way/3"))
        .then_rejected(Rejection::IdTaken);
}

#[test]
fn revising_records_all_details_and_only_a_change() {
    given::<Shop>([registered(None)])
        .when(rename("Fazer"))
        .then([revised("Fazer", None)]);
    given::<Shop>([registered(None)])
        .when(rename("Ekberg"))
        .then_nothing();
    given::<Shop>([registered(None)])
        .when(rename(" "))
        .then_rejected(Rejection::Name);
}

#[test]
fn further_points_stay_until_others_are_given() {
    let at = |lat| Point::new(lat, 24.94).expect("a point");
    let with = |points: &[f64]| {
        let points = points.iter().map(|lat| at(*lat)).collect();
        Event::from(ShopRevised {
            shop_id: id(),
            details: ShopDetails {
                points,
                ..cafe("Ekberg")
            },
            source: None,
        })
    };
    let edit = |points: Vec<Point>| {
        Command::Revise(DetailsEdit {
            points: Some(points),
            ..DetailsEdit::default()
        })
    };
    given::<Shop>([registered(None)])
        .when(edit(vec![at(60.18), at(60.19)]))
        .then([with(&[60.18, 60.19])]);
    given::<Shop>([registered(None), with(&[60.18])])
        .when(edit(vec![at(60.18)]))
        .then_nothing();
    given::<Shop>([registered(None), with(&[60.18])])
        .when(rename("Ekberg"))
        .then_nothing();
    given::<Shop>([registered(None), with(&[60.18])])
        .when(edit(Vec::new()))
        .then([with(&[])]);
    given::<Shop>([registered(None)])
        .when(edit(vec![at(60.18); MAX_POINTS + 1]))
        .then_rejected(Rejection::TooManyPoints);
}

#[test]
fn a_closed_shop_cannot_be_changed_but_closed_again() {
    let closed = || [registered(None), ShopClosed { shop_id: id() }.into()];
    given::<Shop>(closed())
        .when(rename("Fazer"))
        .then_rejected(Rejection::UnknownShop);
    given::<Shop>(closed()).when(Command::Close).then_nothing();
    given::<Shop>([])
        .when(Command::Close)
        .then_rejected(Rejection::UnknownShop);
}

#[test]
fn staff_are_listed_once() {
    let user_id = UserId::new(1, [1; 8]);
    let added = || {
        Event::from(StaffAdded {
            shop_id: id(),
            user_id,
        })
    };
    let removed = || {
        Event::from(StaffRemoved {
            shop_id: id(),
            user_id,
        })
    };
    given::<Shop>([registered(None)])
        .when(Command::AddStaff { user_id })
        .then([added()]);
    given::<Shop>([registered(None), added()])
        .when(Command::AddStaff { user_id })
        .then_nothing();
    given::<Shop>([registered(None), added(), removed()])
        .when(Command::RemoveStaff { user_id })
        .then_nothing();
}

#[test]
fn a_notice_is_posted_once_and_can_be_taken_down() {
    let post = |title: &str| Command::PostNotice {
        title: title.into(),
    };
    let posted = |title: &str| {
        Event::from(NoticePosted {
            shop_id: id(),
            title: title.into(),
        })
    };
    given::<Shop>([registered(None)])
        .when(post(""))
        .then_nothing();
    given::<Shop>([registered(None), posted("hi")])
        .when(post(""))
        .then([posted("")]);
    given::<Shop>([registered(None)])
        .when(post(&"字".repeat(256)))
        .then_rejected(Rejection::Title);
}

#[test]
fn each_secret_is_another_and_what_is_revoked_is_not_good() {
    let issued = |generation| {
        Event::from(XmppSecretIssued {
            shop_id: id(),
            generation,
        })
    };
    let revoked = || Event::from(XmppSecretRevoked { shop_id: id() });
    given::<Shop>([registered(None)])
        .when(Command::RevokeXmppSecret)
        .then_nothing();
    given::<Shop>([registered(None)])
        .when(Command::IssueXmppSecret)
        .then([issued(1)]);
    given::<Shop>([registered(None), issued(1), revoked()])
        .when(Command::IssueXmppSecret)
        .then([issued(2)]);
    given::<Shop>([registered(None), issued(1)])
        .when(Command::RevokeXmppSecret)
        .then([revoked()]);
    given::<Shop>([registered(None), issued(1), revoked()])
        .when(Command::RevokeXmppSecret)
        .then_nothing();

    let good = |events: &[Event]| Shop::fold(events).and_then(|shop| shop.xmpp_generation());
    assert_eq!(good(&[registered(None)]), None);
    assert_eq!(good(&[registered(None), issued(2)]), Some(2));
    assert_eq!(good(&[registered(None), issued(2), revoked()]), None);
    let closed = ShopClosed { shop_id: id() };
    assert_eq!(good(&[registered(None), issued(2), closed.into()]), None);
}
