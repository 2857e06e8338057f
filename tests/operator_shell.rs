//! `lianlian admin`: the operators' API from a shell.

use crate::harness::{Server, run, same};
use serde_json::{Value, json};

#[tokio::test]
async fn the_shell_does_what_the_api_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path()).await;
    let ana = server.login("ana").await;
    let admin = async |arguments: &[&str]| -> Value {
        let printed = run(folder.path(), &[&["admin"], arguments].concat())
            .await
            .ok();
        serde_json::from_str(&printed).expect("JSON")
    };
    let id = ["--id", "7", "--t", "2", "--address", "Bulevardi 9"];
    let place = [
        "shops", "add", "--name", "Ekberg", "--lat", "-60.168", "--lng", "24.938",
    ];
    same(&admin(&[&place[..], &id].concat()).await, &json!({"id": 7}));
    same(
        &admin(&["shops", "revise", "7", "--name", "Fazer 咖啡"]).await,
        &json!({"id": 7}),
    );
    same(
        &admin(&["notice", "7", "半价 & more"]).await,
        &json!({"id": 7}),
    );
    same(
        &admin(&["staff", "add", "7", &ana.id]).await,
        &json!({"id": 7}),
    );
    let info = server.get("/shop/info", &[("id", "7")]).await.ok();
    same(
        &server.scrub.tidy(&info),
        &json!({
            "id": 7, "name": "Fazer 咖啡", "t": 2, "lat": -60.168, "lng": 24.938,
            "lo": [-60.168, 24.938], "address": "Bulevardi 9", "phone": "", "staffs": ["<ana>"],
            "notice": "半价 & more",
        }),
    );
    // Another point in another place is as good as the first.
    let found = async || {
        let there = [("lat", "-10"), ("lng", "24.9"), ("accuracy", "30")];
        let found = ana.get("/aroundme/shops", &there).await.ok();
        found.as_array().expect("an array").len()
    };
    let further = ["--point", "-10,24.9", "--point", "61,25"];
    assert_eq!(found().await, 0);
    admin(&[&["shops", "revise", "7"], &further[..]].concat()).await;
    assert_eq!(found().await, 1);
    admin(&["shops", "revise", "7", "--no-points"]).await;
    assert_eq!(found().await, 0);
    let branch = [
        "shops", "add", "--id", "8", "--name", "Branches", "--t", "2", "--lat", "50", "--lng", "24",
    ];
    admin(&[&branch[..], &further[..2]].concat()).await;
    assert_eq!(found().await, 1);
    admin(&["staff", "remove", "7", &ana.id]).await;
    let info = server.get("/shop/info", &[("id", "7")]).await.ok();
    same(&info["staffs"], &json!([]));
    let reset = admin(&["users", "reset-password", &ana.id]).await;
    let account = ana.get("/user_info/get_self", &[]).await.ok();
    assert_eq!(reset["password"], account["password"]);
    assert_ne!(account["password"], ana.password);
    let secret = admin(&["shops", "issue-secret", "7"]).await;
    assert_eq!(secret["password"].as_str().map(str::len), Some(32));
    let revoked = admin(&["shops", "revoke-secret", "7"]).await;
    same(&revoked, &json!({"id": 7}));
    admin(&["shops", "close", "7"]).await;
    server.get("/shop/info", &[("id", "7")]).await.refused(404);
}

#[tokio::test]
async fn what_the_server_refuses_is_told_and_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path()).await;
    let failed = async |arguments: &[&str]| run(folder.path(), arguments).await.failed();
    let unknown = failed(&["admin", "shops", "close", "999"]).await;
    assert!(
        unknown.contains("unknown shop") && unknown.contains("404"),
        "{unknown}"
    );
    let url = server.base();
    let wrong = [
        "--set",
        "admin_token=wrong",
        "admin",
        "--url",
        &url,
        "shops",
        "close",
        "1",
    ];
    let refused = failed(&wrong).await;
    assert!(
        refused.contains("401") && !refused.contains("wrong"),
        "{refused}"
    );
    drop(server);
    failed(&["admin", "--url", &url, "shops", "close", "1"]).await;
}
