//! A house with two people who have been in a shop and sent pictures, and what every answer must
//! look like.

use crate::harness::{Answer, Call, Form, House, JPEG, Phone, Wire, picture};
use domain::Position;
use serde_json::{Value, json};

pub(super) struct World {
    pub(super) house: House,
    pub(super) ana: Phone,
    pub(super) bo: Phone,
    pub(super) shop: String,
    /// A check-in of Ana's.
    pub(super) hers: String,
    /// A check-in of Bo's.
    pub(super) his: String,
    /// A picture of Ana's album, which holds more.
    pub(super) own: String,
    /// A picture of Bo's album.
    pub(super) foreign: String,
    /// Bo's picture for the shop's room.
    pub(super) room: String,
    /// Bo's picture for Ana.
    pub(super) letter: String,
    /// Bo's picture for himself.
    pub(super) diary: String,
    /// A coupon of which Ana has a copy.
    pub(super) coupon: String,
}

impl World {
    pub(super) async fn new() -> Self {
        let house = House::new().await;
        let (ana, bo) = (house.login("ana").await, house.login("bo").await);
        let shop = house.shop("Ekberg", 60.168, 24.938).await;
        let number: u64 = shop.parse().expect("an id");
        let coupon = json!({"shop_id": number, "name": "半价", "rule": 2});
        let coupon = house.admin("POST", "/admin/coupons", coupon).await.ok();
        let coupon = coupon["id"].as_str().expect("an id").to_owned();
        let (hers, his) = (ana.check_in(&shop).await, bo.check_in(&shop).await);
        let own = ana.add_picture("own").await;
        for name in ["second", "third"] {
            ana.add_picture(name).await;
        }
        let foreign = bo.add_picture("foreign").await;
        let photo = || Form::photo(JPEG, &picture::jpeg(9, 9));
        let room = photo().text("photo[room]", &shop).to("/photos");
        let to = |phone: &Phone| photo().text("photo[to_uid]", &phone.id).to("/photo2s");
        let world = Self {
            room: bo.upload(room, "room").await,
            letter: bo.upload(to(&ana), "letter").await,
            diary: bo.upload(to(&bo), "diary").await,
            house,
            ana,
            bo,
            shop,
            hers,
            his,
            own,
            foreign,
            coupon,
        };
        world.house.quiet().await;
        world
    }

    /// The same world, or a new one when a call that went through took away what the others need.
    pub(super) async fn unspoilt(self) -> Self {
        let hers = self.ana.get("/checkins", &[]).await;
        let shop = self.house.get("/shop/info", &[("id", &self.shop)]).await;
        let of_ana = [("id", self.ana.id.as_str())];
        let album = self.ana.get("/user_info/photos", &of_ana).await.text();
        let whole = hers.text().contains(&self.hers)
            && shop.status == 200
            && album.contains(&self.own)
            && album.matches("updated_at").count() < 8
            && self.has_copies().await;
        if whole { self } else { Self::new().await }
    }

    /// Whether somebody has a copy of the coupon that is not used. Bo uses none.
    async fn has_copies(&self) -> bool {
        let rows = self.house.admin("GET", "/admin/coupons", Value::Null).await;
        let rows = rows.ok();
        let mut rows = rows.as_array().expect("an array").iter();
        let row = rows.find(|row| row["id"] == self.coupon);
        row.is_some_and(|row| row["used"] == 0)
    }

    /// The answer is an error object with 4xx, and nothing is recorded.
    pub(super) async fn refuses(&self, call: Call) -> Answer {
        let (shown, before) = (format!("{call:.200?}"), self.house.head().await);
        let answer = self.house.send(call).await;
        let told = answer.text();
        let shown = shown.get(..400).unwrap_or(&shown);
        assert!(
            (400..500).contains(&answer.status),
            "{} {shown}: {told}",
            answer.status
        );
        assert!(
            answer.error().is_some(),
            "{} {shown}: {told}",
            answer.status
        );
        assert!(answer.set_cookie().is_none(), "{shown}");
        self.unchanged_since(before, shown).await;
        answer
    }

    /// The same for a request that is refused before it is read, when the house may hang up on
    /// the rest of it: the answer must be there for whoever looks.
    pub(super) async fn refuses_unread(&self, call: Call) {
        let (target, before) = (call.target.clone(), self.house.head().await);
        let mut wire = Wire::connect(&self.house.authority()).await;
        wire.send(call.to_bytes()).await;
        let answer = wire.read_to_end().await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        assert!(head.starts_with("HTTP/1.1 4"), "{target}: {answer}");
        let error: Value = serde_json::from_str(body).expect("JSON");
        assert!(
            error["error"].as_str().is_some_and(|said| !said.is_empty()),
            "{target}: {body}"
        );
        self.unchanged_since(before, &target).await;
    }

    /// The answer is a success.
    pub(super) async fn takes(&self, call: Call) {
        let answer = self.house.send(call).await;
        let (to, told) = (&answer.to, answer.text());
        assert!(succeeds(&answer), "{} {to}: {told}", answer.status);
    }

    /// The answer is a success or an error object, and an error changed nothing.
    pub(super) async fn survives(&self, call: Call) {
        let (shown, before) = (format!("{call:?}"), self.house.head().await);
        let answer = self.house.send(call).await;
        let told = answer.text();
        if !succeeds(&answer) {
            assert!(
                (400..500).contains(&answer.status),
                "{} {shown}: {told}",
                answer.status
            );
            assert!(
                answer.error().is_some(),
                "{} {shown}: {told}",
                answer.status
            );
            self.unchanged_since(before, &shown).await;
        }
    }

    async fn unchanged_since(&self, before: Position, shown: &str) {
        assert!(!self.house.acted_since(before).await, "recorded: {shown}");
    }
}

/// Whether the answer is a success: something in JSON without an error, or the way to a picture.
fn succeeds(answer: &Answer) -> bool {
    match answer.status {
        200..300 => answer.json().get("error").is_none(),
        302 => answer.elsewhere().starts_with("/blobs/"),
        _ => false,
    }
}
