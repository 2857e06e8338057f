//! What is asked of the index: the two lists of the mobile API, with and without a category and a
//! name, the first page and the fiftieth. Over HTTP and in process the questions are the same.

use super::words;
use super::world::World;
use anyhow::{Context, Result};
use domain::Millis;
use domain::geo::{Fix, Point};
use domain::shop::Category;
use projections::place_ranker::{Asked, OFFERED};
use projections::shop_index::Filter;
use projections::{PlaceRanker, ShopIndex};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// How many places are asked about.
const PLACES: usize = 1_000;

/// Rows of a page of `/shop/nearby`.
const ROWS: usize = 20;

/// The page far behind.
const FAR: usize = 50;

/// What phones say of their own accuracy, in metres, and how many of a hundred do.
const ACCURACIES: [(u32, u32); 4] = [(30, 25), (65, 40), (200, 20), (1_000, 15)];

/// Somebody who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) point: Point,
    pub(super) accuracy_m: u32,
}

/// A kind of question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    list: List,
    category: Option<Category>,
    needle: Needle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    /// `/aroundme/shops`
    Around,
    /// `/shop/nearby`, a page.
    Nearby(usize),
}

/// The name that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needle {
    None,
    /// That very many have in theirs.
    Common,
    /// That of one shop.
    Rare,
}

const fn nearby(
    name: &'static str,
    page: usize,
    category: Option<Category>,
    needle: Needle,
) -> Kind {
    Kind {
        name,
        list: List::Nearby(page),
        category,
        needle,
    }
}

/// All kinds; where there is a page 50, it comes after its page 1.
pub(super) const KINDS: [Kind; 11] = [
    Kind {
        name: "around me",
        list: List::Around,
        category: None,
        needle: Needle::None,
    },
    nearby("nearby", 1, None, Needle::None),
    nearby("nearby, page 50", FAR, None, Needle::None),
    nearby("type", 1, Some(Category::Bar), Needle::None),
    nearby("type, page 50", FAR, Some(Category::Bar), Needle::None),
    nearby("common name", 1, None, Needle::Common),
    nearby("common name, page 50", FAR, None, Needle::Common),
    nearby("rare name", 1, None, Needle::Rare),
    nearby("rare name, page 50", FAR, None, Needle::Rare),
    nearby(
        "type, common name",
        1,
        Some(words::COMMON_CATEGORY),
        Needle::Common,
    ),
    nearby(
        "type, common name, page 50",
        FAR,
        Some(words::COMMON_CATEGORY),
        Needle::Common,
    ),
];

/// Those who ask in `world`.
pub(super) fn places(world: &World) -> Vec<Place> {
    let mut dice = StdRng::seed_from_u64(0xa4ea);
    let place = |_| Place {
        point: world.somewhere(&mut dice),
        accuracy_m: some_accuracy(&mut dice),
    };
    (0..PLACES).map(place).collect()
}

/// The same, all with one accuracy.
pub(super) fn with_accuracy(places: &[Place], accuracy_m: u32) -> Vec<Place> {
    let place = |place: &Place| Place {
        accuracy_m,
        ..*place
    };
    places.iter().map(place).collect()
}

impl Kind {
    /// Whether it asks for a page far behind.
    pub(super) fn is_far(&self) -> bool {
        self.list == List::Nearby(FAR)
    }

    /// Whether it asks for the first places, whatever they are.
    pub(super) fn is_plain(&self) -> bool {
        !self.is_far() && self.category.is_none() && self.needle == Needle::None
    }

    /// The path and query of the question; `rare` is the rare name.
    ///
    /// # Errors
    /// When that makes no URL.
    pub(super) fn path(&self, place: &Place, rare: &str) -> Result<String> {
        let (lat, lng) = (place.point.lat().to_string(), place.point.lng().to_string());
        let mut query = vec![
            ("lat", lat),
            ("lng", lng),
            ("accuracy", place.accuracy_m.to_string()),
        ];
        let path = match self.list {
            List::Around => "aroundme/shops",
            List::Nearby(page) => {
                query.push(("page", page.to_string()));
                query.push(("pcount", ROWS.to_string()));
                "shop/nearby"
            }
        };
        if let Some(category) = self.category {
            query.push(("type", u8::from(category).to_string()));
        }
        if let Some(name) = self.name(rare) {
            query.push(("name", name.to_owned()));
        }
        let url = reqwest::Url::parse_with_params(&format!("http://localhost/{path}"), query)?;
        let query = url.query().context("a question has parameters")?;
        Ok(format!("{}?{query}", url.path()))
    }

    /// Asks the models themselves, and says how many shops they answered.
    pub(super) fn ask(
        &self,
        shops: &ShopIndex,
        ranker: &PlaceRanker,
        place: &Place,
        rare: &str,
    ) -> usize {
        match self.list {
            List::Around => {
                let asked = Asked {
                    fix: Fix::new(place.point, f64::from(place.accuracy_m)),
                    caller: None,
                    hidden: true,
                    bssid: None,
                    now: Millis(1_750_000_000_000),
                };
                ranker.rank(shops, &asked, OFFERED).len()
            }
            List::Nearby(page) => {
                let filter = Filter {
                    category: self.category,
                    name: self.name(rare).map(str::to_owned),
                };
                let page = shops.nearest(place.point, &filter, (page - 1) * ROWS, ROWS);
                page.len()
            }
        }
    }

    fn name<'a>(&self, rare: &'a str) -> Option<&'a str> {
        match self.needle {
            Needle::None => None,
            Needle::Common => Some(words::COMMON),
            Needle::Rare => Some(rare),
        }
    }
}

fn some_accuracy(dice: &mut StdRng) -> u32 {
    let mut at = dice.random_range(0..100);
    for (accuracy, share) in ACCURACIES {
        if at < share {
            return accuracy;
        }
        at -= share;
    }
    ACCURACIES[0].0
}
