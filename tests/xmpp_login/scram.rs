//! SCRAM, where the settings offer it (RFC 5802): what is no login, and guessing. That a login goes
//! through is shown by a client that others wrote, in `slixmpp`.

use super::SASL;
use crate::harness::{Chatter, HEADER, House, plain};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

async fn house() -> House {
    House::with_xmpp(|settings| settings.scram = true).await
}

/// Somebody who begins a login.
struct Stranger(Chatter);

impl Stranger {
    async fn new(house: &House) -> Self {
        let mut chatter = Chatter::connect(house.xmpp_address()).await;
        chatter.sends(HEADER).await;
        chatter.receives("</stream:features>").await;
        Self(chatter)
    }

    /// Sends the first message; what it is asked, or why it is refused.
    async fn begins(&mut self, mechanism: &str, message: &str) -> Result<String, String> {
        let data = STANDARD.encode(message);
        let auth = format!("<auth xmlns='{SASL}' mechanism='{mechanism}'>{data}</auth>");
        self.0.sends(&auth).await;
        self.is_told().await
    }

    /// Sends the last message.
    async fn answers(&mut self, message: &str) -> Result<String, String> {
        let data = STANDARD.encode(message);
        let response = format!("<response xmlns='{SASL}'>{data}</response>");
        self.0.sends(&response).await;
        self.is_told().await
    }

    async fn is_told(&mut self) -> Result<String, String> {
        let name = self.0.receives(&format!(" xmlns='{SASL}'>")).await;
        if name.contains("<failure") {
            let told = self.0.receives("/></failure>").await;
            let reason = told.strip_suffix("/></failure>").expect("a reason");
            return Err(reason.trim_start_matches('<').to_owned());
        }
        let told = self.0.receives("</challenge>").await;
        let data = told.strip_suffix("</challenge>").expect("a challenge");
        let message = STANDARD.decode(data).expect("base64");
        Ok(String::from_utf8(message).expect("text"))
    }

    /// Begins as `name`; the whole nonce, the salt, and how often to hash.
    async fn asks(&mut self, name: &str) -> (String, String, String) {
        let first = format!("n,,n={name},r=mine");
        let told = self.begins("SCRAM-SHA-1", &first).await;
        let told = told.expect("a question");
        let parts: Vec<&str> = told.split(',').collect();
        let [nonce, salt, times] = parts.as_slice() else {
            panic!("{told}");
        };
        let part = |text: &str, key| text.strip_prefix(key).expect(key).to_owned();
        (part(nonce, "r="), part(salt, "s="), part(times, "i="))
    }

    /// Answers with a proof that is none.
    async fn guesses(&mut self, nonce: &str) -> String {
        let proof = STANDARD.encode([7; 20]);
        let told = self.answers(&format!("c=biws,r={nonce},p={proof}")).await;
        told.expect_err("a failure")
    }
}

fn failure<T>(reason: &str) -> Result<T, String> {
    Err(reason.to_owned())
}

#[tokio::test]
async fn only_the_settings_offer_it() {
    let off = House::new().await;
    let on = house().await;
    for (house, offered) in [
        (off, "<mechanism>PLAIN</mechanism>"),
        (
            on,
            "<mechanism>SCRAM-SHA-256</mechanism><mechanism>SCRAM-SHA-1</mechanism>\
             <mechanism>PLAIN</mechanism>",
        ),
    ] {
        let mut client = Chatter::connect(house.xmpp_address()).await;
        client.sends(HEADER).await;
        let features = client.receives("</stream:features>").await;
        let mechanisms = format!("<mechanisms xmlns='{SASL}'>{offered}</mechanisms>");
        assert!(features.contains(&mechanisms), "{features}");
    }
}

#[tokio::test]
async fn those_who_do_not_exist_are_asked_like_those_who_do() {
    let house = house().await;
    let ana = house.login("ana").await;
    for name in [&ana.id, "0123456789abcdef01234567", "s77"] {
        let (first, second) = (
            Stranger::new(&house).await.asks(name).await,
            Stranger::new(&house).await.asks(name).await,
        );
        assert_eq!(first.2, "4096");
        assert_eq!(first.1, second.1, "the salt stays");
        assert_ne!(first.0, second.0, "the nonce does not");
        assert!(first.0.starts_with("mine") && first.0.len() >= 20);
        let mut stranger = Stranger::new(&house).await;
        let (nonce, ..) = stranger.asks(name).await;
        assert_eq!(stranger.guesses(&nonce).await, "not-authorized", "{name}");
    }
}

#[tokio::test]
async fn what_is_no_login_is_told_what_is_wrong_with_it() {
    let house = house().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let begin = async |message: &str| {
        let mut stranger = Stranger::new(&house).await;
        stranger.begins("SCRAM-SHA-256", message).await
    };
    let id = &ana.id;
    for (message, reason) in [
        (format!("p=tls-unique,,n={id},r=x"), "malformed-request"),
        (format!("n,,n={id}"), "malformed-request"),
        (format!("n,a={},n={id},r=x", bo.id), "invalid-authzid"),
        ("n,,n=root,r=x".to_owned(), "not-authorized"),
    ] {
        assert_eq!(begin(&message).await, failure(reason), "{message}");
    }
    assert!(
        begin(&format!("y,a={id},n={id}@dface.cn,r=x"))
            .await
            .is_ok()
    );

    let answer = async |change: &dyn Fn(&str) -> String| {
        let mut stranger = Stranger::new(&house).await;
        let (nonce, ..) = stranger.asks(id).await;
        stranger.answers(&change(&nonce)).await
    };
    let malformed = failure("malformed-request");
    let proof = STANDARD.encode([7; 20]);
    assert_eq!(
        answer(&|nonce| format!("c=biws,r={nonce}")).await,
        malformed
    );
    assert_eq!(
        answer(&|nonce| format!("c=biws,r={nonce}x,p={proof}")).await,
        malformed
    );
    assert_eq!(
        answer(&|nonce| format!("c=eSws,r={nonce},p={proof}")).await,
        malformed
    );
    let short = answer(&|nonce| format!("c=biws,r={nonce},p=AAAA")).await;
    assert_eq!(short, failure("not-authorized"));

    let mut stranger = Stranger::new(&house).await;
    stranger.asks(id).await;
    stranger
        .0
        .sends(&format!("<response xmlns='{SASL}'>!</response>"))
        .await;
    assert_eq!(stranger.is_told().await, failure("incorrect-encoding"));
    stranger.asks(id).await;
    stranger.0.sends(&format!("<abort xmlns='{SASL}'/>")).await;
    assert_eq!(stranger.is_told().await, failure("aborted"));
    // The question was for one answer only.
    assert_eq!(stranger.answers("c=biws,r=x,p=AAAA").await, malformed);
    // One may begin anew, and change one's mind.
    stranger.asks(id).await;
    let plain = plain(id, &ana.password);
    let auth = format!("<auth xmlns='{SASL}' mechanism='PLAIN'>{plain}</auth>");
    stranger.0.sends(&auth).await;
    stranger
        .0
        .receives(&format!("<success xmlns='{SASL}'/>"))
        .await;
}

#[tokio::test]
async fn guesses_are_counted_together_with_those_of_other_ways() {
    let house = house().await;
    let ana = house.login("ana").await;
    for _ in 0..10 {
        let mut stranger = Stranger::new(&house).await;
        let (nonce, ..) = stranger.asks(&ana.id).await;
        assert_eq!(stranger.guesses(&nonce).await, "not-authorized");
    }
    let mut stranger = Stranger::new(&house).await;
    let (nonce, ..) = stranger.asks(&ana.id).await;
    assert_eq!(stranger.guesses(&nonce).await, "temporary-auth-failure");
    let right = format!("\0{}\0{}", ana.id, ana.password);
    let refused = stranger.begins("PLAIN", &right).await;
    assert_eq!(refused, failure("temporary-auth-failure"));
}

#[tokio::test]
async fn an_answer_to_nothing_is_no_login() {
    let house = house().await;
    let ana = house.login("ana").await;
    let mut stranger = Stranger::new(&house).await;
    let right = format!("\0{}\0{}", ana.id, ana.password);
    assert_eq!(stranger.answers(&right).await, failure("malformed-request"));
}
