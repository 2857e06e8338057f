//! What is known of a shop, and how that is changed.

use super::Rejection;
use crate::geo::Point;
use serde::{Deserialize, Serialize};

/// How many points a shop may have besides its first.
pub const MAX_POINTS: usize = 64;

/// What is known of a shop. Source: seed §4.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShopDetails {
    /// 1 to 255 characters on one line.
    pub name: String,
    /// Where it is: WGS-84 degrees.
    #[serde(flatten)]
    pub point: Point,
    /// What kind of place it is.
    pub category: Category,
    /// Up to 255 characters; empty when unknown.
    pub address: String,
    /// Up to 255 characters; empty when unknown.
    pub phone: String,
    /// Where else it is, at most [`MAX_POINTS`]: branches, or corners of a large place. However far
    /// away a shop is, it is so by the nearest of all its points.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<Point>,
}

/// The kind of a shop, 1 to 6: `t` of seed §4, listed in seed §5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Category {
    /// 酒吧●活动: bars and events.
    Bar = 1,
    /// 咖啡●茶馆: cafés and tea houses.
    Cafe = 2,
    /// 餐饮●酒店: restaurants and hotels.
    Restaurant = 3,
    /// 休闲●娱乐: leisure.
    Leisure = 4,
    /// 购物●广场: shopping.
    Shopping = 5,
    /// 楼宇●社区: buildings and neighbourhoods.
    Building = 6,
}

impl Category {
    /// All six, in order.
    pub const ALL: [Self; 6] = [
        Self::Bar,
        Self::Cafe,
        Self::Restaurant,
        Self::Leisure,
        Self::Shopping,
        Self::Building,
    ];
}

impl From<Category> for u8 {
    fn from(category: Category) -> u8 {
        category as u8
    }
}

/// The refusal of a number that is no category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 1 to 6")]
pub struct UnknownCategory;

impl TryFrom<u8> for Category {
    type Error = UnknownCategory;

    fn try_from(number: u8) -> Result<Self, UnknownCategory> {
        Self::ALL
            .into_iter()
            .find(|category| u8::from(*category) == number)
            .ok_or(UnknownCategory)
    }
}

/// New values of some details of a shop.
#[derive(Clone, Debug, Default)]
pub struct DetailsEdit {
    /// See [`ShopDetails::name`].
    pub name: Option<String>,
    /// See [`ShopDetails::point`].
    pub point: Option<Point>,
    /// See [`ShopDetails::category`].
    pub category: Option<Category>,
    /// See [`ShopDetails::address`].
    pub address: Option<String>,
    /// See [`ShopDetails::phone`].
    pub phone: Option<String>,
    /// See [`ShopDetails::points`]; an empty list leaves the shop one point.
    pub points: Option<Vec<Point>>,
}

impl ShopDetails {
    /// All of its points, the first one first.
    pub fn all_points(&self) -> impl Iterator<Item = Point> {
        std::iter::once(self.point).chain(self.points.iter().copied())
    }

    /// Refuses texts that are too long or would break a line, and too many points.
    ///
    /// # Errors
    /// The rejection that names the first bad field.
    pub fn check(&self) -> Result<(), Rejection> {
        let line = |text: &str| text.chars().count() <= 255 && !text.chars().any(char::is_control);
        if self.name.trim().is_empty() || !line(&self.name) {
            return Err(Rejection::Name);
        }
        if !line(&self.address) {
            return Err(Rejection::Address);
        }
        if !line(&self.phone) {
            return Err(Rejection::Phone);
        }
        if self.points.len() > MAX_POINTS {
            return Err(Rejection::TooManyPoints);
        }
        Ok(())
    }
}

impl DetailsEdit {
    pub(super) fn applied_to(&self, details: &ShopDetails) -> ShopDetails {
        let text = |new: &Option<String>, old: &String| new.as_ref().unwrap_or(old).clone();
        ShopDetails {
            name: text(&self.name, &details.name),
            point: self.point.unwrap_or(details.point),
            category: self.category.unwrap_or(details.category),
            address: text(&self.address, &details.address),
            phone: text(&self.phone, &details.phone),
            points: self.points.as_ref().unwrap_or(&details.points).clone(),
        }
    }
}
