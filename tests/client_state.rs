//! Clients that say whether somebody looks at them (XEP-0352): what is not worth waking them for
//! waits, in order.

use crate::harness::{House, bare};

const TYPING: &str = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";

#[tokio::test]
async fn an_inactive_client_hears_of_presences_and_typing_only_with_something_that_matters() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut tablet = house.online(&bo, "tablet").await;
    let mut b = house.online(&bo, "phone").await;
    b.sends("<inactive xmlns='urn:xmpp:csi:0'/>").await;
    b.is_answered().await;
    for show in ["away", "dnd"] {
        tablet
            .sends(&format!("<presence><show>{show}</show></presence>"))
            .await;
    }
    tablet.is_answered().await;
    a.sends(&format!(
        "<message type='chat' to='{}'>{TYPING}</message>",
        b.jid
    ))
    .await;
    a.is_answered().await;
    a.sends(&format!(
        "<message type='chat' to='{}'><body>hi</body></message>",
        bare(&bo)
    ))
    .await;
    let heard = b.receives("<body>hi</body>").await;
    assert!(!heard.contains("away"), "only the last counts: {heard}");
    let order = [
        heard.find("<show>dnd</show>"),
        heard.find("<composing "),
        heard.find("<body>hi</body>"),
    ];
    assert!(order.is_sorted() && order[0].is_some(), "{heard}");
    b.receives("</message>").await;
    // From now on things wait again, until it is active.
    tablet.sends("<presence><show>xa</show></presence>").await;
    tablet.is_answered().await;
    b.sends("<active xmlns='urn:xmpp:csi:0'/>").await;
    let heard = b.receives("<show>xa</show></presence>").await;
    assert!(
        heard.starts_with("<presence "),
        "nothing before it: {heard}"
    );
    tablet.sends("<presence><show>chat</show></presence>").await;
    b.receives("<show>chat</show></presence>").await;
}
