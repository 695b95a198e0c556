//! What was found: for people as a table, for machines as JSON.

use std::fmt;

use serde::Serialize;

use super::Row;

/// All figures of one run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether the program was built to be quick; figures of another one mean nothing.
    pub is_optimised: bool,
    pub processors: usize,
    pub figures: Vec<Figure>,
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    pub row: Row,
    /// What was done.
    pub what: String,
    /// What of it was measured: per operation, where that is one of many.
    pub measure: &'static str,
    pub unit: &'static str,
    /// The median over all rounds.
    pub ours: f64,
    pub beside: Option<Beside>,
}

/// What a figure is set beside.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Beside {
    pub what: String,
    /// The median over all rounds.
    pub value: f64,
    /// The median of the ratios of all rounds: how many times as much we take.
    pub ratio: f64,
    pub lowest: f64,
    pub highest: f64,
}

impl Report {
    pub(super) fn new(figures: Vec<Figure>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { is_optimised: !cfg!(debug_assertions), processors, figures }
    }
}

/// A Markdown table.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| row | what | measure | Keyferry | beside | | ratio | spread |")?;
        writeln!(f, "|---|---|---|--:|---|--:|--:|--:|")?;
        for figure in &self.figures {
            let Figure { row, what, measure, unit, ours, beside } = figure;
            let row = format!("{row:?}").to_lowercase();
            write!(f, "| {row} | {what} | {measure} | {} {unit} |", short(*ours))?;
            match beside {
                Some(Beside { what, value, ratio, lowest, highest }) => {
                    let [value, ratio, lowest, highest] = [value, ratio, lowest, highest].map(|value| short(*value));
                    writeln!(f, " {what} | {value} {unit} | **{ratio}** | {lowest} to {highest} |")?;
                }
                None => writeln!(f, " | | | |")?,
            }
        }
        Ok(())
    }
}

/// Three digits are more than such figures are worth.
fn short(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
