//! Rows of shops, of which most answers consist: so they are written here, piece by piece, which
//! takes half of the time that serde takes for as many. What they say is that of JSON all the same.

use crate::App;
use crate::reply::json;
use axum::response::Response;
use domain::ShopId;
use projections::occupancy::Crowd;
use projections::shop_index::{Shop, fetch_texts};
use serde::Serialize;
use utoipa::ToSchema;

/// What a shop in a list takes, in bytes, unless it has much to say.
const SHOP_ROW: usize = 320;

/// Parts of a degree that are written without its being looked at what is behind them.
const OF_A_DEGREE: u64 = 100_000_000;

/// A shop in a list (seed §4, §5).
#[derive(ToSchema)]
pub(crate) struct ShopRow<'a> {
    name: &'a str,
    /// Empty when unknown.
    address: &'a str,
    /// Longitude on the map (GCJ-02 in mainland China).
    lng: f64,
    #[schema(value_type = u64)]
    id: ShopId,
    /// Empty when unknown.
    phone: &'a str,
    /// Latitude on the map (GCJ-02 in mainland China).
    lat: f64,
    /// Latitude and longitude on the globe, WGS-84: distances are measured from these.
    lo: [f64; 2],
    /// Category, 1 to 6.
    t: u8,
    /// How many people are there now.
    user: u32,
    /// How many of them are men.
    male: u32,
    /// How many of them are women.
    female: u32,
}

/// The answer that lists `shops`, in order, with how many people are in each.
///
/// It is written while the shops stand still, so that nothing of them is copied.
pub(crate) fn shop_rows<'a>(app: &App, shops: impl Iterator<Item = Shop<'a>>) -> Response {
    let (now, window_ms) = (app.now(), app.settings.presence_window_ms);
    let shops: Vec<Shop<'a>> = shops.collect();
    fetch_texts(&shops);
    let crowds = app.projections.occupancy.read(|occupancy| {
        let ids = shops.iter().map(|shop| shop.id);
        occupancy.crowds(ids, now, window_ms)
    });
    let rows = shops.iter().zip(crowds);
    json(written(
        rows.map(|(shop, crowd)| ShopRow::new(*shop, crowd)),
    ))
}

fn written<'a>(rows: impl ExactSizeIterator<Item = ShopRow<'a>>) -> Vec<u8> {
    let mut body = Vec::with_capacity(2 + rows.len() * SHOP_ROW);
    body.push(b'[');
    for (number, row) in rows.enumerate() {
        if number > 0 {
            body.push(b',');
        }
        row.write(&mut body);
    }
    body.push(b']');
    body
}

impl<'a> ShopRow<'a> {
    fn new(shop: Shop<'a>, crowd: Crowd) -> Self {
        let (globe, map) = (shop.point(), shop.on_map());
        let (address, phone) = shop.address_and_phone();
        Self {
            name: shop.name(),
            address,
            lng: map.lng(),
            id: shop.id,
            phone,
            lat: map.lat(),
            lo: [globe.lat(), globe.lng()],
            t: shop.category().into(),
            user: crowd.users,
            male: crowd.male,
            female: crowd.female,
        }
    }

    fn write(&self, body: &mut Vec<u8>) {
        body.extend_from_slice(b"{\"name\":");
        text(body, self.name);
        body.extend_from_slice(b",\"address\":");
        text(body, self.address);
        body.extend_from_slice(b",\"lng\":");
        degrees(body, self.lng);
        body.extend_from_slice(b",\"id\":");
        value(body, &self.id.get());
        body.extend_from_slice(b",\"phone\":");
        text(body, self.phone);
        body.extend_from_slice(b",\"lat\":");
        degrees(body, self.lat);
        body.extend_from_slice(b",\"lo\":[");
        degrees(body, self.lo[0]);
        body.push(b',');
        degrees(body, self.lo[1]);
        body.extend_from_slice(b"],\"t\":");
        number(body, self.t.into());
        body.extend_from_slice(b",\"user\":");
        number(body, self.user);
        body.extend_from_slice(b",\"male\":");
        number(body, self.male);
        body.extend_from_slice(b",\"female\":");
        number(body, self.female);
        body.push(b'}');
    }
}

/// Writes a text; hardly any has characters that must be escaped.
fn text(body: &mut Vec<u8>, text: &str) {
    // Without a way out, so that many bytes are compared at once.
    let escaped = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    if text.bytes().fold(false, |any, byte| any | escaped(byte)) {
        value(body, text);
    } else {
        body.push(b'"');
        body.extend_from_slice(text.as_bytes());
        body.push(b'"');
    }
}

/// Writes degrees; nearly all have eight decimals at most, which are soon written as two whole numbers.
fn degrees(body: &mut Vec<u8>, degrees: f64) {
    let parts = (degrees.abs() * OF_A_DEGREE as f64 + 0.5) as u64;
    if parts as f64 / OF_A_DEGREE as f64 != degrees.abs() {
        return value(body, &degrees);
    }
    if degrees.is_sign_negative() {
        body.push(b'-');
    }
    value(body, &(parts / OF_A_DEGREE));
    let point = body.len();
    // With a digit in front, of which the point takes the place, so that there are eight behind it.
    value(body, &(OF_A_DEGREE + parts % OF_A_DEGREE));
    body[point] = b'.';
    while body.len() > point + 2 && body.ends_with(b"0") {
        body.pop();
    }
}

/// Writes a whole number: nearly all have one digit.
fn number(body: &mut Vec<u8>, number: u32) {
    match u8::try_from(number) {
        Ok(digit @ 0..10) => body.push(b'0' + digit),
        _ => value(body, &number),
    }
}

/// Writes a number or a text as serde does.
fn value<T: Serialize + ?Sized>(body: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(body, value).expect("a plain value can be written, and memory takes it");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn row<'a>(name: &'a str, lng: f64) -> ShopRow<'a> {
        ShopRow {
            name,
            address: "文一路266号",
            lng,
            id: ShopId::new(40_056).expect("an id"),
            phone: "",
            lat: 30.28,
            lo: [30.282_3, 120.115],
            t: 3,
            user: 12,
            male: 7,
            female: 4_294_967_295,
        }
    }

    #[test]
    fn rows_are_written_as_phones_know_them() {
        let body = written([row("新紫轩花店", 120.12), row("b", -0.5)].into_iter());
        let text = String::from_utf8(body).expect("a text");
        let first = "{\"name\":\"新紫轩花店\",\"address\":\"文一路266号\",\"lng\":120.12,\
                     \"id\":40056,\"phone\":\"\",\"lat\":30.28,\"lo\":[30.2823,120.115],\"t\":3,\
                     \"user\":12,\"male\":7,\"female\":4294967295}";
        let second = first.replace("新紫轩花店", "b").replace("120.12,", "-0.5,");
        assert_eq!(text, format!("[{first},{second}]"));
        assert_eq!(written([].into_iter()), b"[]");
    }

    #[test]
    fn no_text_and_no_number_breaks_the_answer() {
        let texts = [
            "",
            "\"",
            "a\\b",
            "\u{1f}",
            "tab\there",
            "\u{7f}\u{2028}脸😀",
            "'<&>",
        ];
        let numbers = [
            0.0,
            -0.0,
            1e-8,
            -1e-9,
            0.1,
            30.282_304,
            -120.123_456_78,
            120.123_456_785,
            180.0,
            -179.999_999_999_999_97,
            5e-324,
            1e300,
        ];
        for text in texts {
            for number in numbers {
                let read: Value = serde_json::from_slice(&written([row(text, number)].into_iter()))
                    .expect("JSON");
                assert_eq!(read[0]["name"], json!(text));
                assert_eq!(read[0]["lng"], json!(number));
                assert_eq!(
                    read[0]["lng"].as_f64().map(f64::to_bits),
                    Some(number.to_bits())
                );
                assert_eq!(read[0]["female"], json!(4_294_967_295_u32));
            }
        }
    }
}
