//! What the house says of itself, over XMPP: who came, which pictures and coupons there are, who
//! follows whom (seed §9, §21, §29.2, §30.2, §31.1).

use crate::harness::{Chatter, Form, House, JPEG, Phone, bare, picture};
use crate::room::{Cafe, enter};
use serde_json::json;

/// Somebody offers coupons in a shop.
async fn offer(house: &House, shop: &str, name: &str, rule: u8) -> String {
    let shop: u64 = shop.parse().expect("a number");
    let coupon = json!({"shop_id": shop, "name": name, "rule": rule});
    let answer = house.admin("POST", "/admin/coupons", coupon).await.ok();
    answer["id"].as_str().expect("an id").to_owned()
}

/// Once the house has nothing more to say, `chatter` has heard nothing more.
async fn hears_nothing(house: &House, chatter: &mut Chatter) {
    house.quiet().await;
    assert_eq!(chatter.is_answered().await, "");
}

/// Somebody who was away comes.
async fn comes(house: &House, phone: &Phone) -> Chatter {
    house.quiet().await;
    let mut chatter = house.chatter(phone, "phone").await;
    chatter.sends("<presence/>").await;
    chatter
}

#[tokio::test]
async fn a_picture_of_a_room_is_told_there_once_whoever_sent_it() {
    let mut cafe = Cafe::new().await;
    let eve = cafe.house.login("eve").await;
    for (desc, escaped) in [("海 & <b>", "海 &amp; &lt;b&gt;"), ("", "")] {
        let form = Form::photo(JPEG, &picture::jpeg(64, 48))
            .text("photo[room]", &cafe.shop)
            .text("photo[weibo]", "0")
            .text("photo[desc]", desc);
        let id = eve.upload(form.to("/photos"), "sea").await;
        let from = format!("from='{}@c.dface.cn/{}'", cafe.shop, eve.id);
        for chatter in [&mut cafe.a, &mut cafe.b] {
            let said = chatter.stanza("message").await;
            assert!(said.starts_with("<message type='groupchat' "), "{said}");
            assert!(said.contains(&from), "{said}");
            let body = format!("<body>[img:{id}]{escaped}</body>");
            assert!(said.contains(&body), "{said}");
        }
        // It can be fetched by now.
        cafe.bo.see("/photos/show", &[("id", &id)]).await;
    }
    hears_nothing(&cafe.house, &mut cafe.a).await;
}

#[tokio::test]
async fn a_picture_for_somebody_who_is_away_waits_for_them() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let form = Form::photo(JPEG, &picture::jpeg(64, 48)).text("photo[to_uid]", &bo.id);
    let id = ana.upload(form.to("/photo2s"), "cat").await;
    let mut b = comes(&house, &bo).await;
    let said = b.stanza("message").await;
    let head = format!(
        "<message type='chat' id='img{id}' from='{}' to='{}'><body>[img:{id}]</body>",
        bare(&ana),
        bare(&bo)
    );
    assert!(said.starts_with(&head), "{said}");
    assert!(said.contains("<delay xmlns='urn:xmpp:delay'"), "{said}");
    bo.see("/photo2s/show", &[("id", &id)]).await;
    b.goes().await;
    let mut b = house.online(&bo, "phone").await;
    assert_eq!(b.is_answered().await, "", "it has arrived");
}

#[tokio::test]
async fn a_picture_from_somebody_on_the_blacklist_is_never_told() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let block = [
        ("user_id", &*bo.id),
        ("block_id", &*ana.id),
        ("report", "0"),
    ];
    bo.post("/blacklists", &block).await.ok();
    let form = Form::photo(JPEG, &picture::jpeg(64, 48)).text("photo[to_uid]", &bo.id);
    ana.upload(form.to("/photo2s"), "cat").await;
    house.quiet().await;
    let mut b = house.online(&bo, "phone").await;
    hears_nothing(&house, &mut b).await;
}

#[tokio::test]
async fn a_coupon_waits_for_somebody_who_is_away() {
    let house = House::new().await;
    let shop = house.shop("Ekberg: [1]", 60.168, 24.938).await;
    let coupon = offer(&house, &shop, "半价:早", 2).await;
    let ana = house.login("ana").await;
    ana.check_in(&shop).await;
    let mut a = comes(&house, &ana).await;
    let said = a.stanza("message").await;
    let from = format!(" from='s{shop}@dface.cn' to='{}'>", bare(&ana));
    assert!(said.starts_with("<message type='chat' id='"), "{said}");
    assert!(said.contains(&from), "{said}");
    // Six o'clock in Greenwich is two in Shanghai.
    let body = format!("[优惠券:半价：早:Ekberg： [1］:{coupon}:2012-09-22 14：24：00]");
    assert!(said.contains(&format!("<body>{body}</body>")), "{said}");
    assert!(said.contains("<delay xmlns='urn:xmpp:delay'"), "{said}");
}

#[tokio::test]
async fn the_first_check_in_of_a_day_is_told_in_the_room() {
    let mut cafe = Cafe::new().await;
    let eve = cafe.house.login("eve").await;
    eve.set(&[("gender", "2"), ("name", "Eve")]).await;
    eve.check_in(&cafe.shop).await;
    let said = cafe.a.stanza("message").await;
    let from = format!("from='{}@c.dface.cn/{}'", cafe.shop, eve.id);
    assert!(said.contains(&from), "{said}");
    assert!(said.contains("<body>Eve "), "{said}");
    eve.check_in(&cafe.shop).await;
    // Nobody is told that they have come who hide from strangers.
    cafe.bo.set(&[("invisible", "1")]).await;
    cafe.bo.check_in(&cafe.shop).await;
    hears_nothing(&cafe.house, &mut cafe.a).await;
    // Whoever comes later finds it in the history.
    cafe.b.goes().await;
    let mut b = cafe.house.online(&cafe.bo, "phone").await;
    let told = enter(&mut b, &cafe.shop, &cafe.bo.id, "").await;
    assert!(told.contains("<body>Eve "), "{told}");
}

#[tokio::test]
async fn a_shake_in_the_room_brings_a_coupon_once_for_each_check_in() {
    let mut cafe = Cafe::new().await;
    offer(&cafe.house, &cafe.shop, "半价", 2).await;
    let shake = cafe.says("m1", "[摇一摇:阿娜]");
    // Whoever has not checked in is not there.
    cafe.b.sends(&shake).await;
    cafe.b.stanza("message").await;
    cafe.a.stanza("message").await;
    hears_nothing(&cafe.house, &mut cafe.b).await;
    cafe.ana.check_in(&cafe.shop).await;
    cafe.house.quiet().await;
    // The greeting, and the coupon of the check-in, in whichever order.
    cafe.a.stanza("message").await;
    cafe.a.stanza("message").await;
    cafe.a.sends(&shake).await;
    cafe.a.stanza("message").await;
    let said = cafe.a.stanza("message").await;
    assert!(said.contains("<body>[优惠券:半价:Ekberg:"), "{said}");
    let again = cafe.says("m2", "[摇一摇:阿娜]");
    cafe.a.sends(&again).await;
    cafe.a.stanza("message").await;
    hears_nothing(&cafe.house, &mut cafe.a).await;
}

#[tokio::test]
async fn whoever_is_followed_is_told_so_once() {
    let house = House::new().await;
    let shop = house.shop("Ekberg", 60.168, 24.938).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    ana.check_in(&shop).await;
    let mut b = house.online(&bo, "phone").await;
    let follow = [("user_id", &*ana.id), ("follow_id", &*bo.id)];
    for path in ["/follows", "/follows/delete", "/follows"] {
        ana.post(path, &follow).await.ok();
    }
    let said = b.stanza("message").await;
    let from = format!("from='{}'", bare(&ana));
    assert!(
        said.contains(&from) && said.contains("Ekberg</body>"),
        "{said}"
    );
    hears_nothing(&house, &mut b).await;
}
