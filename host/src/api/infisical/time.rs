//! Times of this dialect: RFC 3339 in UTC with milliseconds.

use crate::domain::Timestamp;

/// `2026-11-22T03:04:05.678Z`.
pub(crate) fn text(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.unix_ms()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_always_written() {
        assert_eq!(text(Timestamp::from_unix_ms(1_760_000_000_000)), "2025-10-09T08:53:20.000Z");
        assert_eq!(text(Timestamp::from_unix_ms(1_760_000_000_007)), "2025-10-09T08:53:20.007Z");
    }
}
