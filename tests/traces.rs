//! Where one has been: `/user_info/trace` (seed §14), and taking it back (seed §15).

use crate::harness::{DAY, HOUR, House, MINUTE, Phone, Stores, same, settings};
use serde_json::{Value, json};

/// The shops and clocks of the visits of a trace.
fn visits(trace: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let rows = trace["data"].as_array().expect("an array");
    rows.iter()
        .map(|row| (text(&row["shop"]), text(&row["time"][1])))
        .collect()
}

fn visit(shop: &str, clock: &str) -> (String, String) {
    (shop.to_owned(), clock.to_owned())
}

/// Checks in at each of the shops, a minute apart, from 14:24 on.
async fn walk(house: &House, phone: &Phone, shops: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for shop in shops {
        ids.push(phone.check_in(shop).await);
        house.clock.pass(MINUTE);
    }
    ids
}

#[tokio::test]
async fn a_trace_is_an_array_unless_an_object_is_asked_for() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    house
        .shop_with(json!({"id": 7, "name": "Ekberg", "lat": 60, "lng": 24, "t": 2}))
        .await;
    walk(&house, &ana, &["7"]).await;
    let data = json!([{
        "id": "<id>", "time": ["09.22", "14:24"], "shop": "Ekberg", "shop_id": 7, "photos": [],
    }]);
    let array = json!([{"pcount": 1}, {"data": data}]);
    let object = json!({"pcount": 1, "data": data});
    for (hash, expected) in [
        (None, &array),
        (Some("0"), &array),
        (Some("false"), &array),
        (Some(""), &array),
        (Some("1"), &object),
        (Some("true"), &object),
    ] {
        let parameters: Vec<_> = hash.into_iter().map(|hash| ("hash", hash)).collect();
        let trace = ana.get("/user_info/trace", &parameters).await.ok();
        same(&house.scrub.tidy(&trace), expected);
    }
}

#[tokio::test]
async fn nobody_sees_a_trace_but_its_owner() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    ana.check_in(&cafe).await;
    house.get("/user_info/trace", &[]).await.refused(401);
    let parameters = [
        ("id", ana.id.as_str()),
        ("user_id", ana.id.as_str()),
        ("hash", "1"),
    ];
    let trace = bo.get("/user_info/trace", &parameters).await.ok();
    same(&trace, &json!({"pcount": 0, "data": []}));
}

#[tokio::test]
async fn check_ins_in_a_row_at_one_shop_are_one_visit_and_counted_before_they_are_merged() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let bar = house.shop("Kaisla", 60.171, 24.945).await;
    let ids = walk(&house, &ana, &[&cafe, &cafe, &bar, &cafe, &cafe, &cafe]).await;
    let trace = ana.trace().await;
    assert_eq!(trace["pcount"], 6);
    let expected = [
        visit("Ekberg", "14:29"),
        visit("Kaisla", "14:26"),
        visit("Ekberg", "14:25"),
    ];
    assert_eq!(visits(&trace), expected);
    assert_eq!(trace["data"][0]["id"], ids[5]);
}

#[tokio::test]
async fn a_day_ends_at_midnight_in_the_time_zone_of_the_house() {
    for (zone, expected) in [
        (
            "Asia/Shanghai",
            vec![visit("Ekberg", "00:24"), visit("Ekberg", "23:24")],
        ),
        // There it is 18:24 still.
        ("Europe/Helsinki", vec![visit("Ekberg", "19:24")]),
    ] {
        let mut settings = settings();
        settings.timezone = jiff::tz::TimeZone::get(zone).expect("a zone");
        let house = House::with(Stores::Memory, settings).await;
        let ana = house.login("ana").await;
        let cafe = house.shop("Ekberg", 60.168, 24.938).await;
        house.clock.pass(9 * HOUR);
        ana.check_in(&cafe).await;
        house.clock.pass(HOUR);
        ana.check_in(&cafe).await;
        assert_eq!(visits(&ana.trace().await), expected, "{zone}");
    }
}

#[tokio::test]
async fn the_day_is_written_with_its_year_once_that_is_over() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    ana.check_in(&cafe).await;
    assert_eq!(
        ana.trace().await["data"][0]["time"],
        json!(["09.22", "14:24"])
    );
    house.clock.pass(200 * DAY);
    let ana = house.login("ana").await;
    assert_eq!(
        ana.trace().await["data"][0]["time"],
        json!(["2012.09.22", "14:24"])
    );
}

#[tokio::test]
async fn pages_hold_check_ins_and_the_last_one_counts_fewer() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let bar = house.shop("Kaisla", 60.171, 24.945).await;
    walk(&house, &ana, &[&cafe, &bar, &bar, &cafe, &bar]).await;
    let page = async |page, pcount| {
        let parameters = [("page", page), ("pcount", pcount), ("hash", "1")];
        let trace = ana.get("/user_info/trace", &parameters).await.ok();
        let count = trace["pcount"].as_u64().expect("a count");
        (
            count,
            visits(&trace)
                .into_iter()
                .map(|(_, clock)| clock)
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        page("1", "3").await,
        (3, vec!["14:28".into(), "14:27".into(), "14:26".into()])
    );
    assert_eq!(
        page("2", "3").await,
        (2, vec!["14:25".into(), "14:24".into()])
    );
    assert_eq!(page("3", "3").await, (0, vec![]));
    let (count, shown) = page("1", "4294967295").await;
    assert_eq!((count, shown.len()), (5, 4));
    for bad in ["0", "-1", "x", ""] {
        ana.get("/user_info/trace", &[("page", bad)])
            .await
            .refused(400);
        ana.get("/user_info/trace", &[("pcount", bad)])
            .await
            .refused(400);
    }
}

#[tokio::test]
async fn taking_back_a_visit_takes_back_all_of_its_check_ins_and_no_other() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let bar = house.shop("Kaisla", 60.171, 24.945).await;
    walk(&house, &ana, &[&cafe, &bar, &cafe, &cafe, &cafe]).await;
    house.happened().await;
    let shown = ana.trace().await["data"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let answer = ana.post("/checkins/delete", &[("id", &shown)]).await.ok();
    same(&answer, &json!({"deleted": shown}));
    let trace = ana.trace().await;
    assert_eq!(
        visits(&trace),
        [visit("Kaisla", "14:25"), visit("Ekberg", "14:24")]
    );
    assert_eq!(trace["pcount"], 2);
    let happened = house.happened().await;
    let events = happened.as_array().expect("an array");
    assert_eq!(events.len(), 3, "{happened}");
    for event in events {
        let data = json!({
            "checkin_id": "<id>", "user_id": "<ana>", "shop_id": cafe.parse::<u64>().expect("id"),
        });
        let deleted = json!({"stream": "checkin-<id>", "type": "checkin.deleted.v1", "data": data});
        same(event, &deleted);
    }
}

#[tokio::test]
async fn any_check_in_of_a_visit_stands_for_the_whole_of_it() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let ids = walk(&house, &ana, &[&cafe, &cafe, &cafe]).await;
    ana.post("/checkins/delete", &[("id", &ids[1])]).await.ok();
    assert!(ana.checkins().await.is_empty());
}

#[tokio::test]
async fn what_is_gone_can_be_taken_back_again_without_effect() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let id = ana.check_in(&cafe).await;
    ana.post("/checkins/delete", &[("id", &id)]).await.ok();
    house.happened().await;
    let again = ana.post("/checkins/delete", &[("id", &id)]).await.ok();
    same(&again, &json!({"deleted": id}));
    house.nothing_happened().await;
}

#[tokio::test]
async fn nobody_takes_back_a_strangers_visit_or_one_that_never_was() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let id = ana.check_in(&cafe).await;
    house.happened().await;
    bo.post("/checkins/delete", &[("id", &id)])
        .await
        .refused(403);
    house
        .post("/checkins/delete", &[("id", &id)])
        .await
        .refused(401);
    let unknown = "502e6303421aa918ba000001";
    ana.post("/checkins/delete", &[("id", unknown)])
        .await
        .refused(404);
    for bad in [
        "",
        "x",
        "1",
        &id[..23],
        &id.to_uppercase(),
        "502e6303421aa918ba00000g",
    ] {
        // An id without letters is the same in capitals.
        if bad != id {
            ana.post("/checkins/delete", &[("id", bad)])
                .await
                .refused(400);
        }
    }
    ana.post("/checkins/delete", &[]).await.refused(400);
    house.nothing_happened().await;
    assert_eq!(ana.checkins().await.len(), 1);
}
