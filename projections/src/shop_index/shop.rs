//! What is kept of one shop, and how it is shown.
//!
//! A million shops must fit: what all have is a [`Card`] of fixed size and pieces of two long texts,
//! and what few have lies apart.

use super::names;
use super::texts::Texts;
use super::tree::{ODD, SEVERAL, kind, squared};
use crate::ahead::fetch;
use crate::memory::Poison;
use domain::geo::Point;
use domain::shop::{Category, MAX_POINTS, ShopDetails};
use domain::{ShopId, UserId, gcj02};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A shop that is open, as it is at the moment.
#[derive(Clone, Copy)]
pub struct Shop<'a> {
    /// Its id.
    pub id: ShopId,
    card: &'a Card,
    written: Written<'a>,
    extra: Option<&'a Arc<Extra>>,
}

/// Where the texts of a shop are, not looked at before somebody wants to know them: many shops are
/// weighed of which few are shown.
#[derive(Clone, Copy)]
pub(super) enum Written<'a> {
    /// Name, address and phone, one behind the other, and nothing else.
    Alone(&'a str),
    /// Among those of all, as those of the shop of this number.
    Among(&'a Texts, u32),
}

/// What is known of every shop, without its texts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Card {
    pub(super) id: ShopId,
    point: Point,
    /// How far north and east of `point` a map draws it, in degrees; good to a tenth of a
    /// millimetre, at half of what the place on the map would take.
    shift: [f32; 2],
    /// Where its address and its phone begin among those of all.
    begin: u64,
    /// How many bytes the name has, the address, and the phone.
    lengths: [u16; 3],
    category: Category,
    /// See [`PLAIN`] and [`EXTRA`].
    traits: u8,
}

/// The name is plain; see [`names::is_plain`].
const PLAIN: u8 = 1;
/// There is an [`Extra`].
const EXTRA: u8 = 2;

/// Parts of a degree that are a millimetre, or less.
const OF_A_DEGREE: f64 = 1e8;

/// What is known of few shops.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Extra {
    notice: Box<str>,
    /// In the order of their ids.
    staff: Vec<UserId>,
    /// Where else the shop is.
    points: Vec<Point>,
}

/// A shop by itself, not yet among the others.
#[derive(Clone, Debug)]
pub(super) struct Fresh {
    card: Card,
    text: Box<str>,
    extra: Option<Arc<Extra>>,
    /// What its name may contain: see [`names::signature`].
    pub(super) signature: u64,
}

/// Has the texts of all these shops fetched, which lie anywhere: who reads them after that does not
/// wait for each.
pub fn fetch_texts(shops: &[Shop<'_>]) {
    fetch(shops.iter().map(|shop| match shop.written {
        Written::Alone(_) => 0,
        Written::Among(texts, number) => texts.mark(number),
    }));
    fetch(shops.iter().map(|shop| match shop.written {
        Written::Alone(text) => text.as_bytes().first().copied().map_or(0, u64::from),
        Written::Among(texts, number) => texts.ends(number) | texts.other_ends(&shop.card.range()),
    }));
}

impl<'a> Shop<'a> {
    /// 1 to 255 characters on one line.
    #[must_use]
    pub fn name(self) -> &'a str {
        match self.written {
            Written::Alone(text) => text.get(..self.card.named()).unwrap_or_default(),
            Written::Among(texts, number) => texts.name(number),
        }
    }

    /// Up to 255 characters; empty when unknown.
    #[must_use]
    pub fn address(self) -> &'a str {
        self.address_and_phone().0
    }

    /// Up to 255 characters; empty when unknown.
    #[must_use]
    pub fn phone(self) -> &'a str {
        self.address_and_phone().1
    }

    /// Both, in half of the time.
    #[must_use]
    pub fn address_and_phone(self) -> (&'a str, &'a str) {
        let address = usize::from(self.card.lengths[1]);
        self.others().split_at_checked(address).unwrap_or_default()
    }

    /// What kind of place it is.
    #[must_use]
    pub fn category(self) -> Category {
        self.card.category
    }

    /// Where it is, WGS-84; the first of its points, if there are several.
    #[must_use]
    pub fn point(self) -> Point {
        self.card.point
    }

    /// Where else it is.
    #[must_use]
    pub fn further_points(self) -> &'a [Point] {
        self.extra.map_or(&[], |extra| &extra.points)
    }

    /// Where a map draws its first point: GCJ-02 in mainland China, to a millimetre.
    #[must_use]
    pub fn on_map(self) -> Point {
        let point = self.card.point;
        if self.card.shift == [0.0; 2] {
            return point;
        }
        let [north, east] = self.card.shift.map(f64::from);
        // Further digits would say nothing.
        let half = |degrees: f64| 0.5_f64.copysign(degrees);
        let parts = |degrees: f64| (degrees * OF_A_DEGREE + half(degrees)) as i64;
        let rounded = |degrees: f64| parts(degrees) as f64 / OF_A_DEGREE;
        let [lat, lng] = [point.lat() + north, point.lng() + east].map(rounded);
        // It is as good a point as the one that the shift was taken from.
        Point::new(lat, lng).unwrap_or(point)
    }

    /// The notice that is up; empty when there is none.
    #[must_use]
    pub fn notice(self) -> &'a str {
        self.extra.map_or("", |extra| &extra.notice)
    }

    /// Who works there, in the order of their ids.
    #[must_use]
    pub fn staff(self) -> &'a [UserId] {
        self.extra.map_or(&[], |extra| &extra.staff)
    }

    /// How far the nearest of its points is from `from`, over the ground.
    #[must_use]
    pub fn distance_m(self, from: Point) -> f64 {
        self.points()
            .map(|point| point.distance_m(from))
            .fold(f64::INFINITY, f64::min)
    }

    /// All of its points, the first one first.
    pub(super) fn points(self) -> impl Iterator<Item = Point> + 'a {
        std::iter::once(self.card.point).chain(self.further_points().iter().copied())
    }

    /// What kind of points its are, in a tree.
    pub(super) fn kind(self) -> u8 {
        let several = if self.further_points().is_empty() {
            0
        } else {
            SEVERAL
        };
        let odd = if self.card.traits & PLAIN == 0 {
            ODD
        } else {
            0
        };
        kind(self.card.category) | several | odd
    }

    /// The square of how far its nearest point is from `from`, through the globe.
    pub(super) fn distance_2(self, from: &[f64; 3]) -> f64 {
        self.points()
            .map(|point| squared(&point.unit_vector(), from))
            .fold(f64::INFINITY, f64::min)
    }

    /// Address and phone, one behind the other.
    pub(super) fn others(self) -> &'a str {
        match self.written {
            Written::Alone(text) => text.get(self.card.named()..),
            Written::Among(texts, _) => texts.others().get(self.card.range()),
        }
        .unwrap_or_default()
    }

    /// Name, address and phone, one behind the other.
    pub(super) fn text(self) -> String {
        [self.name(), self.others()].concat()
    }

    /// What stands apart, if anything does.
    pub(super) fn extra(self) -> Option<&'a Arc<Extra>> {
        self.extra
    }

    /// The card, for address and phone that begin at `begin`.
    pub(super) fn card(self, begin: u64) -> Card {
        Card {
            begin,
            ..*self.card
        }
    }
}

impl fmt::Debug for Shop<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shop")
            .field("id", &self.id.get())
            .field("name", &self.name())
            .field("category", &self.category())
            .field("points", &self.points().collect::<Vec<_>>())
            .field("address", &self.address())
            .field("phone", &self.phone())
            .field("on_map", &self.on_map())
            .field("notice", &self.notice())
            .field("staff", &self.staff())
            .finish()
    }
}

/// Equal are shops of which the same is known, wherever it lies.
impl PartialEq for Shop<'_> {
    fn eq(&self, other: &Self) -> bool {
        let texts = |shop: &Self| (shop.name(), shop.others());
        self.card(0) == other.card(0) && texts(self) == texts(other) && self.extra == other.extra
    }
}

impl Card {
    /// The shop of this card.
    pub(super) fn shop<'a>(
        &'a self,
        written: Written<'a>,
        extra: Option<&'a Arc<Extra>>,
    ) -> Shop<'a> {
        Shop {
            id: self.id,
            card: self,
            written,
            extra,
        }
    }

    /// How many bytes the name has.
    pub(super) fn name_bytes(&self) -> u16 {
        self.lengths[0]
    }

    pub(super) fn has_extra(&self) -> bool {
        self.traits & EXTRA != 0
    }

    /// Whether its address and its phone are texts among `others`.
    pub(super) fn fits(&self, others: &str) -> bool {
        let Range { start, end } = self.range();
        let phone = start.saturating_add(usize::from(self.lengths[1]));
        [start, phone, end]
            .iter()
            .all(|at| others.is_char_boundary(*at))
    }

    /// Where its address and its phone stand; nowhere, if they cannot stand anywhere.
    fn range(&self) -> Range<usize> {
        let [_, address, phone] = self.lengths.map(usize::from);
        let begin = usize::try_from(self.begin).unwrap_or(usize::MAX);
        begin..begin.saturating_add(address + phone)
    }

    fn named(&self) -> usize {
        usize::from(self.lengths[0])
    }
}

impl Extra {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Fresh {
    /// A shop that has neither staff nor notice.
    ///
    /// # Errors
    /// [`Poison`] when it has more than the rules of shops allow, many times over.
    pub(super) fn new(id: ShopId, details: &ShopDetails) -> Result<Self, Poison> {
        let texts = [&details.name, &details.address, &details.phone];
        let mut lengths = [0; 3];
        for (length, text) in lengths.iter_mut().zip(texts) {
            *length = u16::try_from(text.len())
                .map_err(|_| Poison("a text of a shop is too long".into()))?;
        }
        if details.points.len() > MAX_POINTS {
            return Err(Poison("a shop with too many points".into()));
        }
        let map = gcj02::on_map(details.point);
        let shift = [
            map.lat() - details.point.lat(),
            map.lng() - details.point.lng(),
        ];
        let mut fresh = Self {
            card: Card {
                id,
                point: details.point,
                shift: shift.map(|degrees| degrees as f32),
                begin: 0,
                lengths,
                category: details.category,
                traits: if names::is_plain(&details.name) {
                    PLAIN
                } else {
                    0
                },
            },
            text: texts.map(String::as_str).concat().into(),
            extra: None,
            signature: names::signature(&details.name),
        };
        if !details.points.is_empty() {
            fresh.change(|extra| extra.points = details.points.clone());
        }
        Ok(fresh)
    }

    /// What a snapshot says; `None` if it contradicts itself.
    pub(super) fn read(card: Card, text: String, extra: Option<Arc<Extra>>) -> Option<Self> {
        let sound = card.begin == 0
            && text
                .split_at_checked(card.named())
                .is_some_and(|(_, others)| card.range().end == others.len() && card.fits(others));
        (sound && card.has_extra() == extra.is_some()).then(|| {
            let mut fresh = Self {
                card,
                text: text.into(),
                extra,
                signature: 0,
            };
            fresh.signature = names::signature(fresh.shop().name());
            fresh
        })
    }

    /// What is known of `shop`, taken out from among the others.
    pub(super) fn of(shop: Shop<'_>) -> Self {
        Self {
            card: shop.card(0),
            text: shop.text().into(),
            extra: shop.extra.cloned(),
            signature: names::signature(shop.name()),
        }
    }

    pub(super) fn shop(&self) -> Shop<'_> {
        let written = Written::Alone(&self.text);
        self.card.shop(written, self.extra.as_ref())
    }

    pub(super) fn id(&self) -> ShopId {
        self.card.id
    }

    /// With the notice and the staff that `old` has.
    pub(super) fn keeping(mut self, old: &Self) -> Self {
        if let Some(old) = &old.extra {
            self.change(|extra| {
                extra.notice.clone_from(&old.notice);
                extra.staff.clone_from(&old.staff);
            });
        }
        self
    }

    pub(super) fn post(&mut self, notice: &str) {
        self.change(|extra| extra.notice = notice.into());
    }

    pub(super) fn employ(&mut self, user: UserId) {
        self.change(|extra| {
            if let Err(at) = extra.staff.binary_search(&user) {
                extra.staff.reserve_exact(1);
                extra.staff.insert(at, user);
            }
        });
    }

    pub(super) fn dismiss(&mut self, user: UserId) {
        self.change(|extra| extra.staff.retain(|other| *other != user));
    }

    fn change(&mut self, change: impl FnOnce(&mut Extra)) {
        let mut extra = self.extra.take().unwrap_or_default();
        change(Arc::make_mut(&mut extra));
        self.extra = Some(extra).filter(|extra| !extra.is_empty());
        self.card.traits &= !EXTRA;
        if self.extra.is_some() {
            self.card.traits |= EXTRA;
        }
    }
}
