//! At which hour people are at places of which category.

use domain::shop::Category;
use serde::{Deserialize, Serialize};

const HOURS: usize = 24;
const CATEGORIES: usize = Category::ALL.len();

/// How many visits an hour needs before it says as much as the whole day does.
const SAID_BY_THE_DAY: f64 = 30.0;
/// How much likelier or unlikelier a category may become.
const MOST: f64 = 4.0;
/// An hour counts so much for itself and for the one before and after.
const BLUR: [f64; 3] = [0.25, 0.5, 0.25];

/// The weight of everybody's visits by local hour and category.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Hours([[f64; CATEGORIES]; HOURS]);

/// How much likelier each category is at one hour than at any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ThisHour([f64; CATEGORIES]);

impl Hours {
    /// Adds to an hour from 0 to 23, or takes away from it.
    pub(super) fn add(&mut self, hour: u8, category: Category, weight: f64) {
        let visits = &mut self.0[usize::from(hour) % HOURS][index(category)];
        *visits = (*visits + weight).max(0.0);
    }

    /// What visits, each of which weighs `today` now, say of `hour`.
    pub(super) fn at(&self, hour: u8, today: f64) -> ThisHour {
        let mut day = [0.0; CATEGORIES];
        let mut around = [0.0; CATEGORIES];
        for (at, visits) in self.0.iter().enumerate() {
            // 1 at the hour before, 2 at the hour itself, 3 at the one after.
            let near = (at + HOURS + 1 - usize::from(hour)) % HOURS;
            let blur = BLUR.get(near).copied().unwrap_or(0.0);
            for (category, visits) in visits.iter().enumerate() {
                day[category] += visits;
                around[category] += blur * visits;
            }
        }
        let [day, around] = [day, around].map(|sums| sums.map(|sum| sum / today));
        let (all_day, all_around): (f64, f64) = (day.iter().sum(), around.iter().sum());
        let mut ratio = [1.0; CATEGORIES];
        for (category, ratio) in ratio.iter_mut().enumerate() {
            let share = (day[category] + 1.0) / (all_day + CATEGORIES as f64);
            let share_now =
                (around[category] + SAID_BY_THE_DAY * share) / (all_around + SAID_BY_THE_DAY);
            *ratio = (share_now / share).clamp(1.0 / MOST, MOST);
        }
        ThisHour(ratio)
    }
}

impl ThisHour {
    /// How much likelier a category is now than at any hour; a quarter to four times.
    pub(super) fn of(&self, category: Category) -> f64 {
        self.0[index(category)]
    }

    /// What [`Self::of`] says of the likeliest category.
    pub(super) fn likeliest(&self) -> f64 {
        self.0.iter().copied().fold(0.0, f64::max)
    }
}

fn index(category: Category) -> usize {
    usize::from(u8::from(category)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::shop::Category::{Bar, Cafe};

    #[test]
    fn without_visits_every_category_is_as_likely_as_ever() {
        let hour = Hours::default().at(12, 1.0);
        for category in Category::ALL {
            assert!((hour.of(category) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn bars_are_likelier_at_night_and_cafes_in_the_afternoon() {
        let mut hours = Hours::default();
        for _ in 0..1_000 {
            hours.add(23, Bar, 1.0);
            hours.add(15, Cafe, 1.0);
        }
        let (night, day) = (hours.at(23, 1.0), hours.at(15, 1.0));
        assert!(night.of(Bar) > 1.8 && night.of(Cafe) == 0.25);
        assert!(day.of(Cafe) > 1.8 && day.of(Bar) == 0.25);
        // The hours beside it say something, over midnight too; others nothing.
        assert!(hours.at(0, 1.0).of(Bar) > 1.5);
        assert!(hours.at(22, 1.0).of(Bar) > 1.5);
        assert!((hours.at(4, 1.0).of(Bar) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_few_visits_say_little_and_old_ones_as_well() {
        let mut hours = Hours::default();
        for _ in 0..1_000 {
            hours.add(23, Bar, 1.0);
            hours.add(15, Cafe, 1.0);
        }
        let (fresh, old) = (hours.at(23, 1.0), hours.at(23, 1_000.0));
        assert!(old.of(Bar) > 1.0 && old.of(Bar) < 1.1, "{old:?}");
        assert!(fresh.of(Bar) > old.of(Bar));
    }

    #[test]
    fn what_is_taken_away_leaves_nothing() {
        let mut hours = Hours::default();
        hours.add(23, Bar, 1.5);
        hours.add(23, Bar, -1.5);
        assert_eq!(hours, Hours::default());
    }
}
