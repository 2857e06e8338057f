//! Which of the six categories the tags of OpenStreetMap mean.
//!
//! The first row of the table that matches decides, so what people mostly come for stands first:
//! a hotel with a shop is a hotel.

use domain::shop::Category::{self, Bar, Building, Cafe, Leisure, Restaurant, Shopping};

/// Which values of a tag match.
enum Values {
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Anything but these.
    AllBut(&'static [&'static str]),
}

use Values::{AllBut, OneOf};

const TABLE: &[(Category, &str, Values)] = &[
    (
        Bar,
        "amenity",
        OneOf(&[
            "bar",
            "biergarten",
            "conference_centre",
            "events_venue",
            "exhibition_centre",
            "nightclub",
            "pub",
            "stripclub",
        ]),
    ),
    (Bar, "club", OneOf(&["music", "nightclub"])),
    (
        Cafe,
        "amenity",
        OneOf(&["cafe", "hookah_lounge", "internet_cafe"]),
    ),
    (Cafe, "shop", OneOf(&["coffee", "tea"])),
    (
        Restaurant,
        "amenity",
        OneOf(&[
            "canteen",
            "fast_food",
            "food_court",
            "ice_cream",
            "restaurant",
        ]),
    ),
    (
        Restaurant,
        "tourism",
        OneOf(&[
            "apartment",
            "camp_site",
            "chalet",
            "guest_house",
            "hostel",
            "hotel",
            "motel",
        ]),
    ),
    (Restaurant, "shop", OneOf(&["bakery", "pastry"])),
    (
        Leisure,
        "amenity",
        OneOf(&[
            "arts_centre",
            "casino",
            "cinema",
            "dancing_school",
            "gambling",
            "karaoke_box",
            "planetarium",
            "public_bath",
            "sauna",
            "social_club",
            "spa",
            "swimming_pool",
            "theatre",
        ]),
    ),
    (
        Leisure,
        "tourism",
        OneOf(&[
            "aquarium",
            "attraction",
            "gallery",
            "museum",
            "theme_park",
            "viewpoint",
            "zoo",
        ]),
    ),
    (
        Leisure,
        "leisure",
        // Furniture rather than places.
        AllBut(&[
            "bleachers",
            "common",
            "firepit",
            "outdoor_seating",
            "picnic_table",
            "slipway",
        ]),
    ),
    (
        Leisure,
        "shop",
        OneOf(&["beauty", "hairdresser", "massage", "tattoo"]),
    ),
    (Leisure, "sport", AllBut(&[])),
    (Shopping, "shop", AllBut(&[])),
    (Shopping, "amenity", OneOf(&["marketplace", "pharmacy"])),
    (Shopping, "place", OneOf(&["square"])),
    (
        Building,
        "amenity",
        OneOf(&[
            "bank",
            "bus_station",
            "childcare",
            "clinic",
            "college",
            "community_centre",
            "courthouse",
            "dentist",
            "doctors",
            "driving_school",
            "embassy",
            "ferry_terminal",
            "fire_station",
            "hospital",
            "kindergarten",
            "language_school",
            "library",
            "monastery",
            "music_school",
            "place_of_worship",
            "police",
            "post_office",
            "research_institute",
            "school",
            "social_facility",
            "townhall",
            "university",
            "veterinary",
        ]),
    ),
    (Building, "office", AllBut(&[])),
    (Building, "healthcare", AllBut(&[])),
    (Building, "craft", AllBut(&[])),
    (Building, "railway", OneOf(&["station"])),
    (Building, "public_transport", OneOf(&["station"])),
    (Building, "building", AllBut(&["no"])),
    (
        Building,
        "landuse",
        OneOf(&["commercial", "residential", "retail"]),
    ),
];

/// The category of an element with these tags; `None` when it is no place to be, or is disused.
pub(super) fn of<'a>(tag: &impl Fn(&str) -> Option<&'a str>) -> Option<Category> {
    if tag("disused").is_some_and(|value| value != "no")
        || matches!(tag("shop"), Some("vacant" | "no"))
    {
        return None;
    }
    let matches = |key: &str, values: &Values| {
        tag(key).is_some_and(|value| match values {
            OneOf(these) => these.contains(&value),
            AllBut(these) => !these.contains(&value),
        })
    };
    TABLE
        .iter()
        .find(|(_, key, values)| matches(key, values))
        .map(|(category, ..)| *category)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn means(tags: &[(&str, &'static str)], category: Option<Category>) {
        let tag = |key: &str| {
            tags.iter()
                .find(|(name, _)| *name == key)
                .map(|(_, value)| *value)
        };
        assert_eq!(of(&tag), category, "{tags:?}");
    }

    #[test]
    fn the_first_match_decides() {
        means(&[("amenity", "pub"), ("tourism", "hotel")], Some(Bar));
        means(&[("shop", "tea")], Some(Cafe));
        means(&[("shop", "gift"), ("tourism", "hotel")], Some(Restaurant));
        means(
            &[("building", "yes"), ("leisure", "stadium")],
            Some(Leisure),
        );
        means(&[("shop", "hairdresser")], Some(Leisure));
        means(&[("shop", "books"), ("building", "yes")], Some(Shopping));
        means(
            &[("building", "yes"), ("landuse", "retail")],
            Some(Building),
        );
    }

    #[test]
    fn what_is_no_place_to_be_has_no_category() {
        means(&[], None);
        means(&[("highway", "residential")], None);
        means(&[("leisure", "picnic_table")], None);
        means(&[("building", "no")], None);
    }

    #[test]
    fn disused_and_vacant_places_are_skipped() {
        means(&[("shop", "vacant"), ("building", "yes")], None);
        means(&[("amenity", "pub"), ("disused", "yes")], None);
        means(&[("amenity", "pub"), ("disused", "no")], Some(Bar));
    }
}
