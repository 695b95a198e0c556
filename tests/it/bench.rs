//! The benchmarks, as small as can be: that each row works and tells what it should. Never how long anything took.

use clap::ValueEnum as _;
use keyferry_tests::bench::{Row, Settings, Size, run};

use crate::e2e::PROGRAM;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_has_its_figures() {
    let rows = Row::value_variants().to_vec();
    let report = run(&Settings { program: PROGRAM, rows: rows.clone(), size: Size::TINY }, &|_| ()).await;
    for row in rows {
        let figures: Vec<_> = report.figures.iter().filter(|figure| figure.row == row).collect();
        assert!(!figures.is_empty(), "{row:?} has none");
        for figure in figures {
            assert!(figure.ours > 0.0, "{figure:?}");
            let Some(beside) = &figure.beside else { continue };
            assert!(beside.value > 0.0 && beside.ratio > 0.0, "{figure:?}");
            assert!(beside.lowest <= beside.ratio && beside.ratio <= beside.highest, "{figure:?}");
        }
    }
    let table = report.to_string();
    assert_eq!(table.lines().count(), report.figures.len() + 2, "{table}");
    assert!(table.lines().all(|line| line.matches('|').count() == 9), "{table}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["figures"].as_array().unwrap().len(), report.figures.len());
}
