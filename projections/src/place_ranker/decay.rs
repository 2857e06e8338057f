//! How much what happened on a day counts: half as much after 128 days.
//!
//! Weights grow with the day of the event instead of shrinking with the time since: so nothing
//! changes while nothing happens, no clock is needed, and it does not matter in which order events
//! come. Whoever asks divides by the weight of today.
//!
//! Between two halvings a weight runs in a straight line, so each is a whole number times a power
//! of two, and sums are exact as long as the oldest part is younger than eight years: what is taken
//! back leaves nothing behind.

use domain::Millis;

/// After so many days something counts half as much.
pub(super) const HALF_LIFE_DAYS: u16 = 128;

const DAY_MS: i64 = 24 * 3_600_000;

/// The day of a moment, counted from 1970 in UTC; moments before and after those that we can count
/// are moved to the nearer end.
pub(super) fn day(time: Millis) -> u16 {
    let days = time.0.div_euclid(DAY_MS).max(0);
    u16::try_from(days).unwrap_or(u16::MAX)
}

/// What one visit on `day` counts.
pub(super) fn weight(day: u16) -> f64 {
    let (halvings, within) = (day / HALF_LIFE_DAYS, day % HALF_LIFE_DAYS);
    f64::from(HALF_LIFE_DAYS + within) / f64::from(HALF_LIFE_DAYS) * power_of_two(halvings)
}

/// 2 to the power of `exponent`, which is at most 511: exact on every machine.
fn power_of_two(exponent: u16) -> f64 {
    const ONE: u64 = 1.0_f64.to_bits();
    const DIGITS: u32 = f64::MANTISSA_DIGITS - 1;
    f64::from_bits(ONE + (u64::from(exponent) << DIGITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_128_days_something_counts_half_as_much() {
        for today in [0, 1, 100, 20_000, u16::MAX - HALF_LIFE_DAYS] {
            let ratio = weight(today + HALF_LIFE_DAYS) / weight(today);
            assert!((ratio - 2.0).abs() < f64::EPSILON, "{today}: {ratio}");
        }
        assert_eq!(weight(0), 1.0);
        assert_eq!(weight(HALF_LIFE_DAYS / 2), 1.5);
        assert_eq!(weight(10 * HALF_LIFE_DAYS), 1_024.0);
    }

    #[test]
    fn the_newer_counts_more() {
        assert!((0..u16::MAX).all(|day| weight(day) < weight(day + 1)));
        assert!(weight(u16::MAX).is_finite());
    }

    #[test]
    fn what_is_taken_back_in_any_order_leaves_nothing() {
        let days: Vec<u16> = (0..1_000).map(|n| 20_000 + n * 7 % 2_000).collect();
        let mut sum: f64 = days.iter().map(|day| weight(*day)).sum();
        for day in days.iter().rev() {
            sum -= weight(*day);
        }
        assert_eq!(sum, 0.0);
    }

    #[test]
    fn a_day_is_one_of_utc_and_never_out_of_range() {
        assert_eq!(day(Millis(0)), 0);
        assert_eq!(day(Millis(DAY_MS - 1)), 0);
        assert_eq!(day(Millis(1_348_338_240_000)), 15_605);
        assert_eq!(day(Millis(-5)), 0);
        assert_eq!(day(Millis(i64::MIN)), 0);
        assert_eq!(day(Millis(i64::MAX)), u16::MAX);
    }
}
