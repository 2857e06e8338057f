//! Pictures that do not arrive: too long, too slow, cut off.

use super::house;
use crate::harness::{Form, House, JPEG, Phone, Stores, Wire, eventually, picture, settings};

/// A whole request, as bytes.
fn request(phone: &Phone, bytes: &[u8]) -> Vec<u8> {
    let call = Form::logo(JPEG, bytes).to("/user_logos");
    phone.signed(call).to_bytes()
}

/// Everybody else is still served, and nothing is left of those who were not.
async fn unharmed(house: &House, phone: &Phone) {
    house.nothing_happened().await;
    assert!(house.blob_names().await.is_empty());
    phone.add_picture("good").await;
    house.quiet().await;
    assert_eq!(house.blob_names().await.len(), 3);
}

#[tokio::test]
async fn forty_megabytes_are_refused_with_an_answer() {
    let house = house().await;
    let ana = house.login("ana").await;
    house.happened().await;
    let mut much = picture::jpeg(9, 9);
    much.resize(40 << 20, b'a');
    for path in ["/user_logos", "/photos", "/photo2s"] {
        for form in [
            Form::logo(JPEG, &much),
            Form::photo(JPEG, &much),
            Form::new().text("photo[desc]", &"a".repeat(40 << 20)),
        ] {
            let answer = ana.send(form.to(path)).await;
            // Where the field is another's, that is said first.
            assert!(matches!(answer.status, 400 | 413), "{}", answer.text());
            answer.refused(answer.status);
        }
    }
    let answer = ana.send(Form::logo(JPEG, &much).to("/user_logos")).await;
    answer.refused(413);
    // And to nobody.
    let call = Form::logo(JPEG, &much).to("/user_logos");
    house.send(call).await.refused(401);
    unharmed(&house, &ana).await;
}

#[tokio::test]
async fn a_picture_may_have_as_many_bytes_as_the_settings_say() {
    let mut settings = settings();
    settings.limits.picture_bytes = 20_000;
    let house = House::with(Stores::Memory, settings).await;
    let ana = house.login("ana").await;
    house.happened().await;
    // What lies behind the end of a picture counts too.
    let mut bytes = picture::jpeg(100, 100);
    bytes.resize(20_001, b'a');
    let call = Form::logo(JPEG, &bytes).to("/user_logos");
    ana.send(call).await.refused(413);
    house.nothing_happened().await;
    let call = Form::logo(JPEG, &bytes[..20_000]).to("/user_logos");
    ana.send(call).await.ok();
}

#[tokio::test]
async fn a_picture_that_comes_byte_by_byte_is_given_up_while_others_are_served() {
    let mut settings = settings();
    settings.limits.upload_ms = 1_000;
    let house = House::with(Stores::Memory, settings).await;
    let ana = house.login("ana").await;
    house.happened().await;
    let whole = request(&ana, &picture::jpeg(900, 900));
    let (begin, mut rest) = whole.split_at(1_000);

    // Whoever looks gets an answer.
    let mut wire = Wire::connect(&house.authority()).await;
    wire.send(begin).await;
    let answer = wire.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("{\"error\":"), "{answer}");

    // Whoever goes on is hung up on.
    let mut wire = Wire::connect(&house.authority()).await;
    wire.send(begin).await;
    eventually("hung up", async || {
        house.get("/healthz", &[]).await.ok();
        let (byte, later) = rest.split_at(1);
        rest = later;
        wire.send_one(byte).await.is_err().then_some(())
    })
    .await;
    unharmed(&house, &ana).await;
}

#[tokio::test]
async fn connections_cut_in_the_middle_of_a_picture_leave_nothing_behind() {
    let house = house().await;
    let ana = house.login("ana").await;
    house.happened().await;
    let whole = request(&ana, &picture::jpeg(600, 600));
    for cut in 1..40 {
        let mut wire = Wire::connect(&house.authority()).await;
        wire.send(&whole[..whole.len() * cut / 40]).await;
    }
    // One byte is missing.
    let mut wire = Wire::connect(&house.authority()).await;
    wire.send(&whole[..whole.len() - 1]).await;
    drop(wire);
    unharmed(&house, &ana).await;
}
