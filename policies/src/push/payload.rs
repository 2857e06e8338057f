//! What a device shows: who has written, and what, as far as it fits.

use domain::{Party, PhotoId};
use serde::Serialize;
use std::borrow::Cow;
use unicode_segmentation::UnicodeSegmentation;

/// The longest payload that Apple takes, in bytes.
const MAX_BYTES: usize = 4096;

/// The most of a name that is shown, in bytes of JSON.
const MAX_NAME: usize = 256;

/// What stands where something was cut off.
const MORE: &str = "…";

/// What is to be shown.
pub(super) struct Alert<'a> {
    /// Who writes.
    pub(super) from: Party,
    /// Their name, if they have one.
    pub(super) name: Option<&'a str>,
    /// The body of the message.
    pub(super) body: &'a str,
    /// How many messages wait.
    pub(super) badge: u64,
}

/// `{"aps":{"alert":{"title":"小明","body":"你好"},"badge":3,"sound":"default","thread-id":"502e…"},"from":"502e…"}`
#[derive(Serialize)]
struct Payload<'a> {
    aps: Aps<'a>,
    /// Whose conversation the app opens.
    from: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Aps<'a> {
    alert: Words<'a>,
    badge: u64,
    sound: &'static str,
    thread_id: &'a str,
}

#[derive(Serialize)]
struct Words<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<Cow<'a, str>>,
    body: Cow<'a, str>,
}

impl Alert<'_> {
    /// The payload, with as much of the body as there is room for.
    pub(super) fn to_json(&self) -> String {
        let from = self.from.to_string();
        let payload = |body| Payload {
            aps: Aps {
                alert: Words {
                    title: self.name.map(|name| cut(name, MAX_NAME)),
                    body,
                },
                badge: self.badge,
                sound: "default",
                thread_id: &from,
            },
            from: &from,
        };
        let without = json(&payload(Cow::Borrowed("")));
        let body = readable(self.from, self.body);
        let room = MAX_BYTES.saturating_sub(without.len());
        json(&payload(cut(&body, room)))
    }
}

fn json(payload: &Payload<'_>) -> String {
    serde_json::to_string(payload).expect("text is JSON")
}

/// What a person reads in the place of what an app reads.
fn readable(from: Party, body: &str) -> Cow<'_, str> {
    if let Some(said) = picture(body) {
        return Cow::Owned(format!("[图片]{said}"));
    }
    match (from, coupon(body)) {
        (Party::Shop(_), Some((name, shop))) => Cow::Owned(format!("优惠券：{name}（{shop}）")),
        _ => Cow::Borrowed(body),
    }
}

/// What is said with a picture, of `[img:$id]$desc`.
fn picture(body: &str) -> Option<&str> {
    let (id, said) = body.strip_prefix("[img:")?.split_once(']')?;
    id.parse::<PhotoId>().ok().map(|_| said)
}

/// The names of a coupon and of its shop, of `[优惠券:$name:$shop:$id:$time]`.
fn coupon(body: &str) -> Option<(&str, &str)> {
    let inside = body.strip_prefix("[优惠券:")?.strip_suffix(']')?;
    let mut parts = inside.split(':');
    let (name, shop) = (parts.next()?, parts.next()?);
    (parts.count() == 2).then_some((name, shop))
}

/// As much of `text` as takes `room` bytes of JSON, in whole characters as people count them.
fn cut(text: &str, room: usize) -> Cow<'_, str> {
    if escaped(text) <= room {
        return Cow::Borrowed(text);
    }
    let room = room.saturating_sub(MORE.len());
    let mut end = fitting(text.graphemes(true), room);
    if end == 0 {
        // One with so many marks on it that it alone is too long.
        end = fitting(text.split_inclusive(|_| true), room);
    }
    Cow::Owned(format!("{}{MORE}", &text[..end]))
}

/// How many bytes of text the first pieces have that take `room` bytes of JSON.
fn fitting<'a>(pieces: impl Iterator<Item = &'a str>, room: usize) -> usize {
    let (mut end, mut taken) = (0, 0);
    for piece in pieces {
        taken += escaped(piece);
        if taken > room {
            break;
        }
        end += piece.len();
    }
    end
}

/// How many bytes `text` takes within a string of JSON.
fn escaped(text: &str) -> usize {
    let of = |c: char| match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        c if c < ' ' => 6,
        c => c.len_utf8(),
    };
    text.chars().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{ShopId, UserId};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const ANA: Party = Party::User(UserId::from_bytes([1; 12]));

    fn payload(body: &str) -> (usize, Value) {
        let alert = Alert {
            from: ANA,
            name: Some("Ana"),
            body,
            badge: 1_000,
        };
        let text = alert.to_json();
        (text.len(), serde_json::from_str(&text).expect("JSON"))
    }

    fn shown(body: &str) -> String {
        let (_, payload) = payload(body);
        payload["aps"]["alert"]["body"]
            .as_str()
            .expect("a text")
            .to_owned()
    }

    #[test]
    fn a_device_shows_who_writes_what_and_how_much_waits() {
        let id = ANA.to_string();
        let expected = json!({
            "aps": {
                "alert": {"title": "Ana", "body": "你好 \"🌊\""},
                "badge": 1_000,
                "sound": "default",
                "thread-id": id,
            },
            "from": id,
        });
        assert_eq!(payload("你好 \"🌊\"").1, expected);
        let nameless = Alert {
            from: ANA,
            name: None,
            body: "hi",
            badge: 1,
        };
        let nameless: Value = serde_json::from_str(&nameless.to_json()).expect("JSON");
        assert_eq!(nameless["aps"]["alert"], json!({"body": "hi"}));
    }

    #[test]
    fn pictures_and_coupons_are_told_in_words() {
        let shop = Party::Shop(ShopId::new(7).expect("an id"));
        let id = "50a1b2c3d4e5f60718293a4b";
        let coupon = format!("[优惠券:第二杯半价:Ekberg:{id}:2013-01-12 00：00：00]");
        for (from, body, expected) in [
            (ANA, format!("[img:{id}]"), "[图片]"),
            (ANA, format!("[img:{id}]海边"), "[图片]海边"),
            (ANA, "[img:x]".into(), "[img:x]"),
            (ANA, "[img:".into(), "[img:"),
            (shop, coupon.clone(), "优惠券：第二杯半价（Ekberg）"),
            (shop, "[优惠券:a:b]".into(), "[优惠券:a:b]"),
            (ANA, coupon.clone(), &coupon),
        ] {
            assert_eq!(readable(from, &body), expected);
        }
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let family = "👨‍👩‍👧‍👦";
        let (length, _) = payload(&family.repeat(1_000));
        assert!(length <= MAX_BYTES && length > MAX_BYTES - family.len() - MORE.len());
        let body = shown(&family.repeat(1_000));
        let whole = body.strip_suffix(MORE).expect("a sign that there is more");
        assert_eq!(whole.replace(family, ""), "");
        let short = "é".repeat(100);
        assert_eq!(shown(&short), short);
    }

    #[test]
    fn a_character_with_thousands_of_marks_is_cut_too() {
        let body = format!("a{}", "\u{301}".repeat(5_000));
        let (length, _) = payload(&body);
        assert!(length <= MAX_BYTES && length > MAX_BYTES - 8, "{length}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_payload_fits_whatever_is_said(
            body in "(\\PC|[\\n\\t\"\\\\]|\u{301}|\u{200d}|👩🏽‍🚀|🇫🇮|\u{1}){0,1600}",
            name in "(\\PC|[\"\\\\]){0,300}",
        ) {
            let alert = Alert { from: ANA, name: Some(&name), body: &body, badge: u64::MAX };
            let text = alert.to_json();
            prop_assert!(text.len() <= MAX_BYTES, "{}", text.len());
            let payload: Value = serde_json::from_str(&text).expect("JSON");
            let shown = payload["aps"]["alert"]["body"].as_str().expect("a text");
            match shown.strip_suffix(MORE) {
                Some(start) if shown != body => {
                    prop_assert!(body.starts_with(start));
                    let mut ends = body.grapheme_indices(true).map(|(at, _)| at);
                    prop_assert!(ends.any(|at| at == start.len()));
                    prop_assert!(text.len() > MAX_BYTES / 2, "much more would have fitted");
                }
                _ => prop_assert_eq!(shown, body),
            }
        }
    }
}
