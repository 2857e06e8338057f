//! What those who watch and balance ask, and the description of the interface.

use crate::harness::{House, same};
use serde_json::json;

#[tokio::test]
async fn a_running_house_is_healthy_and_ready() {
    let house = House::new().await;
    house.shop("Ekberg", 60.168, 24.938).await;
    for path in ["/healthz", "/readyz"] {
        same(&house.get(path, &[]).await.ok(), &json!({"status": "ok"}));
    }
}

#[tokio::test]
async fn the_description_names_every_call_and_the_page_shows_it() {
    let house = House::new().await;
    let document = house.get("/openapi.json", &[]).await.ok();
    let methods = ["get", "post", "put", "patch", "delete"];
    let mut calls: Vec<String> = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let operations = operations.as_object().expect("operations");
        let known = operations
            .keys()
            .filter(|key| methods.contains(&key.as_str()));
        calls.extend(known.map(|method| format!("{path} {method}")));
    }
    calls.sort();
    insta::assert_snapshot!(calls.join("\n"), @r"
    /admin/aroundme/explain get
    /admin/coupons get
    /admin/coupons post
    /admin/coupons/{id} delete
    /admin/policies get
    /admin/projections get
    /admin/projections/{name}/rebuild post
    /admin/reports get
    /admin/shops post
    /admin/shops/{id} delete
    /admin/shops/{id} patch
    /admin/shops/{id}/notice put
    /admin/shops/{id}/staffs post
    /admin/shops/{id}/staffs/{user_id} delete
    /admin/shops/{id}/xmpp_secret delete
    /admin/shops/{id}/xmpp_secret post
    /admin/stats/devices get
    /admin/stats/ranking get
    /admin/users/{id}/ban delete
    /admin/users/{id}/ban post
    /admin/users/{id}/reset_password post
    /aroundme/shops get
    /aroundme/users get
    /blacklists get
    /blacklists post
    /blacklists/delete post
    /checkins get
    /checkins post
    /checkins/delete post
    /coupons/img get
    /coupons/use post
    /follow_info/followers get
    /follow_info/friends get
    /follows post
    /follows/delete post
    /healthz get
    /init/init get
    /oauth2/login post
    /oauth2/logout post
    /oauth2/share post
    /oauth2/sina get
    /oauth2/sina_callback get
    /photo2s post
    /photo2s/show get
    /photos post
    /photos/show get
    /readyz get
    /shop/info get
    /shop/nearby get
    /shop/users get
    /user_info/get get
    /user_info/get_self get
    /user_info/logo get
    /user_info/photos get
    /user_info/set post
    /user_info/trace get
    /user_logos post
    /user_logos/change_all_position post
    /user_logos/delete post
    /user_logos/show get
    ");
    let page = house.get("/docs/", &[]).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<html"), "{}", page.text());
}

#[tokio::test]
async fn every_call_of_the_description_tells_what_an_error_looks_like() {
    let house = House::new().await;
    let document = house.get("/openapi.json", &[]).await.ok();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            if matches!(path.as_str(), "/healthz" | "/readyz") {
                continue;
            }
            let error = &operation["responses"]["4XX"]["content"]["application/json"]["schema"];
            let expected = json!("#/components/schemas/ErrorBody");
            assert_eq!(error["$ref"], expected, "{method} {path}");
            let good = ["200", "202", "302"].map(|status| &operation["responses"][status]);
            assert!(good.iter().any(|good| !good.is_null()), "{method} {path}");
        }
    }
}
