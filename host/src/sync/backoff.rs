//! When a failed run is tried again: exponential with full jitter, never at once, and never before the vendor wants it.

use std::time::Duration;

const BASE: Duration = Duration::from_secs(1);
const CEILING: Duration = Duration::from_secs(15 * 60);
/// What failed a moment ago is not mended yet.
const WAIT_MIN: Duration = Duration::from_millis(100);
/// A vendor's `Retry-After` is honoured up to here.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);
/// After so many attempts a sync waits for a change, a schedule or a person.
pub const ATTEMPTS_MAX: u32 = 12;
/// Attempts that a plugin's own breakdown is worth before its digest is quarantined.
pub const PLUGIN_ATTEMPTS_MAX: u32 = 3;
/// How often credentials that were rejected are probed.
pub const AUTHENTICATION_PROBE: Duration = Duration::from_secs(60 * 60);

/// The wait after failed attempt number `attempt`, which counts from 1; `None`: no further attempt.
///
/// `jitter` is uniform in `0.0..1.0`.
#[must_use]
pub fn wait(attempt: u32, retry_after: Option<Duration>, jitter: f64) -> Option<Duration> {
    if attempt >= ATTEMPTS_MAX {
        return None;
    }
    let exponent = attempt.saturating_sub(1).min(31);
    let reach = BASE.saturating_mul(1 << exponent).min(CEILING);
    let drawn = reach.mul_f64(jitter.clamp(0.0, 1.0)).max(WAIT_MIN);
    Some(drawn.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reach_doubles_up_to_the_ceiling() {
        for (attempt, reach_s) in [(1, 1), (2, 2), (5, 16), (10, 512), (11, 900)] {
            assert_eq!(wait(attempt, None, 1.0), Some(Duration::from_secs(reach_s)), "attempt {attempt}");
            assert_eq!(wait(attempt, None, 0.0), Some(WAIT_MIN));
        }
    }

    #[test]
    fn attempts_come_to_an_end() {
        assert!(wait(ATTEMPTS_MAX - 1, None, 0.5).is_some());
        assert_eq!(wait(ATTEMPTS_MAX, None, 0.5), None);
        assert_eq!(wait(u32::MAX, None, 0.5), None);
    }

    #[test]
    fn the_vendors_wish_is_honoured_up_to_an_hour() {
        assert_eq!(wait(1, Some(Duration::from_secs(40)), 1.0), Some(Duration::from_secs(40)));
        assert_eq!(wait(1, Some(Duration::from_secs(86_400)), 0.0), Some(RETRY_AFTER_MAX));
        assert_eq!(wait(11, Some(Duration::from_secs(1)), 1.0), Some(CEILING));
    }
}
