//! What people read at the end: Markdown tables, on the terminal and in a file.

use anyhow::{Context as _, Result};
use std::{
    fmt::{self, Write as _},
    fs,
    io::{self, Write as _},
    path::Path,
};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every promise was kept.
    Kept,
    /// At least one was broken; the report says which.
    Broken,
}

impl Verdict {
    /// Kept when there is no mismatch.
    pub(crate) fn of(mismatches: u64) -> Self {
        if mismatches == 0 { Self::Kept } else { Self::Broken }
    }

    /// Kept only if both are.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        if self == Self::Kept { other } else { self }
    }
}

/// Whether something is as it must be, for a table.
pub(crate) fn yes_or_no(kept: bool) -> &'static str {
    if kept { "yes" } else { "NO" }
}

/// A table with a heading over each column.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Self {
        Self { header: header.map(String::from).to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.header.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column)).chain(self.header.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
            })
            .collect();
        line(f, &self.header, &widths)?;
        line(f, &widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>(), &widths)?;
        self.rows.iter().try_for_each(|row| line(f, row, &widths))
    }
}

fn line(f: &mut fmt::Formatter<'_>, cells: &[String], widths: &[usize]) -> fmt::Result {
    for (cell, width) in cells.iter().zip(widths) {
        write!(f, "| {cell:<width$} ")?;
    }
    writeln!(f, "|")
}

/// The whole of what a command found out, in Markdown.
#[derive(Debug, Default)]
pub(crate) struct Report {
    text: String,
}

impl Report {
    /// A report that begins by saying how to get the same again.
    pub(crate) fn new() -> Self {
        let mut report = Self::default();
        let command = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        report.paragraph(&format!(
            "`kafkatalk-bench {command}`, {cores} cores shared with the load, loopback."
        ));
        report
    }

    /// A heading.
    pub(crate) fn heading(&mut self, title: &str) {
        let _ = writeln!(self.text, "## {title}\n");
    }

    /// A paragraph.
    pub(crate) fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.text, "{text}\n");
    }

    /// A table.
    pub(crate) fn table(&mut self, table: &Table) {
        let _ = writeln!(self.text, "{table}");
    }

    /// Prints it, and writes it to a file where one is named.
    pub(crate) fn publish(&self, file: Option<&Path>) -> Result<()> {
        io::stdout().lock().write_all(self.text.as_bytes()).context("cannot print the report")?;
        if let Some(file) = file {
            fs::write(file, &self.text).with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }
}

/// Says on standard error what is being done, so that nobody waits in the dark.
pub(crate) fn progress(text: &str) {
    let _ = writeln!(io::stderr().lock(), "bench: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown_with_aligned_columns() {
        let mut table = Table::new(["log", "p50 ms"]);
        table.row(["embedded".into(), "0.4".into()]);
        assert_eq!(
            table.to_string(),
            "| log      | p50 ms |\n| -------- | ------ |\n| embedded | 0.4    |\n"
        );
    }
}
