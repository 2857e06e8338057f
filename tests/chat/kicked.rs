//! Connections that the house ends: another with the same name, a ban, a new password, a stop.

use crate::harness::{Chatter, House};
use serde_json::Value;

#[tokio::test]
async fn a_new_connection_with_the_same_resource_replaces_the_old_one() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let old = house.online(&ana, "phone").await;
    let mut new = house.online(&ana, "phone").await;
    let rest = old.rest().await;
    assert!(rest.contains("<stream:error><conflict "), "{rest}");
    new.is_answered().await;
}

#[tokio::test]
async fn a_ban_ends_connections_at_once_and_lets_none_in() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let a = house.online(&ana, "phone").await;
    let path = format!("/admin/users/{}/ban", ana.id);
    house.admin("POST", &path, Value::Null).await.ok();
    let rest = a.rest().await;
    assert!(rest.contains("<stream:error><not-authorized "), "{rest}");
    let mut again = Chatter::connect(house.xmpp_address()).await;
    again.sends(crate::harness::HEADER).await;
    let auth = crate::harness::plain(&ana.id, &ana.password);
    again
        .sends(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{auth}</auth>"
        ))
        .await;
    again.receives("<account-disabled/></failure>").await;
}

#[tokio::test]
async fn a_new_password_ends_the_connections_of_the_old_one() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let a = house.online(&ana, "phone").await;
    let path = format!("/admin/users/{}/reset_password", ana.id);
    let answer = house.admin("POST", &path, Value::Null).await.ok();
    let rest = a.rest().await;
    assert!(rest.contains("<stream:error><reset "), "{rest}");
    let password = answer["password"].as_str().expect("a password");
    let address = house.xmpp_address();
    let mut a = Chatter::log_in_with(address, &ana.id, password, "phone").await;
    a.is_answered().await;
}

#[tokio::test]
async fn a_stop_says_so() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let a = house.online(&ana, "phone").await;
    let (rest, house) = tokio::join!(a.rest(), house.restart());
    assert!(rest.contains("<stream:error><system-shutdown "), "{rest}");
    house.online(&ana, "phone").await;
}
