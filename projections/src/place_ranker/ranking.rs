//! The question itself: of all the places around a fix, which is it.
//!
//! What is known of a place and of who asks is gathered here; what that makes of it is in
//! [`super::terms`], and which places are worth asking about in [`super::search`].

use super::bssid::Bssid;
use super::decay::{day, weight};
use super::hours::ThisHour;
use super::search;
use super::spot::metres;
use super::terms::{Everywhere, Evidence, Scale, Terms};
use super::{History, PlaceRanker, Weights, Whose};
use crate::shop_index::{Shop, ShopIndex};
use domain::geo::Fix;
use domain::shop::Category;
use domain::{Millis, UserId};

/// Nothing further away than this is possible.
pub(super) const FURTHEST_M: f64 = 15_000.0;
/// Everything within this is possible, however accurate the phone believes to be.
const ALWAYS_M: f64 = 150.0;
/// So many accuracies hold practically all true places.
const ACCURACIES: f64 = 3.0;

/// Somebody who asks where they are.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// What their phone believes.
    pub fix: Fix,
    /// Whose history counts, if anybody's.
    pub caller: Option<UserId>,
    /// Whether check-ins that the caller made while hiding count as well: for the caller only.
    pub hidden: bool,
    /// The access point that the phone is connected to.
    pub bssid: Option<Bssid>,
    /// When.
    pub now: Millis,
}

/// A place where somebody may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked<'a> {
    /// Which shop.
    pub shop: Shop<'a>,
    /// How far it is from the fix, to a few centimetres.
    pub distance_m: f64,
}

/// A place where somebody may be, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Explained<'a> {
    /// Which shop.
    pub shop: Shop<'a>,
    /// How far it is from the fix, to a few centimetres.
    pub distance_m: f64,
    /// The logarithm of how probable it is, up to a constant; only the order means something.
    pub score: f64,
    /// What the score is the sum of.
    pub terms: Terms,
    /// What the terms were made from.
    pub known: Known,
}

/// What has been learnt of a place, in visits by today's weight.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Known {
    /// Everybody's.
    pub visits: f64,
    /// The caller's own.
    pub own: f64,
    /// With the caller's access point.
    pub this_bssid: f64,
    /// With any access point.
    pub any_bssid: f64,
}

/// What is looked up once for all places.
pub(super) struct Question<'r, 'a> {
    pub(super) ranker: &'r PlaceRanker,
    pub(super) shops: &'a ShopIndex,
    pub(super) asked: &'r Asked,
    /// What a visit weighs today.
    pub(super) today: f64,
    pub(super) hour: ThisHour,
    pub(super) own: History,
    /// The visits with the caller's access point.
    pub(super) bssid: Weights,
    pub(super) scale: Scale,
    /// Where the fix is, from the globe's middle.
    pub(super) from: [f64; 3],
    /// How far away a place may be.
    pub(super) radius_m: f64,
}

impl PlaceRanker {
    /// The places where somebody may be: the most probable first, ties by distance and then by id;
    /// at most `limit` and 1,000, none further than 15 km.
    #[must_use]
    pub fn rank<'a>(&self, shops: &'a ShopIndex, asked: &Asked, limit: usize) -> Vec<Ranked<'a>> {
        let question = self.question(shops, asked);
        let best = search::best(&question, limit).into_iter();
        let ranked = best.map(|place| Ranked {
            shop: place.shop,
            distance_m: place.distance_m,
        });
        ranked.collect()
    }

    /// The same places, each with what it was weighed by.
    #[must_use]
    pub fn explain<'a>(
        &self,
        shops: &'a ShopIndex,
        asked: &Asked,
        limit: usize,
    ) -> Vec<Explained<'a>> {
        let question = self.question(shops, asked);
        let best = search::best(&question, limit).into_iter();
        let explained = best.map(|place| {
            let known = question.known(place.number);
            let evidence = question.evidence(place.shop.category(), place.distance_m, &known);
            let terms = question.scale.terms(&evidence);
            Explained {
                shop: place.shop,
                distance_m: place.distance_m,
                score: terms.score(),
                terms,
                known,
            }
        });
        explained.collect()
    }

    pub(super) fn question<'r, 'a>(
        &'r self,
        shops: &'a ShopIndex,
        asked: &'r Asked,
    ) -> Question<'r, 'a> {
        let today = weight(day(asked.now));
        let whose = if asked.hidden {
            Whose::All
        } else {
            Whose::Visible
        };
        let own = asked.caller.map(|caller| self.history(caller, whose));
        let own = own.unwrap_or_default();
        let bssid = asked.bssid.map(|bssid| self.wifi.places(bssid).collect());
        let accuracy_m = asked.fix.accuracy_m();
        let scale = Scale::new(&Everywhere {
            accuracy_m,
            visits: self.visits / today,
            shops: shops.len() as f64,
            own: own.all / today,
        });
        Question {
            ranker: self,
            shops,
            asked,
            today,
            hour: self.hours.at(self.hour(asked.now), today),
            own,
            bssid: bssid.unwrap_or_default(),
            scale,
            from: metres(asked.fix.point),
            radius_m: (ACCURACIES * accuracy_m).clamp(ALWAYS_M, FURTHEST_M),
        }
    }
}

impl Question<'_, '_> {
    pub(super) fn known(&self, number: Option<u32>) -> Known {
        number.map_or_else(Known::default, |number| {
            let place = &self.ranker.places[number as usize];
            let of = |weights: &Weights| weights.get(&number).map_or(0.0, |of| of / self.today);
            Known {
                visits: place.visits / self.today,
                own: of(&self.own.by_place),
                this_bssid: of(&self.bssid),
                any_bssid: place.with_bssid / self.today,
            }
        })
    }

    pub(super) fn evidence(&self, category: Category, distance_m: f64, known: &Known) -> Evidence {
        let wifi = (known.this_bssid, known.any_bssid);
        Evidence {
            distance_m,
            visits: known.visits,
            own: known.own,
            hour: self.hour.of(category),
            wifi: self.asked.bssid.map(|_| wifi),
        }
    }

    /// The weight of the visits that a place needs for so much merit, which is neither the caller's
    /// own nor where the access point was seen.
    pub(super) fn least_visits(&self, merit: f64, distance_2: f64, hour: f64) -> f64 {
        let named = self.asked.bssid.is_some();
        self.scale.least_visits(merit, distance_2, hour, named) * self.today
    }

    /// Whether a place, which is neither the caller's own nor where the access point was seen, may
    /// have so much merit, by the square of its distance and the weight of its visits.
    pub(super) fn may_have(&self, merit: f64) -> impl Fn(f64, f64, Category) -> bool {
        let of_today = self.today.recip();
        let may_have = self.scale.may_have(merit, self.asked.bssid.is_some());
        let hour = self.hour;
        move |distance_2, visits, category| {
            may_have(distance_2, visits * of_today, hour.of(category))
        }
    }

    /// How far away a place may be that has so much merit although nobody was ever there; less than
    /// nothing, if it cannot have that much anywhere.
    pub(super) fn reach_m(&self, merit: f64, hour: f64) -> f64 {
        let named = self.asked.bssid.is_some();
        self.scale.reach_m(merit, hour, named)
    }
}
