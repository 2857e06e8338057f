//! What makes a place probable: the terms of its score, and nothing about where they come from.
//!
//! The score is the logarithm of a probability, up to a constant: how often people are there
//! (popularity, and the caller's own history, both more or less so at this hour), how probable the
//! fix is for somebody who is there, and how probable the access point.

/// A fix that is worse than this says less than it claims: see [`Scale::new`].
const TRUSTED_M: f64 = 1_000.0;
/// A place is not a point: people are some way off.
const FOOTPRINT_M: f64 = 20.0;
/// Turns the radius that holds 68 % into the variance of the heavy-tailed distribution.
const RADIUS_TO_VARIANCE: f64 = 3.07;
/// Degrees of freedom of that distribution: the smaller, the more often phones are far off.
const FREEDOM: i32 = 4;
/// In the plane it falls with this power of the square of the distance.
const POWER: i32 = (FREEDOM + 2) / 2;
/// With so many check-ins the caller's own history says as much as everybody's.
const OWN: f64 = 4.0;
/// What each place is given in advance, in visits, so that new ones have a chance.
const A_CHANCE: f64 = 0.5;
/// As many visits with unknown access points are taken for granted at each place.
const UNKNOWN_VISITS: f64 = 2.0;
/// How probable it is that an unknown access point is just this one.
const THIS_ONE: f64 = 1e-3;
/// The share of visits with an access point that has nothing to do with the place: a neighbour's,
/// or one that somebody carries around.
const FOREIGN: f64 = 0.1;

/// What stands for a bound that must hold: how it is reckoned must not make a difference.
const A_LITTLE_LESS: f64 = 1.0 - 1e-9;

/// What is the same for all places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Everywhere {
    /// Of the fix, between 8 m and 5 km.
    pub(super) accuracy_m: f64,
    /// Everybody's visits, by today's weight.
    pub(super) visits: f64,
    /// Open shops.
    pub(super) shops: f64,
    /// The caller's own visits, by today's weight.
    pub(super) own: f64,
}

/// What is known of one place and one caller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    /// From the fix.
    pub(super) distance_m: f64,
    /// Everybody's visits, by today's weight.
    pub(super) visits: f64,
    /// The caller's own.
    pub(super) own: f64,
    /// How much likelier a place of this category is at this hour than at any.
    pub(super) hour: f64,
    /// The visits with the caller's access point and those with any, if the caller named one.
    pub(super) wifi: Option<(f64, f64)>,
}

/// How evidence is weighed: what follows from [`Everywhere`], reckoned once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// What one visit of anybody's makes of a place, and one of the caller's own: shares.
    anybody: f64,
    own: f64,
    /// By how much a share counts less than it should.
    weight: f64,
    /// Of the fix, in square metres.
    variance: f64,
}

/// The terms of a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// How probable the place is by everybody's visits: a share.
    pub popular: f64,
    /// How probable it is by the caller's own: a share, 0 for a caller without history.
    pub own: f64,
    /// How much likelier its category is at this hour than at any; both shares contain it.
    pub hour: f64,
    /// The logarithm of both shares together, weighed down where the fix says little.
    pub prior: f64,
    /// The logarithm of how probable the fix is for somebody who is there.
    pub fix: f64,
    /// The logarithm of how probable the access point is there; 0 when none is named.
    pub wifi: f64,
}

impl Terms {
    /// The sum, which places are ordered by.
    #[must_use]
    pub fn score(&self) -> f64 {
        self.prior + self.fix + self.wifi
    }
}

impl Scale {
    /// Beyond an accuracy of 1,000 m the phone hardly knows where it is, and the most visited
    /// places of the whole city would crowd out what is near. So the distance is then weighed as
    /// for 1,000 m, and visits count by 1,000 m / accuracy only: at the worst accuracy no place
    /// 2 km away gets in front of one at the fix, be it visited a million times. An access point
    /// is as good as ever.
    pub(super) fn new(everywhere: &Everywhere) -> Self {
        let habit = everywhere.own / (everywhere.own + OWN);
        let all = everywhere.visits + A_CHANCE * everywhere.shops;
        let accuracy_m = everywhere.accuracy_m.min(TRUSTED_M);
        Self {
            anybody: (1.0 - habit) / all.max(A_CHANCE),
            own: if everywhere.own > 0.0 {
                habit / everywhere.own
            } else {
                0.0
            },
            weight: (TRUSTED_M / everywhere.accuracy_m).min(1.0),
            variance: (accuracy_m * accuracy_m + FOOTPRINT_M * FOOTPRINT_M) / RADIUS_TO_VARIANCE,
        }
    }

    /// What places are ordered by: e to the power of their score, but for a factor that all have in
    /// common. It takes no logarithms.
    ///
    /// It never grows with the distance, and never shrinks with the visits.
    pub(super) fn merit(&self, evidence: &Evidence) -> f64 {
        let (popular, own) = self.shares(evidence);
        let mut prior = (popular + own).max(f64::MIN_POSITIVE);
        if self.weight < 1.0 {
            prior = prior.powf(self.weight);
        }
        let wifi = evidence.wifi.map_or(1.0, seen);
        prior * wifi / (1.0 + self.off(evidence)).powi(POWER)
    }

    /// How many visits a place needs for so much merit that is neither the caller's own nor where
    /// the access point was seen, if one is named, by the square of its distance.
    pub(super) fn least_visits(&self, merit: f64, distance_2: f64, hour: f64, named: bool) -> f64 {
        let wifi = if named { seen((0.0, 0.0)) } else { 1.0 };
        let off = distance_2 / (f64::from(FREEDOM) * self.variance);
        let mut share = merit / wifi * (1.0 + off).powi(POWER);
        if self.weight < 1.0 {
            share = share.powf(self.weight.recip());
        }
        share / (self.anybody * hour) * A_LITTLE_LESS - A_CHANCE
    }

    /// Whether a place may have so much merit, of the same kind, by the square of its distance, its
    /// visits and what the hour makes of it: sooner than by [`Self::least_visits`] for each.
    pub(super) fn may_have(&self, merit: f64, named: bool) -> impl Fn(f64, f64, f64) -> bool {
        let wifi = if named { seen((0.0, 0.0)) } else { 1.0 };
        let least = merit / wifi * A_LITTLE_LESS;
        let nearness = (f64::from(FREEDOM) * self.variance).recip();
        let (anybody, weight) = (self.anybody, self.weight);
        move |distance_2, visits, hour| {
            let mut prior = anybody * (visits + A_CHANCE) * hour;
            if weight < 1.0 {
                prior = prior.powf(weight);
            }
            prior >= least * (1.0 + distance_2 * nearness).powi(POWER)
        }
    }

    /// How far away a place that was never visited may have so much merit; less than nothing, if it
    /// has less wherever it is.
    pub(super) fn reach_m(&self, merit: f64, hour: f64, named: bool) -> f64 {
        let wifi = if named { seen((0.0, 0.0)) } else { 1.0 };
        let mut prior = (self.anybody * A_CHANCE * hour).max(f64::MIN_POSITIVE);
        if self.weight < 1.0 {
            prior = prior.powf(self.weight);
        }
        let least = merit / wifi * A_LITTLE_LESS;
        let off = (prior / least).powf(f64::from(POWER).recip()) - 1.0;
        if off < 0.0 {
            return f64::NEG_INFINITY;
        }
        (off * f64::from(FREEDOM) * self.variance).sqrt()
    }

    /// Finds the terms.
    pub(super) fn terms(&self, evidence: &Evidence) -> Terms {
        let (popular, own) = self.shares(evidence);
        let prior = (popular + own).max(f64::MIN_POSITIVE).ln();
        // Student's t, since phones are far off more often than a bell curve has it.
        let fix = -self.variance.ln() - f64::from(POWER) * self.off(evidence).ln_1p();
        Terms {
            popular,
            own,
            hour: evidence.hour,
            prior: self.weight * prior,
            fix,
            wifi: evidence.wifi.map_or(0.0, |visits| seen(visits).ln()),
        }
    }

    /// What everybody's visits and the caller's own make of the place. One's own habits say a good
    /// deal about the hour by themselves, so the hour counts less there.
    fn shares(&self, evidence: &Evidence) -> (f64, f64) {
        let popular = self.anybody * (evidence.visits + A_CHANCE) * evidence.hour;
        let own = if evidence.own > 0.0 {
            self.own * evidence.own * evidence.hour.sqrt()
        } else {
            0.0
        };
        (popular, own)
    }

    /// How far off the fix is for somebody who is there.
    fn off(&self, evidence: &Evidence) -> f64 {
        evidence.distance_m * evidence.distance_m / (f64::from(FREEDOM) * self.variance)
    }
}

/// How probable the access point is at a place with so many visits with it and with any. However
/// often another one was seen there, this one may be a foreign one.
fn seen((this, any): (f64, f64)) -> f64 {
    let seen = (this + UNKNOWN_VISITS * THIS_ONE) / (any.max(this) + UNKNOWN_VISITS);
    (1.0 - FOREIGN) * seen + FOREIGN * THIS_ONE
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: Everywhere = Everywhere {
        accuracy_m: 65.0,
        visits: 100.0,
        shops: 20.0,
        own: 0.0,
    };

    const NOTHING: Evidence = Evidence {
        distance_m: 50.0,
        visits: 0.0,
        own: 0.0,
        hour: 1.0,
        wifi: None,
    };

    impl Evidence {
        fn weigh(&self, everywhere: &Everywhere) -> Terms {
            Scale::new(everywhere).terms(self)
        }
    }

    #[track_caller]
    fn check(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn popularity_is_the_share_of_visits_with_half_a_visit_in_advance() {
        let terms = |visits| Evidence { visits, ..NOTHING }.weigh(&NOBODY);
        check(terms(3.0).popular, 3.5 / 110.0);
        check(terms(0.0).popular, 0.5 / 110.0);
        check(terms(3.0).prior, (3.5_f64 / 110.0).ln());
        check(terms(3.0).own, 0.0);
    }

    #[test]
    fn the_own_history_counts_more_the_longer_it_is() {
        let terms = |own, all| {
            let everywhere = Everywhere { own: all, ..NOBODY };
            Evidence { own, ..NOTHING }.weigh(&everywhere)
        };
        check(terms(1.0, 4.0).own, 0.5 * 0.25);
        check(terms(1.0, 4.0).popular, 0.5 * 0.5 / 110.0);
        check(terms(3.0, 12.0).own, 0.75 * 0.25);
        check(terms(0.0, 4.0).own, 0.0);
    }

    #[test]
    fn the_hour_weighs_on_both_and_less_on_ones_own() {
        let everywhere = Everywhere { own: 4.0, ..NOBODY };
        let evidence = Evidence {
            own: 4.0,
            hour: 4.0,
            ..NOTHING
        };
        let terms = evidence.weigh(&everywhere);
        check(terms.popular, 0.5 * 0.5 / 110.0 * 4.0);
        check(terms.own, 0.5 * 2.0);
    }

    #[test]
    fn the_fix_has_a_heavy_tail_around_a_place_that_is_no_point() {
        let variance: f64 = (65.0 * 65.0 + 20.0 * 20.0) / 3.07;
        let off: f64 = 50.0 * 50.0 / (4.0 * variance);
        check(
            NOTHING.weigh(&NOBODY).fix,
            -variance.ln() - 3.0 * (1.0 + off).ln(),
        );
    }

    #[test]
    fn a_known_access_point_speaks_for_a_place_and_an_unknown_one_hardly_against_it() {
        let wifi = |this, any| {
            let wifi = Some((this, any));
            Evidence { wifi, ..NOTHING }.weigh(&NOBODY).wifi
        };
        check(wifi(0.0, 0.0), 1e-3_f64.ln());
        check(wifi(3.0, 8.0), (0.9 * 3.002 / 10.0 + 1e-4_f64).ln());
        // However often others were seen there, this one may be foreign.
        assert!(wifi(0.0, 1e9) > wifi(0.0, 0.0) - 10.0_f64.ln() - 1e-6);
        // Pairs that gave way leave more of this one than of any.
        assert!(wifi(9.0, 3.0) <= 0.0);
        check(NOTHING.weigh(&NOBODY).wifi, 0.0);
    }

    #[test]
    fn with_the_worst_fix_a_million_visits_are_worth_less_than_two_kilometres() {
        let everywhere = Everywhere {
            accuracy_m: 5_000.0,
            visits: 1e6,
            shops: 1e3,
            own: 1e3,
        };
        let at = |distance_m, visits, own| {
            let evidence = Evidence {
                distance_m,
                visits,
                own,
                ..NOTHING
            };
            evidence.weigh(&everywhere).score()
        };
        assert!(at(2_000.0, 1e6, 0.0) < at(0.0, 0.0, 0.0));
        assert!(at(2_000.0, 1e6, 1e3) < at(0.0, 0.0, 0.0));
    }

    #[test]
    fn no_extreme_makes_a_score_that_is_no_number() {
        let extremes = [0.0, 1e-300, 1.0, 1e300];
        for visits in extremes {
            for distance_m in [0.0, 15_000.0, 2e7] {
                for shops in [0.0, 1e9] {
                    let everywhere = Everywhere {
                        accuracy_m: 8.0,
                        visits,
                        shops,
                        own: visits,
                    };
                    let evidence = Evidence {
                        distance_m,
                        visits,
                        own: visits,
                        hour: 0.25,
                        wifi: Some((visits, visits)),
                    };
                    let score = evidence.weigh(&everywhere).score();
                    assert!(score.is_finite(), "{visits} {distance_m} {shops}: {score}");
                }
            }
        }
    }

    #[test]
    fn a_place_with_the_least_visits_has_just_the_merit() {
        for accuracy_m in [8.0, 65.0, 1_000.0, 5_000.0] {
            for named in [false, true] {
                let everywhere = Everywhere {
                    accuracy_m,
                    own: 3.0,
                    ..NOBODY
                };
                let scale = Scale::new(&everywhere);
                for (distance_m, visits) in [(0.0, 0.0), (70.0, 12.5), (900.0, 3.0)] {
                    let evidence = Evidence {
                        distance_m,
                        visits,
                        own: 0.0,
                        hour: 0.7,
                        wifi: named.then_some((0.0, 0.0)),
                    };
                    let merit = scale.merit(&evidence);
                    let distance_2 = distance_m * distance_m;
                    let least = scale.least_visits(merit, distance_2, 0.7, named);
                    assert!((least - visits).abs() < 1e-6, "{least} is not {visits}");
                }
            }
        }
    }

    #[test]
    fn a_place_that_was_never_visited_has_the_merit_just_as_far_as_it_may_be() {
        for accuracy_m in [8.0, 65.0, 1_000.0, 5_000.0] {
            for wifi in [None, Some((0.0, 0.0))] {
                let scale = Scale::new(&Everywhere {
                    accuracy_m,
                    ..NOBODY
                });
                let merit = |distance_m| {
                    let evidence = Evidence {
                        distance_m,
                        wifi,
                        ..NOTHING
                    };
                    scale.merit(&evidence)
                };
                for distance_m in [0.0, 70.0, 900.0, 15_000.0] {
                    let reach_m = scale.reach_m(merit(distance_m), NOTHING.hour, wifi.is_some());
                    let apart = (reach_m - distance_m).abs();
                    assert!(apart < 0.1, "{reach_m} is not {distance_m}");
                }
                let nowhere = scale.reach_m(1.01 * merit(0.0), NOTHING.hour, wifi.is_some());
                assert!(nowhere < 0.0, "{nowhere}");
                let anywhere = scale.reach_m(0.0, NOTHING.hour, wifi.is_some());
                assert_eq!(anywhere, f64::INFINITY);
            }
        }
    }

    #[test]
    fn the_merit_is_the_score_without_logarithms() {
        for accuracy_m in [8.0, 65.0, 1_000.0, 1_000.5, 5_000.0] {
            for own in [0.0, 9.0] {
                let everywhere = Everywhere {
                    accuracy_m,
                    own,
                    ..NOBODY
                };
                let scale = Scale::new(&everywhere);
                let above = |evidence: &Evidence| {
                    scale.merit(evidence).ln() - scale.terms(evidence).score()
                };
                let common = above(&NOTHING);
                for distance_m in [0.0, 30.0, 900.0, 15_000.0] {
                    for (visits, own) in [(0.0, 0.0), (12.5, 0.0), (80.0, own)] {
                        for wifi in [None, Some((0.0, 4.0)), Some((3.0, 8.0))] {
                            let evidence = Evidence {
                                distance_m,
                                visits,
                                own,
                                hour: 0.7,
                                wifi,
                            };
                            check(above(&evidence), common);
                        }
                    }
                }
            }
        }
    }
}
