//! Rounds in turns, and what is made of them.

use std::time::Duration;

use super::Row;
use super::report::{Beside, Figure};

/// One round of one side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    /// Operations.
    pub(super) count: usize,
    pub(super) wall: Duration,
    /// Processor time of the side that serves, on all processors; where the system tells it.
    pub(super) processor: Option<Duration>,
}

/// What is measured against what.
#[derive(Clone, Debug)]
pub(super) struct Subject<'a> {
    pub(super) row: Row,
    pub(super) what: String,
    /// What it is set beside.
    pub(super) beside: &'a str,
}

/// Rounds of both sides in turns, so that what else the machine does falls on both. The first of each is not counted.
pub(super) async fn in_turns(
    rounds: usize,
    mut ours: impl AsyncFnMut() -> Round,
    mut bare: impl AsyncFnMut() -> Round,
) -> Vec<(Round, Round)> {
    let mut pairs = Vec::with_capacity(rounds);
    for round in 0..=rounds {
        // Whoever goes second finds the caches as the first left them: the order changes from round to round.
        let pair = if round % 2 == 0 {
            let ours = ours().await;
            (ours, bare().await)
        } else {
            let bare = bare().await;
            (ours().await, bare)
        };
        if round > 0 {
            pairs.push(pair);
        }
    }
    pairs
}

/// The figures of such rounds: time per operation, and processor time per operation where both sides know it.
pub(super) fn compared(subject: &Subject<'_>, pairs: &[(Round, Round)]) -> Vec<Figure> {
    let per_operation = |time: Duration, round: &Round| time.as_secs_f64() * 1e6 / round.count as f64;
    let walls = pairs.iter().map(|(ours, bare)| (per_operation(ours.wall, ours), per_operation(bare.wall, bare)));
    let processors = pairs
        .iter()
        .filter_map(|(ours, bare)| Some((per_operation(ours.processor?, ours), per_operation(bare.processor?, bare))));
    let figures = [("time", walls.collect::<Vec<_>>()), ("processor time", processors.collect())];
    let figures = figures.into_iter().filter(|(_, pairs)| !pairs.is_empty());
    figures.map(|(measure, pairs)| timed(subject, measure, pairs)).collect()
}

/// The figure of times in microseconds, in a unit that reads well.
fn timed(subject: &Subject<'_>, measure: &'static str, mut pairs: Vec<(f64, f64)>) -> Figure {
    if pairs.iter().all(|(ours, _)| *ours < 10_000.0) {
        return figure(subject, measure, "us", &pairs);
    }
    pairs.iter_mut().for_each(|(ours, bare)| (*ours, *bare) = (*ours / 1e3, *bare / 1e3));
    figure(subject, measure, "ms", &pairs)
}

/// The figure of values that were taken in pairs.
pub(super) fn figure(subject: &Subject<'_>, measure: &'static str, unit: &'static str, pairs: &[(f64, f64)]) -> Figure {
    let mut ratios: Vec<f64> = pairs.iter().map(|(ours, bare)| ours / bare).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    Figure {
        row: subject.row,
        what: subject.what.clone(),
        measure,
        unit,
        ours: median(pairs.iter().map(|(ours, _)| *ours)),
        beside: Some(Beside {
            what: subject.beside.to_owned(),
            value: median(pairs.iter().map(|(_, bare)| *bare)),
            ratio: median(ratios.iter().copied()),
            lowest: ratios.first().copied().unwrap_or(f64::NAN),
            highest: ratios.last().copied().unwrap_or(f64::NAN),
        }),
    }
}

/// The middle of some values: of an even number of them, the mean of the two in the middle.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[length / 2],
        length => f64::midpoint(values[length / 2 - 1], values[length / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        for (values, expect) in [(&[3.0, 1.0, 2.0][..], 2.0), (&[4.0, 1.0, 2.0, 3.0], 2.5), (&[7.0], 7.0)] {
            assert_eq!(median(values.iter().copied()).to_bits(), f64::to_bits(expect), "{values:?}");
        }
    }

    #[tokio::test]
    async fn rounds_take_turns_and_the_first_is_dropped() {
        let order = std::cell::RefCell::new(String::new());
        let round = |name: char, count| {
            order.borrow_mut().push(name);
            Round { count, wall: Duration::from_secs(1), processor: None }
        };
        let pairs = in_turns(2, async || round('a', 2), async || round('b', 4)).await;
        assert_eq!((order.borrow().as_str(), pairs.len()), ("abbaab", 2));
        let subject = Subject { row: Row::Reads, what: String::new(), beside: "" };
        let [figure] = &compared(&subject, &pairs)[..] else { panic!("without processor time there is one figure") };
        let beside = figure.beside.as_ref().expect("it has a ratio");
        assert_eq!((figure.ours, figure.unit, beside.value, beside.ratio), (500.0, "ms", 250.0, 2.0));
    }
}
