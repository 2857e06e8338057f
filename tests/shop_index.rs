//! `/shop/nearby`: shops by distance, by name and by kind (seed §5); and where they stand on the
//! map (seed §4).

use crate::harness::{Door, House, same};
use serde_json::{Value, json};

/// Metres of a degree of latitude, about.
const DEGREE_M: f64 = 111_195.0;

/// What `/shop/nearby` answers at 60.0, 24.0.
async fn nearby(door: &Door, more: &[(&str, &str)]) -> Vec<Value> {
    let here = [("lat", "60"), ("lng", "24"), ("accuracy", "65")];
    let rows = door
        .get("/shop/nearby", &[&here[..], more].concat())
        .await
        .ok();
    rows.as_array().expect("an array").clone()
}

fn names(rows: &[Value]) -> Vec<&str> {
    rows.iter()
        .map(|row| row["name"].as_str().expect("a name"))
        .collect()
}

/// Shops `s00`, `s01` … each 100 m further north than the one before, in kinds 1 to 6, 1 …
async fn street(house: &House, count: u32) {
    for n in 0..count {
        // The far ones first: the order of registration must not matter.
        let n = count - 1 - n;
        let lat = 60.0 + f64::from(n) * 100.0 / DEGREE_M;
        let shop = json!({"name": format!("s{n:02}"), "lat": lat, "lng": 24, "t": n % 6 + 1});
        house.shop_with(shop).await;
    }
}

#[tokio::test]
async fn shops_come_nearest_first_in_disjoint_pages_of_twenty() {
    let house = House::new().await;
    street(&house, 45).await;
    let all: Vec<String> = (0..45).map(|n| format!("s{n:02}")).collect();
    assert_eq!(names(&nearby(&house, &[]).await), all[..20]);
    assert_eq!(names(&nearby(&house, &[("page", "2")]).await), all[20..40]);
    assert_eq!(names(&nearby(&house, &[("page", "3")]).await), all[40..]);
    assert_eq!(names(&nearby(&house, &[("page", "4")]).await), [""; 0]);
    let sevens = [("page", "2"), ("pcount", "7")];
    assert_eq!(names(&nearby(&house, &sevens).await), all[7..14]);
    assert_eq!(names(&nearby(&house, &[("pcount", "1000000")]).await), all);
}

#[tokio::test]
async fn pages_are_disjoint_even_where_all_shops_stand_at_one_place() {
    let house = House::new().await;
    for n in 0..7 {
        house.shop(&format!("mall {n}"), 60.0, 24.0).await;
    }
    let mut seen = Vec::new();
    for page in ["1", "2", "3", "4"] {
        let rows = nearby(&house, &[("page", page), ("pcount", "2")]).await;
        seen.extend(names(&rows).into_iter().map(str::to_owned));
    }
    seen.sort();
    let all: Vec<String> = (0..7).map(|n| format!("mall {n}")).collect();
    assert_eq!(seen, all);
}

#[tokio::test]
async fn a_row_is_whole() {
    let house = House::new().await;
    house
        .shop_with(json!({
            "id": 40056, "name": "新紫轩花店", "lat": 60.001, "lng": 24.002, "t": 1,
            "address": "文一路266号", "phone": "0571-88",
        }))
        .await;
    same(
        &json!(nearby(&house, &[]).await),
        &json!([{
            "id": 40056, "name": "新紫轩花店", "address": "文一路266号", "phone": "0571-88",
            "lat": 60.001, "lng": 24.002, "lo": [60.001, 24.002], "t": 1, "user": 0, "male": 0,
            "female": 0,
        }]),
    );
}

#[tokio::test]
async fn a_kind_selects_the_shops_of_that_kind() {
    let house = House::new().await;
    street(&house, 12).await;
    for kind in 1..=6 {
        let rows = nearby(&house, &[("type", &kind.to_string())]).await;
        let expected = [kind - 1, kind + 5].map(|n| format!("s{n:02}"));
        assert_eq!(names(&rows), expected);
        assert!(rows.iter().all(|row| row["t"] == kind));
    }
    let here = [("lat", "60"), ("lng", "24"), ("accuracy", "65")];
    for bad in ["0", "7", "-1", "256", "x", "1.5", "NaN"] {
        let parameters = [&here[..], &[("type", bad)]].concat();
        house.get("/shop/nearby", &parameters).await.refused(400);
    }
}

#[tokio::test]
async fn a_name_is_searched_as_plain_text() {
    let house = House::new().await;
    let shops = [
        "星巴克(西湖店)",
        "咖啡馆",
        "100% real_deal",
        "a.*b",
        "O'Hara; DROP TABLE shops;--",
        "back\\slash [x] ^$ ?+{1}|",
        "Café Ekberg",
        "🍜面👨‍👩‍👧",
    ];
    let (long, longest) = ("x".repeat(500), "面".repeat(500));
    for (n, name) in (0..).zip(shops) {
        house.shop(name, 60.0 + f64::from(n) * 0.001, 24.0).await;
    }
    for (needle, found) in [
        ("星巴克", &shops[..1]),
        ("西", &shops[..1]),
        ("(西湖店)", &shops[..1]),
        ("(", &shops[..1]),
        ("咖", &shops[1..2]),
        ("啡馆", &shops[1..2]),
        ("%", &shops[2..3]),
        ("l_d", &shops[2..3]),
        (".*", &shops[3..4]),
        ("a.*b", &shops[3..4]),
        ("'", &shops[4..5]),
        ("; DROP", &shops[4..5]),
        ("\\", &shops[5..6]),
        ("[x]", &shops[5..6]),
        ("^$", &shops[5..6]),
        ("+{1}|", &shops[5..6]),
        ("fé Ek", &shops[6..7]),
        ("🍜", &shops[7..]),
        ("面", &shops[7..]),
        ("\u{200d}", &shops[7..]),
        ("🍜🍜", &[]),
        (&long, &[]),
        (&longest, &[]),
        ("*", &shops[3..4]),
        ("__", &[]),
        ("%%", &[]),
        ("a..b", &[]),
        ("馆咖", &[]),
        ("", &shops[..]),
    ] {
        let rows = nearby(&house, &[("name", needle)]).await;
        assert_eq!(names(&rows), found, "{needle}");
    }
}

#[tokio::test]
async fn all_filters_combine_and_still_sort_and_page() {
    let house = House::new().await;
    for n in 0..12 {
        let (name, t) = (["咖啡", "酒吧"][n % 2], n / 2 % 2 + 1);
        let lat = 60.0 + n as f64 * 0.001;
        house
            .shop_with(json!({"name": format!("{name}{n}"), "lat": lat, "lng": 24, "t": t}))
            .await;
    }
    let both = [("name", "咖啡"), ("type", "2")];
    assert_eq!(
        names(&nearby(&house, &both).await),
        ["咖啡2", "咖啡6", "咖啡10"]
    );
    let paged = [&both[..], &[("page", "2"), ("pcount", "2")]].concat();
    assert_eq!(names(&nearby(&house, &paged).await), ["咖啡10"]);
}

#[tokio::test]
async fn distance_runs_over_the_edge_of_the_map() {
    let house = House::new().await;
    house.shop("west of the line", 10.0, 179.999).await;
    house.shop("far", 10.0, 179.9).await;
    let fiji = [("lat", "10"), ("lng", "-179.999"), ("accuracy", "65")];
    let rows = house.get("/shop/nearby", &fiji).await.ok();
    assert_eq!(rows[0]["name"], "west of the line");
    let rows = house.get("/aroundme/shops", &fiji).await.ok();
    assert_eq!(
        names(rows.as_array().expect("an array")),
        ["west of the line"]
    );
}

#[tokio::test]
async fn at_the_poles_every_direction_is_as_near() {
    let house = House::new().await;
    for (name, lat, lng) in [
        ("here", 89.9999, 0.0),
        ("over the pole", 89.9999, 180.0),
        ("down the road", 89.99, 0.0),
        ("the other pole", -90.0, 0.0),
    ] {
        house.shop(name, lat, lng).await;
    }
    let all = ["here", "over the pole", "down the road", "the other pole"];
    for lng in ["0", "10", "-10"] {
        let here = [("lat", "89.9999"), ("lng", lng), ("accuracy", "65")];
        let rows = house.get("/shop/nearby", &here).await.ok();
        assert_eq!(names(rows.as_array().expect("an array")), all);
        let rows = house.get("/aroundme/shops", &here).await.ok();
        assert_eq!(names(rows.as_array().expect("an array"))[..2], all[..2]);
    }
}

#[tokio::test]
async fn in_china_the_map_is_some_hundred_metres_off_and_elsewhere_it_is_not() {
    let house = House::new().await;
    for (lat, lng, shifted) in [
        (30.282204, 120.11528, true),
        (39.908722, 116.397499, true),
        (60.168, 24.938, false),
        // On both sides of a border: Shenzhen and Hong Kong, Zhuhai and Macao.
        (22.543847, 113.912316, true),
        (22.2819, 114.1582, false),
        (22.2707, 113.5767, true),
        (22.1987, 113.5439, false),
        (25.033, 121.5654, false),
        (-33.8688, 151.2093, false),
        (0.0, 0.0, false),
    ] {
        let id = house.shop("x", lat, lng).await;
        let info = house.get("/shop/info", &[("id", &id)]).await.ok();
        assert_eq!(info["lo"], json!([lat, lng]));
        let degree = |key: &str| info[key].as_f64().expect("degrees");
        let north_m = (degree("lat") - lat) * DEGREE_M;
        let east_m = (degree("lng") - lng) * DEGREE_M * lat.to_radians().cos();
        let off_m = north_m.hypot(east_m);
        let expected = if shifted { 50.0..1_000.0 } else { 0.0..0.001 };
        assert!(expected.contains(&off_m), "{lat}, {lng}: {off_m} m");
    }
}

#[tokio::test]
async fn a_place_that_is_none_is_refused() {
    let house = House::new().await;
    let good = [("lat", "60"), ("lng", "24"), ("accuracy", "65")];
    for path in ["/shop/nearby", "/aroundme/shops"] {
        house.get(path, &good).await.ok();
        for (name, value) in [
            ("lat", "90.001"),
            ("lat", "-90.001"),
            ("lng", "180.001"),
            ("lng", "-180.001"),
            ("lat", "NaN"),
            ("lng", "inf"),
            ("lng", "-Infinity"),
            ("lat", "1e400"),
            ("lat", ""),
            ("lng", "east"),
            ("lng", "24,9"),
        ] {
            let mut parameters: Vec<_> = good.into_iter().filter(|(key, _)| *key != name).collect();
            house.get(path, &parameters).await.refused(400);
            parameters.push((name, value));
            house.get(path, &parameters).await.refused(400);
        }
        for edge in [("90", "180"), ("-90", "-180"), ("0", "0")] {
            let parameters = [("lat", edge.0), ("lng", edge.1), ("accuracy", "65")];
            house.get(path, &parameters).await.ok();
        }
    }
}
