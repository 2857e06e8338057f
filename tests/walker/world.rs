//! A house with two people who have been in a shop, and what every answer must look like.

use crate::harness::{Answer, Call, House, Phone, Wire};
use domain::Position;
use serde_json::Value;

pub(super) struct World {
    pub(super) house: House,
    pub(super) ana: Phone,
    pub(super) bo: Phone,
    pub(super) shop: String,
    /// A check-in of Ana's.
    pub(super) hers: String,
    /// A check-in of Bo's.
    pub(super) his: String,
}

impl World {
    pub(super) async fn new() -> Self {
        let house = House::new().await;
        let (ana, bo) = (house.login("ana").await, house.login("bo").await);
        let shop = house.shop("Ekberg", 60.168, 24.938).await;
        let (hers, his) = (ana.check_in(&shop).await, bo.check_in(&shop).await);
        Self {
            house,
            ana,
            bo,
            shop,
            hers,
            his,
        }
    }

    /// The same world, or a new one when a call that went through took away what the others need.
    pub(super) async fn unspoilt(self) -> Self {
        let hers = self.ana.get("/checkins", &[]).await;
        let shop = self.house.get("/shop/info", &[("id", &self.shop)]).await;
        let whole = hers.text().contains(&self.hers) && shop.status == 200;
        if whole { self } else { Self::new().await }
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
        assert!(
            (200..300).contains(&answer.status),
            "{}: {}",
            answer.to,
            answer.text()
        );
        assert!(
            answer.json().get("error").is_none(),
            "{}: {}",
            answer.to,
            answer.text()
        );
    }

    /// The answer is a success or an error object, and an error changed nothing.
    pub(super) async fn survives(&self, call: Call) {
        let (shown, before) = (format!("{call:?}"), self.house.head().await);
        let answer = self.house.send(call).await;
        let told = answer.text();
        if (200..300).contains(&answer.status) {
            assert!(answer.json().get("error").is_none(), "{shown}: {told}");
        } else {
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
        assert_eq!(self.house.head().await, before, "recorded: {shown}");
    }
}
