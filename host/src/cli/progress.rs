//! Progress of long work, on standard error: a live bar on a terminal, plain lines elsewhere, nothing beside JSON.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::output::Output;

/// How often the bar moves while nothing happens, to show that it is alive.
const TICK: Duration = Duration::from_millis(100);

/// One piece of work that takes a while. The bar goes away with it.
pub(super) struct Progress {
    shown: Shown,
    /// The last line that was said, which is not said twice.
    said: String,
}

enum Shown {
    Bar(ProgressBar),
    Lines(Output),
    Nothing,
}

impl Progress {
    /// Work that has not begun.
    pub(super) fn begin(output: Output) -> Self {
        let shown = match (output.is_json(), std::io::stderr().is_terminal()) {
            (true, _) => Shown::Nothing,
            (false, true) => Shown::Bar(bar()),
            (false, false) => Shown::Lines(output),
        };
        Self { shown, said: String::new() }
    }

    /// Tells what is being done now.
    pub(super) fn phase(&mut self, text: &str) {
        if let Shown::Bar(bar) = &self.shown {
            bar.set_message(text.to_owned());
        } else {
            self.say(text);
        }
    }

    /// Tells how far it has come, and of what: `2 of 5 keys`.
    pub(super) fn advance(&mut self, done: u64, total: u64, noun: &str) {
        if let Shown::Bar(bar) = &self.shown {
            if bar.length().is_none() {
                bar.set_style(style("{spinner} {msg} [{bar:30}] {pos}/{len}"));
            }
            bar.set_length(total);
            bar.set_position(done);
        } else {
            self.say(&format!("{done} of {total} {noun}"));
        }
    }

    fn say(&mut self, text: &str) {
        if let Shown::Lines(output) = self.shown
            && self.said != text
        {
            output.note(text);
            text.clone_into(&mut self.said);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

/// How much there is to do is not known yet.
fn bar() -> ProgressBar {
    let bar = ProgressBar::no_length().with_style(style("{spinner} {msg}"));
    bar.enable_steady_tick(TICK);
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
