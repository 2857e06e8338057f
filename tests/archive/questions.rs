//! What may be asked of an archive, and what is refused.

use super::{all_between, asks, bodies, page, places, says};
use crate::harness::{House, bare};

/// Sends a question of type `get`; everything up to the answer.
async fn gets(chatter: &mut crate::harness::Chatter, payload: &str) -> String {
    chatter
        .sends(&format!("<iq type='get' id='q'>{payload}</iq>"))
        .await;
    chatter.is_answered().await
}

#[tokio::test]
async fn places_and_moments_choose_a_part() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    for body in ["one", "two", "three", "four"] {
        says(&mut a, &bo, &[body]).await;
        house.clock.pass(60_000);
    }
    let all = asks(&mut a, "", &page(&[], "")).await;
    let at = places(&all);
    let stamps = all_between(&all, "stamp='", "'");
    for (fields, set, expected) in [
        (vec![("start", &*stamps[2])], "", &["three", "four"][..]),
        (vec![("end", &stamps[1])], "", &["one", "two"]),
        (
            vec![("start", &stamps[1]), ("end", &stamps[2])],
            "",
            &["two", "three"],
        ),
        (
            vec![("start", "2012-09-22T14:25:00+08:00")],
            "",
            &["two", "three", "four"],
        ),
        (vec![("start", "2199-01-01T00:00:00Z")], "", &[]),
        (vec![("after-id", &at[1])], "", &["three", "four"]),
        (vec![("before-id", &at[1])], "", &["one"]),
        (
            vec![("after-id", &at[0]), ("before-id", &at[3])],
            "<max>1</max>",
            &["two"],
        ),
        (
            vec![("after-id", &at[0])],
            "<max>1</max><before/>",
            &["four"],
        ),
        (vec![("with", "7@c.dface.cn")], "", &[]),
        (vec![("with", "somebody@example.org")], "", &[]),
        (vec![("with", "dface.cn")], "", &[]),
        (vec![("with", "")], "<max>1</max>", &["one"]),
    ] {
        let heard = asks(&mut a, "", &page(&fields, set)).await;
        assert_eq!(bodies(&heard), expected, "{fields:?} {set}");
        assert!(heard.contains("<fin "), "{heard}");
    }
    let ids = format!(
        "<query xmlns='urn:xmpp:mam:2' queryid='f1'><x xmlns='jabber:x:data' type='submit'>\
         <field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>\
         <field var='ids'><value>{}</value><value>{}</value></field></x></query>",
        at[3], at[1]
    );
    assert_eq!(bodies(&asks(&mut a, "", &ids).await), ["two", "four"]);
    let flipped = page(&[], "<max>2</max><before/>").replace("</query>", "<flip-page/></query>");
    let flipped = asks(&mut a, "", &flipped).await;
    assert_eq!(bodies(&flipped), ["four", "three"]);
    assert!(flipped.contains(&format!("<first>{}</first><last>{}</last>", at[2], at[3])));
    let reach = gets(&mut a, "<metadata xmlns='urn:xmpp:mam:2'/>").await;
    let expected = format!(
        "<metadata xmlns='urn:xmpp:mam:2'><start id='{}' timestamp='{}'/>\
         <end id='{}' timestamp='{}'/></metadata>",
        at[0], stamps[0], at[3], stamps[3]
    );
    assert!(reach.contains(&expected), "{reach}");
}

#[tokio::test]
async fn an_archive_says_what_can_be_asked_of_it() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let mut a = house.online(&ana, "phone").await;
    let form = gets(&mut a, "<query xmlns='urn:xmpp:mam:2'/>").await;
    for name in [
        "FORM_TYPE",
        "with",
        "start",
        "end",
        "before-id",
        "after-id",
        "ids",
    ] {
        assert!(form.contains(&format!("var='{name}'")), "{form}");
    }
    let nothing = gets(&mut a, "<metadata xmlns='urn:xmpp:mam:2'/>").await;
    assert!(
        nothing.contains("<metadata xmlns='urn:xmpp:mam:2'></metadata>"),
        "{nothing}"
    );
    let empty = asks(&mut a, "", &page(&[], "")).await;
    assert!(
        empty.contains(" complete='true'>") && empty.contains("<count>0</count>"),
        "{empty}"
    );
    let prefs = gets(&mut a, "<prefs xmlns='urn:xmpp:mam:2'/>").await;
    assert!(
        prefs.contains("default='always'><always/><never/></prefs>"),
        "{prefs}"
    );
    let set = "<prefs xmlns='urn:xmpp:mam:2' default='never'><always/><never/></prefs>";
    assert!(asks(&mut a, "", set).await.contains("<not-allowed "));
    let account = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let account = gets(&mut a, account).await;
    for feature in [
        "urn:xmpp:mam:2",
        "urn:xmpp:mam:2#extended",
        "urn:xmpp:sid:0",
    ] {
        assert!(
            account.contains(&format!("<feature var='{feature}'/>")),
            "{account}"
        );
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_reason() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut b = house.online(&bo, "phone").await;
    says(&mut b, &bo, &["to myself"]).await;
    let of_bo = places(&asks(&mut b, "", &page(&[], "")).await)[0].clone();
    let fields = |name: &str, value: &str| page(&[(name, value)], "");
    let sets = |set: &str| page(&[], set);
    let typed = |text: &str| page(&[], "").replace("urn:xmpp:mam:2</value>", text);
    let many: String = (0..200).map(|n| format!("<value>{n}</value>")).collect();
    for (payload, condition) in [
        (fields("colour", "red"), "feature-not-implemented"),
        (
            fields("include-groupchat", "true"),
            "feature-not-implemented",
        ),
        (fields("start", "yesterday"), "bad-request"),
        (fields("end", "2012-09-22"), "bad-request"),
        (fields("end", "99999-09-22T00:00:00Z"), "bad-request"),
        (fields("with", "@@"), "jid-malformed"),
        (fields("after-id", "nonsense"), "item-not-found"),
        (fields("before-id", "999999"), "item-not-found"),
        (fields("after-id", &of_bo), "item-not-found"),
        (fields("ids", &of_bo), "item-not-found"),
        (fields("ids", "-1"), "item-not-found"),
        (sets("<after>999999</after>"), "item-not-found"),
        (sets("<before>01</before>"), "item-not-found"),
        (
            sets("<after>99999999999999999999999</after>"),
            "item-not-found",
        ),
        (sets(&format!("<before>{of_bo}</before>")), "item-not-found"),
        (sets("<max>some</max>"), "bad-request"),
        (sets("<max>-1</max>"), "bad-request"),
        (sets("<index>3</index>"), "feature-not-implemented"),
        (typed("urn:xmpp:mam:1</value>"), "bad-request"),
        (page(&[], "").replace("'submit'", "'cancel'"), "bad-request"),
        (
            fields("ids", "1").replace("<value>1</value>", &many),
            "not-acceptable",
        ),
        (page(&[], "").replace("f1", &"f".repeat(300)), "bad-request"),
        (page(&[], "").replace("queryid", "node"), "item-not-found"),
        (
            "<archive xmlns='urn:xmpp:mam:2'/>".into(),
            "service-unavailable",
        ),
    ] {
        let heard = asks(&mut a, "", &payload).await;
        assert!(
            heard.contains(&format!("<{condition} ")),
            "{payload}\n{heard}"
        );
        assert!(heard.starts_with("<iq type='error' id='q'"), "{heard}");
    }
    // Larger than any page is the largest page.
    let huge = asks(&mut b, "", &sets("<max>18446744073709551616</max>")).await;
    assert!(huge.contains("<bad-request "), "{huge}");
    let large = asks(&mut b, "", &sets("<max>18446744073709551615</max>")).await;
    assert_eq!(bodies(&large), ["to myself"]);
}

#[tokio::test]
async fn nobody_reads_what_others_said_to_each_other() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut b = house.online(&bo, "phone").await;
    says(&mut b, &bo, &["to myself"]).await;
    let nobody = format!("{}@dface.cn", "0".repeat(24));
    for to in [bare(&bo), nobody, "s7@dface.cn".into()] {
        let to = format!(" to='{to}'");
        for payload in [page(&[], ""), "<prefs xmlns='urn:xmpp:mam:2'/>".into()] {
            let heard = asks(&mut a, &to, &payload).await;
            assert!(
                heard.contains("<forbidden ") && bodies(&heard).is_empty(),
                "{heard}"
            );
        }
    }
    let heard = asks(&mut a, " to='dface.cn'", &page(&[], "")).await;
    assert!(heard.contains("<service-unavailable "), "{heard}");
}
