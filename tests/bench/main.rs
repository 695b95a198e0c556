//! Measures Keyferry beside the barest thing that could do the same work.
//!
//! `cargo bench --locked --workspace --bench keyferry-bench -- --help`

use clap::{Parser, ValueEnum as _};
use keyferry_tests::bench::{self, Row, Settings, Size};

/// Measures Keyferry beside the barest thing that could do the same work, in turns. Takes some minutes, uses loopback and
/// the folder for temporary files only, and means something only where the machine is quiet and that folder is on a disk.
#[derive(Parser)]
#[command(name = "keyferry-bench")]
struct Arguments {
    /// Only this row; may be given several times
    #[arg(long, value_name = "ROW", value_enum)]
    only: Vec<Row>,

    /// As JSON instead of a Markdown table
    #[arg(long)]
    json: bool,

    /// Rounds that count
    #[arg(long, default_value_t = Size::FULL.rounds)]
    rounds: usize,

    /// As little as possible, to see that everything works
    #[arg(long)]
    tiny: bool,

    /// What cargo gives to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the report is what this program is for")]
async fn main() {
    let Arguments { only, json, rounds, tiny, bench: _ } = Arguments::parse();
    let rows = if only.is_empty() { Row::value_variants().to_vec() } else { only };
    let size = if tiny { Size::TINY } else { Size { rounds: rounds.max(1), ..Size::FULL } };
    let settings = Settings { program: env!("CARGO_BIN_EXE_keyferry-under-test"), rows, size };
    let report = bench::run(&settings, &|row| eprintln!("{row:?} ...")).await;
    if json {
        println!("{}", serde_json::to_string_pretty(&report).expect("figures become JSON"));
    } else {
        print!("{report}");
    }
}
