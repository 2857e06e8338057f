//! How well earlier lists served: at which rank people found the place where they were.
//!
//! A check-in tells the rank (`od`) of the place in the list that it was chosen from. Counted is
//! what was chosen, so what is taken back later stays counted: these are counters, which never go
//! down.

use super::OFFERED;
use serde::{Deserialize, Serialize};

/// The accuracies, in metres, up to which each group of fixes reaches; one more is without end.
const ACCURACIES_M: [u32; 4] = [30, 65, 200, 1_000];

/// Whether fixes came with an access point: no and yes.
const BSSID: [bool; 2] = [false, true];

/// How well lists served for fixes of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The fixes whose accuracy is at most this, and more than that of the group before; `None` for
    /// those that are worse than all of them.
    pub accuracy_m: Option<u32>,
    /// The check-ins named an access point, or none.
    pub bssid: bool,
    /// How many check-ins there were.
    pub picks: u64,
    /// How many of them chose the first of the list.
    pub first: u64,
    /// How many chose a place that was not on the list.
    pub missing: u64,
    /// The sum of 1 / rank, where a place that was not on the list adds nothing.
    pub reciprocal_ranks: f64,
}

impl Score {
    /// The mean reciprocal rank; `None` before the first check-in.
    #[must_use]
    pub fn mean_reciprocal_rank(&self) -> Option<f64> {
        (self.picks > 0).then(|| self.reciprocal_ranks / self.picks as f64)
    }

    /// The share of check-ins that chose the first; `None` before the first check-in.
    #[must_use]
    pub fn top_1(&self) -> Option<f64> {
        (self.picks > 0).then(|| self.first as f64 / self.picks as f64)
    }

    /// Both together.
    #[must_use]
    pub fn sum<'a>(scores: impl IntoIterator<Item = &'a Self>) -> Self {
        let none = Self {
            accuracy_m: None,
            bssid: false,
            picks: 0,
            first: 0,
            missing: 0,
            reciprocal_ranks: 0.0,
        };
        scores.into_iter().fold(none, |sum, score| Self {
            picks: sum.picks + score.picks,
            first: sum.first + score.first,
            missing: sum.missing + score.missing,
            reciprocal_ranks: sum.reciprocal_ranks + score.reciprocal_ranks,
            ..sum
        })
    }
}

/// The ranks that were chosen, by kind of fix.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Scores([[Ranks; BSSID.len()]; ACCURACIES_M.len() + 1]);

/// How often each rank was chosen, from the first on; as many as there is need for.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Ranks {
    chosen: Vec<u64>,
    missing: u64,
}

impl Scores {
    /// Somebody chose the place at rank `od`.
    pub(super) fn add(&mut self, accuracy_m: f64, bssid: bool, od: u32) {
        let group = ACCURACIES_M
            .iter()
            .position(|upto| accuracy_m <= (*upto).into());
        let ranks = &mut self.0[group.unwrap_or(ACCURACIES_M.len())][usize::from(bssid)];
        match od as usize {
            rank @ 1..=OFFERED => {
                if ranks.chosen.len() < rank {
                    ranks.chosen.resize(rank, 0);
                }
                ranks.chosen[rank - 1] += 1;
            }
            _ => ranks.missing += 1,
        }
    }

    /// Every kind of fix, without an access point and with, from the best accuracy to the worst.
    pub(super) fn read(&self) -> Vec<Score> {
        let groups = ACCURACIES_M.into_iter().map(Some).chain([None]);
        let groups = groups.zip(&self.0);
        let kinds = groups.flat_map(|(upto, kinds)| {
            let kinds = BSSID.into_iter().zip(kinds);
            kinds.map(move |(bssid, ranks)| (upto, bssid, ranks))
        });
        kinds
            .map(|(accuracy_m, bssid, Ranks { chosen, missing })| Score {
                accuracy_m,
                bssid,
                picks: chosen.iter().sum::<u64>() + missing,
                first: chosen.first().copied().unwrap_or(0),
                missing: *missing,
                reciprocal_ranks: (1_u32..)
                    .zip(chosen)
                    .map(|(rank, chosen)| *chosen as f64 / f64::from(rank))
                    .sum(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was chosen by people with this accuracy, without an access point.
    fn score(picks: &[(f64, u32)], accuracy_m: Option<u32>) -> Score {
        let mut scores = Scores::default();
        for (accuracy_m, od) in picks {
            scores.add(*accuracy_m, false, *od);
        }
        let mut read = scores.read().into_iter();
        read.find(|score| score.accuracy_m == accuracy_m && !score.bssid)
            .expect("every kind is there")
    }

    #[test]
    fn a_pick_that_was_not_on_the_list_counts_nothing() {
        let score = score(&[(65.0, 1), (65.0, 2), (65.0, 0), (65.0, 51)], Some(65));
        assert_eq!((score.picks, score.first, score.missing), (4, 1, 2));
        assert_eq!(score.mean_reciprocal_rank(), Some(1.5 / 4.0));
        assert_eq!(score.top_1(), Some(0.25));
    }

    #[test]
    fn the_last_of_the_list_is_on_it() {
        let score = score(&[(0.0, OFFERED as u32)], Some(30));
        assert_eq!((score.picks, score.missing), (1, 0));
        assert_eq!(score.reciprocal_ranks, 1.0 / 50.0);
    }

    #[test]
    fn fixes_are_told_apart_by_accuracy_and_access_point() {
        let accuracies = [0.0, 30.0, 30.5, 65.0, 200.0, 1_000.0, 1_000.5, 1e9];
        let picks = accuracies.map(|accuracy_m| (accuracy_m, 1));
        let in_group = |upto| score(&picks, upto).picks;
        let groups = [Some(30), Some(65), Some(200), Some(1_000), None];
        assert_eq!(groups.map(in_group), [2, 2, 1, 1, 2]);
        let mut scores = Scores::default();
        scores.add(30.0, true, 3);
        let with: Vec<bool> = scores.read().iter().map(|score| score.picks > 0).collect();
        let mut expected = [false; 10];
        expected[1] = true;
        assert_eq!(with, expected);
    }

    #[test]
    fn without_picks_there_is_no_mean() {
        let nothing = score(&[], None);
        assert_eq!(nothing.mean_reciprocal_rank(), None);
        assert_eq!(nothing.top_1(), None);
        assert_eq!(Score::sum([]).picks, 0);
    }
}
