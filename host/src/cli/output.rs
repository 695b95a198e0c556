//! The only printer: data to standard output, talk to standard error.

use std::io::Write;

use serde_json::{Value, json};

use super::exit::{Exit, Failure};

/// Where commands print.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    /// Prints text, or JSON where the caller asked for it.
    #[must_use]
    pub const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether JSON was asked for.
    #[must_use]
    pub const fn is_json(self) -> bool {
        self.json
    }

    /// Prints the outcome: `value` as JSON, else `text`.
    pub fn data(self, value: &Value, text: impl FnOnce(&Value) -> String) {
        let shown = if self.json { format!("{value:#}") } else { text(value) };
        write_line(&mut std::io::stdout().lock(), &shown);
    }

    /// Prints text to standard output as it is.
    pub fn raw(self, text: &str) {
        let mut out = std::io::stdout().lock();
        // A reader that went away is no failure of ours.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Says something to the person at the terminal.
    pub fn note(self, text: &str) {
        write_line(&mut std::io::stderr().lock(), text);
    }

    /// Says why the command failed.
    pub fn failure(self, failure: &Failure) {
        let mut err = std::io::stderr().lock();
        let lead = if failure.exit == Exit::Interrupted { "interrupted" } else { "error" };
        write_line(&mut err, &format!("{lead}: {}", failure.message));
        for detail in &failure.details {
            write_line(&mut err, &format!("  {}", detail.trim_end().replace('\n', "\n  ")));
        }
        if let Some(hint) = &failure.hint {
            write_line(&mut err, &format!("hint: {hint}"));
        }
        if self.json {
            let problem = failure.problem.clone().unwrap_or_else(|| problem(failure));
            write_line(&mut std::io::stdout().lock(), &format!("{problem:#}"));
        }
    }
}

/// A failure of this program in the shape of the server's problem documents.
fn problem(failure: &Failure) -> Value {
    let errors: Vec<Value> = failure.details.iter().map(|detail| json!({ "detail": detail })).collect();
    json!({ "detail": failure.message, "errors": errors })
}

fn write_line(out: &mut dyn Write, text: &str) {
    // A reader that went away is no failure of ours.
    let _ = writeln!(out, "{text}");
}

/// Rows under headings, in columns as wide as they need to be.
#[must_use]
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..headings.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain(headings.get(column).map(|heading| heading.chars().count())).max().unwrap_or(0)
        })
        .collect();
    let heading = headings.iter().map(|heading| heading.to_uppercase()).collect::<Vec<_>>();
    std::iter::once(&heading).chain(rows).map(|row| line(row, &widths)).collect::<Vec<_>>().join("\n")
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// The text of a member, empty where it is missing.
#[must_use]
pub fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let shown = table(
            &["id", "state"],
            &[vec!["a".to_owned(), "IN_SYNC".to_owned()], vec!["longer".to_owned(), String::new()]],
        );
        assert_eq!(shown, "ID      STATE\na       IN_SYNC\nlonger");
    }
}
