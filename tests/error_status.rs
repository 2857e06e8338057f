//! `api.error_status = "ok"`: errors with status 200, for clients that look only at the body
//! (contract, before §0).

use crate::harness::{Call, House, Stores, settings};

#[tokio::test]
async fn with_the_setting_every_error_is_answered_with_200_and_the_error_object() {
    let mut settings = settings();
    settings.error_status = api::ErrorStatus::Ok;
    let house = House::with(Stores::Memory, settings).await;
    let ana = house.login("ana").await;
    house.happened().await;
    for call in [
        Call::new("GET", "/shop/info?id=999"),
        Call::new("GET", "/shop/info?id=x"),
        Call::new("GET", "/user_info/get_self"),
        Call::new("GET", "/nothing"),
        Call::new("GET", "/user_info/set?name=x"),
        Call::new("POST", "/admin/shops"),
        Call::new("POST", "/oauth2/login").form(&[("name", "ana")]),
        Call::new("POST", "/user_info/set").body("text/plain", "name=x"),
        Call::new("POST", "/user_info/set").body("application/json", "{"),
    ] {
        house.send(call.clone()).await.refused(200);
        if call.target != "/user_info/get_self" {
            ana.send(call).await.refused(200);
        }
    }
    let refused = house.try_login("ana", "wrong").await;
    refused.refused(200);
    assert!(refused.header("set-cookie").is_none());
    house.nothing_happened().await;
    ana.get("/user_info/get_self", &[]).await.ok();
}
