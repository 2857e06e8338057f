//! `/blobs/*`: the bytes behind a link, as browsers ask for them.

use crate::harness::{Answer, Call, DAY, Door, House, MINUTE, Phone, Stores, settings};
use domain::{CouponId, Millis, PhotoId};
use media::keys::Key;
use media::links::Links;

/// Ana with a picture that can be shown, and the link to it.
async fn picture(house: &House) -> (Phone, String, String) {
    let ana = house.login("ana").await;
    let id = ana.add_picture("sea").await;
    house.quiet().await;
    let link = link(&ana, &id).await;
    (ana, id, link)
}

/// The link to a picture as it was sent.
async fn link(phone: &Phone, id: &str) -> String {
    let asked = [("id", id), ("size", "0")];
    phone.get("/user_logos/show", &asked).await.elsewhere()
}

async fn with(door: &Door, link: &str, headers: &[(&str, &str)]) -> Answer {
    let call = Call::new("GET", link);
    let call = headers
        .iter()
        .fold(call, |call, (name, value)| call.header(name, *value));
    door.send(call).await
}

#[tokio::test]
async fn a_link_leads_to_the_bytes_and_says_all_that_a_browser_needs() {
    let house = House::new().await;
    let (ana, id, link) = picture(&house).await;
    let answer = house.get(&link, &[]).await;
    assert_eq!(answer.status, 200);
    let file = house.blob_folder().join(format!("photos/{id}/0.jpg"));
    assert_eq!(answer.body, std::fs::read(file).expect("a file"));
    let length = answer.body.len().to_string();
    let left = 1_348_444_800 - 1_348_295_040;
    let caching = format!("private, max-age={left}, immutable");
    for (name, expected) in [
        ("content-type", "image/jpeg"),
        ("content-length", &length),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("cache-control", &caching),
    ] {
        assert_eq!(answer.header(name).as_deref(), Some(expected), "{name}");
    }
    let modified = answer.header("last-modified").expect("a time");
    assert!(modified.ends_with(" GMT"), "{modified}");
    let etag = answer.header("etag").expect("a tag");
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    // Nobody is logged in by a picture.
    assert!(answer.header("set-cookie").is_none());
    let small = ana.see("/user_logos/show", &[("id", &id)]).await;
    assert_eq!(small.header("content-type").as_deref(), Some("image/png"));
}

#[tokio::test]
async fn the_head_of_a_picture_is_that_of_the_whole() {
    let house = House::new().await;
    let (_, _, link) = picture(&house).await;
    let whole = house.get(&link, &[]).await;
    let head = house.send(Call::new("HEAD", link)).await;
    assert_eq!(head.status, 200);
    assert!(head.body.is_empty());
    for name in ["content-type", "content-length", "etag", "cache-control"] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
    }
}

#[tokio::test]
async fn a_part_is_given_as_it_was_asked_for() {
    let house = House::new().await;
    let (_, _, link) = picture(&house).await;
    let whole = house.get(&link, &[]).await.body;
    let bytes = whole.len();
    for (range, part) in [
        ("bytes=0-99", 0..100),
        ("bytes=100-199", 100..200),
        ("bytes=0-0", 0..1),
        ("bytes=100-", 100..bytes),
        ("bytes=-100", bytes - 100..bytes),
        ("bytes=7-99999999", 7..bytes),
        (&format!("bytes={}-", bytes - 1), bytes - 1..bytes),
    ] {
        let answer = with(&house, &link, &[("range", range)]).await;
        assert_eq!(answer.status, 206, "{range}: {}", answer.text());
        let said = format!("bytes {}-{}/{bytes}", part.start, part.end - 1);
        assert_eq!(answer.header("content-range"), Some(said), "{range}");
        assert_eq!(answer.body, whole[part], "{range}");
    }
    for range in [format!("bytes={bytes}-"), "bytes=-0".into()] {
        let answer = with(&house, &link, &[("range", &range)]).await;
        answer.refused(416);
        let said = format!("bytes */{bytes}");
        assert_eq!(answer.header("content-range"), Some(said), "{range}");
    }
    // What is no range, or more than one, may be ignored (RFC 9110 §14.2).
    for range in [
        "bytes=0-1,5-6",
        "bytes=5-1",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "lines=0-1",
        "bytes=99999999999999999999999-",
        "bytes=-1-2",
    ] {
        let answer = with(&house, &link, &[("range", range)]).await;
        assert_eq!(answer.status, 200, "{range}");
        assert_eq!(answer.body, whole, "{range}");
    }
}

#[tokio::test]
async fn who_has_a_picture_already_is_not_sent_it_again() {
    let house = House::new().await;
    let (_, _, link) = picture(&house).await;
    let whole = house.get(&link, &[]).await;
    let etag = whole.header("etag").expect("a tag");
    let several = format!("\"x\", {etag}");
    for known in [etag.as_str(), &several, "*"] {
        let answer = with(&house, &link, &[("if-none-match", known)]).await;
        assert_eq!(answer.status, 304, "{known}");
        assert!(answer.body.is_empty());
    }
    for other in ["\"x\"", "", "x"] {
        let answer = with(&house, &link, &[("if-none-match", other)]).await;
        assert_eq!((answer.status, answer.body), (200, whole.body.clone()));
    }
    // Parts only of the picture of which the client has the others (RFC 9110 §13.1.5).
    let part = ("range", "bytes=0-9");
    let same = with(&house, &link, &[part, ("if-range", &etag)]).await;
    assert_eq!((same.status, same.body.len()), (206, 10));
    for other in ["\"x\"", "Sat, 22 Sep 2012 06:24:00 GMT"] {
        let answer = with(&house, &link, &[part, ("if-range", other)]).await;
        assert_eq!((answer.status, answer.body), (200, whole.body.clone()));
    }
    let out = [("range", "bytes=99999999-"), ("if-range", "\"x\"")];
    assert_eq!(with(&house, &link, &out).await.status, 200);
}

#[tokio::test]
async fn a_link_that_was_not_made_here_leads_nowhere() {
    let house = House::new().await;
    let (ana, id, link) = picture(&house).await;
    let other = ana.add_picture("moon").await;
    house.quiet().await;
    let (path, seal) = link.split_once('?').expect("a seal");
    let tampered = [
        link.replace("0.jpg", "1.png"),
        link.replace("0.jpg", "2.png"),
        link.replace("0.jpg", "0.png"),
        link.replace(&id, &other),
        link.replace("until=13", "until=14"),
        link.replace("sig=", "sig=0"),
        link[..link.len() - 1].to_owned(),
        format!("{link}0"),
        link.to_uppercase()
            .replace("/BLOBS/PHOTOS", "/blobs/photos"),
        format!("/blobs/raw/{id}?{seal}"),
        format!("/blobs/?{seal}"),
        format!("/blobs/photos/{id}?{seal}"),
        format!("/blobs/photos//{id}/0.jpg?{seal}"),
        format!("/blobs/photos/../photos/{id}/0.jpg?{seal}"),
        format!("/blobs/..%2f..%2fetc%2fpasswd?{seal}"),
        format!("/blobs/%2e%2e/events.sqlite?{seal}"),
        format!("/blobs/photos%00/{id}/0.jpg?{seal}"),
        format!("/blobs/%ff?{seal}"),
        format!("{path}?until=0&sig=00000000000000000000000000000000"),
    ];
    for bad in tampered {
        assert_ne!(bad, link);
        // Sent as it is: a client would tidy it up.
        let call = Call::new("GET", bad.clone());
        let answer = raw(&house, &call).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{bad}: {answer}");
        assert!(answer.contains("{\"error\":"), "{bad}: {answer}");
    }
    for bad in [
        path.to_owned(),
        format!("{path}?"),
        format!("{path}?until=1348444800"),
        format!("{path}?sig=00"),
        format!("{link}&until=1"),
    ] {
        let answer = house.get(&bad, &[]).await;
        assert!((400..500).contains(&answer.status), "{bad}");
        assert!(answer.error().is_some(), "{bad}: {}", answer.text());
    }
    assert_eq!(house.get(&format!("{link}&utm=1"), &[]).await.status, 200);
    house.post(&link, &[]).await.refused(405);
}

/// The whole answer to exactly this request.
async fn raw(house: &House, call: &Call) -> String {
    let mut wire = crate::harness::Wire::connect(&house.authority()).await;
    wire.send(call.to_bytes()).await;
    wire.read_to_end().await
}

#[tokio::test]
async fn what_is_not_to_be_shown_is_not_even_behind_a_good_link() {
    let house = House::new().await;
    let links = Links::new(b"the secret of the tests");
    let photo = PhotoId::new(1, [1; 8]);
    let hidden = [Key::raw(photo), Key::coupon_image(CouponId::new(1, [1; 8]))];
    let absent = Key::photo(photo, media::keys::Size::Thumb, domain::photo::Format::Png);
    for key in &hidden {
        let stored = house.blobs().put(key, "<script>".into()).await;
        stored.expect("stored");
    }
    for key in hidden.iter().chain([&absent]) {
        let link = links.daily(key, Millis(1_348_295_040_000));
        house.get(&link, &[]).await.refused(404);
    }
}

#[tokio::test]
async fn a_link_stays_the_same_for_a_day_and_good_for_another() {
    let house = House::with(Stores::Sqlite, settings()).await;
    let (ana, id, first) = picture(&house).await;
    // It is 6:24 in Greenwich.
    house.clock.pass((17 * 60 + 35) * MINUTE);
    assert_eq!(link(&ana, &id).await, first);
    house.clock.pass(MINUTE);
    let second = link(&ana, &id).await;
    assert_ne!(second, first);
    let house = house.restart().await;
    assert_eq!(link(&ana, &id).await, second);
    house.clock.pass(DAY - 1);
    for link in [&first, &second] {
        assert_eq!(house.get(link, &[]).await.status, 200);
    }
    house.clock.pass(1);
    house.get(&first, &[]).await.refused(410);
    assert_eq!(house.get(&second, &[]).await.status, 200);
}
