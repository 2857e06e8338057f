//! What each parameter means: which values are good, and which are bad.

use super::routes::Route;
use super::world::World;
use crate::harness::hash;

/// Texts that are somewhere between a nuisance and an attack; some parameters may take them.
pub(super) const ANYTHING: [&str; 16] = [
    "😀",
    "脸脸",
    "' OR 1=1 --",
    "\"; DROP TABLE shops; --",
    "%",
    "_",
    "(",
    ".*",
    "\\",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "\u{202e}\u{200b}\u{feff}",
    "\r\nSet-Cookie: a=b",
    "e\u{301}\u{10ffff}",
];

/// What is no number, in any call.
const NO_NUMBER: [&str; 16] = [
    "", " ", "x", "NaN", "nan", "inf", "-inf", "Infinity", "1e400", "1,5", "0x1F", "٣", "--1",
    "1_0", "null", "1 ",
];

/// What is no small whole number.
const NO_WHOLE: [&str; 5] = [
    "1.5",
    "1e3",
    "-1",
    "1e30",
    "1000000000000000000000000000000",
];

const UNKNOWN_ID: &str = "502e6303421aa918ba000001";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Latitude,
    Longitude,
    Accuracy,
    /// Metres up or down.
    Height,
    /// From 1.
    Rank,
    Page,
    /// 1 to 6.
    Category,
    /// 0 to 2.
    Choice,
    Int32,
    /// `hash=1`: anything else is no.
    Flag,
    /// 0 or 1, and nothing else.
    Switch,
    /// 0 or 2.
    ChatSize,
    /// 0 or 1.
    CouponSize,
    /// An open shop.
    Shop,
    /// An id that no shop has.
    FreeShop,
    /// Anybody.
    Person,
    /// Whoever calls.
    Oneself,
    /// Anybody but the caller.
    Other,
    /// Somebody on a list, or not: taking them off is no mistake.
    Staff,
    /// One of the caller's own.
    Checkin,
    /// A picture that stands in an album.
    AlbumPicture,
    /// One of the caller's own.
    OwnPicture,
    /// Some of the caller's own.
    OwnPictures,
    /// A picture of a room.
    RoomPicture,
    /// A picture from or for the caller.
    Letter,
    /// A coupon of which the caller has a copy.
    Coupon,
    Projection,
    /// Part of what the hash of a start is made of: a name, and the value.
    Start(&'static str),
    /// Part of what the hash of a login is made of.
    Login(&'static str),
    /// The version of the app.
    Version,
    /// Any text at all.
    Search,
    PersonName,
    Birthday,
    /// Any day near today.
    Day,
    /// Fewer than 255 characters.
    About,
    ShopName,
    /// Up to 255 characters on one line.
    Line,
    /// Up to 255 characters.
    Title,
    /// Up to 500 characters.
    CouponDesc,
    Bssid,
    /// A list of points.
    Points,
}

impl Kind {
    /// What `name` means in a call.
    pub(super) fn of(route: &Route, name: &str) -> Self {
        match (route.path.as_str(), name) {
            ("/init/init", "model") => Self::Start("iPhone5,1"),
            ("/init/init", "os") => Self::Start("6.0.1"),
            ("/init/init", "mac") => Self::Start("d41d8cd98f00b204e9800998ecf8427e"),
            ("/init/init", "hash") => Self::Start(""),
            ("/init/init", "ver") => Self::Version,
            ("/oauth2/login", "name") => Self::Login("name"),
            ("/oauth2/login", "pass") => Self::Login("pa"),
            ("/oauth2/login", "mac") => Self::Login("ss"),
            ("/oauth2/login", "hash") => Self::Login("11f4004a73a65117071bc4a7d3dfdf07"),
            ("/user_info/trace", "hash") => Self::Flag,
            ("/user_info/get" | "/follow_info/followers" | "/follow_info/friends", "id") => {
                Self::Person
            }
            ("/admin/users/{id}/reset_password", "id") => Self::Person,
            ("/admin/users/{id}/ban", "id") => Self::Other,
            ("/blacklists", "id") => Self::Oneself,
            ("/follows" | "/follows/delete", "user_id") => Self::Oneself,
            ("/blacklists" | "/blacklists/delete", "user_id") => Self::Oneself,
            ("/follows/delete" | "/blacklists/delete", "follow_id" | "block_id") => Self::Staff,
            (_, "follow_id" | "block_id") => Self::Other,
            ("/blacklists", "report") => Self::Flag,
            ("/follow_info/followers" | "/follow_info/friends" | "/blacklists", "hash") => {
                Self::Flag
            }
            ("/follow_info/followers" | "/follow_info/friends" | "/blacklists", "name") => {
                Self::Search
            }
            ("/admin/shops/{id}/staffs" | "/admin/aroundme/explain", "user_id") => Self::Person,
            ("/admin/shops/{id}/staffs/{user_id}", "user_id") => Self::Staff,
            ("/checkins", "user_id") => Self::Oneself,
            ("/checkins/delete", "id") => Self::Checkin,
            ("/user_info/logo" | "/user_info/photos", "id") => Self::Person,
            ("/user_logos/show", "id") => Self::AlbumPicture,
            ("/user_logos/delete", "id") => Self::OwnPicture,
            ("/user_logos/change_all_position", "ids") => Self::OwnPictures,
            ("/photos/show", "id") => Self::RoomPicture,
            ("/photo2s/show", "id") => Self::Letter,
            ("/photos/show" | "/photo2s/show", "size") => Self::ChatSize,
            ("/coupons/img", "size") => Self::CouponSize,
            ("/coupons/img" | "/coupons/use" | "/admin/coupons/{id}", "id") => Self::Coupon,
            // Nobody's coupons are an empty list.
            ("/admin/coupons", "shop_id") if route.method == "GET" => Self::FreeShop,
            ("/admin/coupons", "name") => Self::ShopName,
            ("/admin/coupons", "desc") => Self::CouponDesc,
            ("/admin/coupons", "valid_until") => Self::Birthday,
            (_, "photo[room]") => Self::Shop,
            (_, "photo[to_uid]") => Self::Other,
            (_, "photo[weibo]") => Self::Switch,
            (_, "photo[desc]") => Self::About,
            ("/admin/shops", "id") => Self::FreeShop,
            ("/admin/projections/{name}/rebuild", "name") => Self::Projection,
            ("/user_info/set", "name") => Self::PersonName,
            ("/admin/shops" | "/admin/shops/{id}", "name") => Self::ShopName,
            ("/shop/nearby", "name") => Self::Search,
            // Whatever is no device's token is nobody's.
            ("/oauth2/logout", "pushtoken") => Self::Search,
            (_, "id" | "shop_id") => Self::Shop,
            (_, "lat") => Self::Latitude,
            (_, "lng") => Self::Longitude,
            (_, "accuracy") => Self::Accuracy,
            (_, "altitude" | "altacc") => Self::Height,
            (_, "od") => Self::Rank,
            ("/admin/stats/devices", "from" | "to") => Self::Day,
            (_, "page" | "pcount") => Self::Page,
            (_, "t" | "type") => Self::Category,
            (_, "gender" | "invisible" | "rule" | "size") => Self::Choice,
            (_, "jobtype") => Self::Int32,
            (_, "birthday") => Self::Birthday,
            (_, "signature" | "job" | "hobby") => Self::About,
            (_, "address" | "phone") => Self::Line,
            (_, "title") => Self::Title,
            (_, "bssid") => Self::Bssid,
            (_, "points") => Self::Points,
            (path, name) => panic!("what is {name} in {} {path}?", route.method),
        }
    }

    /// A value with which the call goes through.
    pub(super) fn good(self, world: &World) -> String {
        let text = match self {
            Self::Latitude => "60.168",
            Self::Longitude => "24.938",
            Self::Accuracy => "65.5",
            Self::Height => "-1",
            Self::Rank | Self::Page => "1",
            Self::Category | Self::Choice | Self::ChatSize => "2",
            Self::Int32 => "-7",
            Self::Flag | Self::CouponSize => "1",
            // Who is no stranger to Weibo is walked elsewhere.
            Self::Switch => "0",
            Self::Shop => &world.shop,
            Self::FreeShop => "4928288",
            Self::Person | Self::Oneself | Self::Staff => &world.ana.id,
            Self::Other => &world.bo.id,
            Self::Checkin => &world.hers,
            Self::AlbumPicture => &world.foreign,
            Self::OwnPicture | Self::OwnPictures => &world.own,
            Self::RoomPicture => &world.room,
            Self::Letter => &world.letter,
            Self::Coupon => &world.coupon,
            Self::Projection => "traces",
            Self::Start("") => {
                let parts = [
                    "iPhone5,1",
                    "6.0.1",
                    "d41d8cd98f00b204e9800998ecf8427e",
                    "init",
                ];
                return hash(&parts);
            }
            Self::Start(value) | Self::Login(value) => value,
            Self::Version => "1.0",
            Self::Search => "kb",
            Self::PersonName => "Ana 脸",
            Self::Birthday => "1992-02-29",
            Self::Day => "2012-09-22",
            Self::About | Self::Line | Self::Title | Self::CouponDesc => "半价 & more 😀",
            Self::ShopName => "Café 咖啡",
            Self::Bssid => "00:1b:2c:3d:4e:5f",
            Self::Points => r#"[{"lat":60.17,"lng":24.94},{"lat":-90,"lng":180}]"#,
        };
        text.to_owned()
    }

    /// Values with which the call must be refused.
    pub(super) fn bad(self, world: &World) -> Vec<String> {
        let long = "字".repeat(256);
        let one_more = "字".repeat(255);
        let several = |groups: &[&[&str]]| groups.concat().into_iter().map(str::to_owned).collect();
        match self {
            Self::Latitude => several(&[&NO_NUMBER, &["90.001", "-91", "1e30"]]),
            Self::Longitude => several(&[&NO_NUMBER, &["180.001", "-181", "1e30"]]),
            Self::Accuracy => several(&[&NO_NUMBER, &["-1", "-0.001", "1e10", "1e30"]]),
            Self::Height => several(&[&NO_NUMBER, &["1e7", "-1e30"]]),
            Self::Rank => several(&[&NO_NUMBER, &NO_WHOLE, &["0", "4294967296"]]),
            Self::Page => several(&[&NO_NUMBER, &NO_WHOLE, &["0", "4294967296"]]),
            Self::Category => several(&[&NO_NUMBER, &NO_WHOLE, &["0", "7", "256"]]),
            Self::Choice => several(&[&NO_NUMBER, &NO_WHOLE, &["3", "256"]]),
            Self::Switch => several(&[&NO_NUMBER, &NO_WHOLE, &["2", "true"]]),
            Self::ChatSize => several(&[&NO_NUMBER, &NO_WHOLE, &["1", "3"]]),
            Self::CouponSize => several(&[&NO_NUMBER, &NO_WHOLE, &["2", "256"]]),
            Self::Int32 => several(&[&NO_NUMBER, &["1.5", "1e3", "2147483648", "-2147483649"]]),
            Self::Flag | Self::Search => Vec::new(),
            Self::Shop | Self::FreeShop => {
                let unknown: &[&str] = if self == Self::Shop { &["999"] } else { &[] };
                let odd = ["0", "9007199254740992"];
                several(&[&NO_NUMBER, &NO_WHOLE, &odd, unknown])
            }
            Self::Person | Self::Other => several(&[&NO_NUMBER, &NO_WHOLE, &[UNKNOWN_ID, "s1"]]),
            Self::Oneself => several(&[&NO_NUMBER, &[UNKNOWN_ID, &world.bo.id]]),
            Self::Staff => several(&[&NO_NUMBER, &NO_WHOLE]),
            Self::Checkin => several(&[&NO_NUMBER, &NO_WHOLE, &[UNKNOWN_ID, &world.his]]),
            Self::AlbumPicture => {
                let others = [UNKNOWN_ID, &world.room, &world.letter, &world.coupon];
                several(&[&NO_NUMBER, &NO_WHOLE, &others])
            }
            Self::OwnPicture | Self::OwnPictures => {
                let two = [world.own.as_str(), &world.foreign].join(",");
                let others = [UNKNOWN_ID, &world.foreign, &world.room, &two];
                several(&[&NO_NUMBER, &NO_WHOLE, &others])
            }
            Self::RoomPicture => {
                let others = [UNKNOWN_ID, &world.own, &world.letter];
                several(&[&NO_NUMBER, &NO_WHOLE, &others])
            }
            Self::Letter => {
                let others = [UNKNOWN_ID, &world.own, &world.room, &world.diary];
                several(&[&NO_NUMBER, &NO_WHOLE, &others])
            }
            Self::Coupon => several(&[&NO_NUMBER, &NO_WHOLE, &[UNKNOWN_ID, &world.own]]),
            Self::Projection => several(&[&NO_NUMBER, &["Traces", "traces2", ".."]]),
            Self::Start(_) | Self::Login(_) => several(&[&NO_NUMBER, &[&long]]),
            Self::Version => several(&[&[&long]]),
            Self::PersonName => several(&[&["", " ", "a\nb", "a\u{7}", &long]]),
            Self::Birthday => several(&[
                &NO_NUMBER[1..],
                &["2011-02-29", "2012-13-01", "1990-1-1", "01.01.1990"],
            ]),
            Self::Day => several(&[&NO_NUMBER, &NO_WHOLE, &["2011-02-29", "1990-1-1", "today"]]),
            Self::About => several(&[&["a\u{7}b", &one_more]]),
            Self::ShopName => several(&[&["", " ", "a\nb", &long]]),
            Self::Line => several(&[&["a\nb", "a\u{7}", &long]]),
            Self::Title => several(&[&[&long]]),
            Self::CouponDesc => several(&[&["a\u{7}b", &"字".repeat(501)]]),
            Self::Bssid => several(&[&["two words", "咖啡", &one_more]]),
            Self::Points => {
                let point = r#"{"lat":60.17,"lng":24.94}"#;
                let many = format!("[{}]", [point; 65].join(","));
                let odd = [
                    point,
                    "[1]",
                    "[null]",
                    r#"[{"lat":60.17}]"#,
                    r#"[{"lat":90.001,"lng":24.94}]"#,
                    r#"[{"lat":60.17,"lng":1e400}]"#,
                    r#"[{"lat":60.17,"lng":24.94}"#,
                    &many,
                ];
                several(&[&NO_NUMBER, &odd])
            }
        }
    }

    /// Whether `true` and numbers are texts for it, and thus may be good.
    pub(super) fn is_text(self) -> bool {
        use Kind::{
            About, Bssid, CouponDesc, Flag, Line, PersonName, Search, ShopName, Title, Version,
        };
        matches!(
            self,
            About
                | Bssid
                | CouponDesc
                | Flag
                | Line
                | PersonName
                | Search
                | ShopName
                | Title
                | Version
        )
    }
}
