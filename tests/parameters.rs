//! Parameters: query, form, multipart and JSON read alike (contract §0).

use crate::harness::{Call, House, Phone, multipart, same};
use serde_json::{Value, json};

const TEXT: &str = "<b>脸 & 脸</b> 😀 +%20=;";

/// The same fields, in every way in which a phone may send them.
fn every_way(path: &str, fields: &[(&str, &str)]) -> Vec<(&'static str, Call)> {
    let call = || Call::new("POST", path);
    let (kind, body) = multipart(fields);
    let texts: Value = fields
        .iter()
        .map(|(k, v)| ((*k).to_owned(), json!(v)))
        .collect();
    let numbers: Value = fields
        .iter()
        .map(|(k, v)| {
            let number = serde_json::from_str::<Value>(v)
                .ok()
                .filter(Value::is_number);
            ((*k).to_owned(), number.unwrap_or_else(|| json!(v)))
        })
        .collect();
    vec![
        ("query", call().query(fields)),
        ("form", call().form(fields)),
        ("multipart", call().body(&kind, body)),
        ("JSON of texts", call().json(&texts)),
        ("JSON of numbers", call().json(&numbers)),
        (
            "half and half",
            call().query(&fields[..1]).form(&fields[1..]),
        ),
    ]
}

#[tokio::test]
async fn settings_arrive_alike_however_they_are_sent() {
    let house = House::new().await;
    let fields = [("gender", "2"), ("signature", TEXT), ("jobtype", "-7")];
    for (name, call) in every_way("/user_info/set", &fields) {
        let phone = house.login(name).await;
        let row = phone.send(call).await.ok();
        assert_eq!(
            (&row["gender"], &row["jobtype"]),
            (&json!(2), &json!(-7)),
            "{name}"
        );
        assert_eq!(row["signature"], TEXT, "{name}");
    }
}

#[tokio::test]
async fn a_check_in_arrives_alike_however_it_is_sent() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house
        .shop_with(json!({"id": 7, "name": "x", "lat": 60, "lng": 24, "t": 2}))
        .await;
    house.happened().await;
    let fields = [
        ("lat", "60.5"),
        ("lng", "24.25"),
        ("accuracy", "65"),
        ("shop_id", cafe.as_str()),
        ("user_id", ana.id.as_str()),
        ("od", "3"),
        ("bssid", "00:1b:2c:3d:4e:5f"),
    ];
    for (name, call) in every_way("/checkins", &fields) {
        ana.send(call).await.ok();
        let event = json!([{
            "stream": "checkin-<id>",
            "type": "checkin.checked-in.v1",
            "data": {
                "checkin_id": "<id>", "user_id": "<ana>", "shop_id": 7, "lat": 60.5, "lng": 24.25,
                "accuracy": 65.0, "od": 3, "altitude": null, "altacc": null,
                "bssid": "00:1b:2c:3d:4e:5f", "hidden": false,
            },
        }]);
        let happened = house.happened().await;
        assert_eq!(happened, event, "{name}");
    }
}

#[tokio::test]
async fn the_type_of_a_body_may_be_written_in_capitals_with_a_charset() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    for (kind, body) in [
        (
            "Application/X-WWW-Form-URLEncoded; charset=UTF-8",
            "job=cook",
        ),
        ("APPLICATION/JSON;charset=utf-8", r#"{"job":"cook"}"#),
    ] {
        ana.set(&[("job", "")]).await;
        let row = ana
            .send(Call::new("POST", "/user_info/set").body(kind, body))
            .await
            .ok();
        assert_eq!(row["job"], "cook", "{kind}");
    }
}

#[tokio::test]
async fn the_body_of_a_get_means_nothing() {
    let house = House::new().await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let call = Call::new("GET", "/shop/info").query(&[("id", &cafe)]);
    house.send(call.form(&[("id", "999")])).await.ok();
    house
        .send(Call::new("GET", "/shop/info").form(&[("id", &cafe)]))
        .await
        .refused(400);
}

#[tokio::test]
async fn a_parameter_given_twice_is_refused_and_changes_nothing() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    house.happened().await;
    let refused = async |call| {
        ana.send(call).await.refused(400);
    };
    refused(Call::new("GET", format!("/shop/info?id={cafe}&id={cafe}"))).await;
    refused(Call::new("POST", "/user_info/set").form(&[("job", "a"), ("job", "b")])).await;
    refused(Call::new("POST", "/user_info/set?job=a").form(&[("job", "b")])).await;
    refused(Call::new("POST", "/user_info/set?job=a").json(&json!({"job": "a"}))).await;
    let (kind, body) = multipart(&[("job", "a"), ("job", "a")]);
    refused(Call::new("POST", "/user_info/set").body(&kind, body)).await;
    house.nothing_happened().await;
}

#[tokio::test]
async fn parameters_that_a_call_does_not_know_are_ignored() {
    let house = House::new().await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let plain = house.get("/shop/info", &[("id", &cafe)]).await.ok();
    let more = house
        .get("/shop/info", &[("id", &cafe), ("x", "1"), ("x", "2")])
        .await
        .ok();
    same(&more, &plain);
}

#[tokio::test]
async fn nobody_checks_in_for_somebody_else() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    house.happened().await;
    let forged = Phone {
        id: bo.id.clone(),
        ..ana.clone()
    };
    house.send(forged.check_in_call(&cafe)).await.refused(403);
    let nobody = Phone {
        id: "502e6303421aa918ba000001".into(),
        ..ana.clone()
    };
    house.send(nobody.check_in_call(&cafe)).await.refused(403);
    house.nothing_happened().await;
    assert!(bo.checkins().await.is_empty());
}

#[tokio::test]
async fn bodies_that_nobody_can_read_are_refused_and_change_nothing() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    house.happened().await;
    for (kind, body, status) in [
        ("application/json", "{\"job\":", 400),
        ("application/json", "[1]", 400),
        ("application/json", "\"job\"", 400),
        ("application/json", "", 400),
        ("application/json", "{\"job\":[\"a\"]}", 400),
        ("application/json", "{\"job\":{\"a\":1}}", 400),
        ("multipart/form-data", "job=a", 400),
        (
            "multipart/form-data; boundary=x",
            "nothing of the kind",
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=\"job\"",
            400,
        ),
        ("text/plain", "job=a", 415),
        ("application/xml", "<job>a</job>", 415),
        ("nonsense", "job=a", 415),
        ("application/x-www-form-urlencoded", "job=a%00b", 400),
        ("application/x-www-form-urlencoded", "job=%ff", 400),
        ("application/json", "{\"job\":\"a\\u0000\"}", 400),
        ("application/json", "{\"job\":\"\\ud800\"}", 400),
    ] {
        let answer = ana
            .send(Call::new("POST", "/user_info/set").body(kind, body))
            .await;
        answer.refused(status);
    }
    let bytes = b"job=\xff\xfe".to_vec();
    let form = "application/x-www-form-urlencoded";
    ana.send(Call::new("POST", "/user_info/set").body(form, bytes))
        .await
        .refused(400);
    house.nothing_happened().await;
}

#[tokio::test]
async fn too_much_is_refused_and_changes_nothing() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    house.happened().await;
    let many: Vec<String> = (0..101).map(|n| format!("x{n}=1")).collect();
    let form = "application/x-www-form-urlencoded";
    let set = || Call::new("POST", "/user_info/set");
    ana.send(set().body(form, many.join("&") + "&job=a"))
        .await
        .refused(400);
    ana.send(set().form(&[("job", &"a".repeat(20_000))]))
        .await
        .refused(400);
    ana.send(set().form(&[("x", &"a".repeat(20_000)), ("job", "a")]))
        .await
        .refused(400);
    house.nothing_happened().await;
}
