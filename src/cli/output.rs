//! How answers look: tables for people, JSON for programs.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::failure::Failure;

/// One JSON value on one line.
pub(super) fn json(out: &mut dyn Write, value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value)?;
    writeln!(out, "{text}")?;
    Ok(())
}

/// An object with one more member.
pub(super) fn with(mut object: Value, member: &str, value: impl Into<Value>) -> Value {
    if let Value::Object(members) = &mut object {
        members.insert(member.to_owned(), value.into());
    }
    object
}

/// Columns two spaces apart under headers in capitals.
pub(super) fn table(
    out: &mut dyn Write,
    headers: &[&str],
    rows: Vec<Vec<String>>,
) -> io::Result<()> {
    let headers = headers.iter().map(|header| header.to_uppercase()).collect();
    let mut rows: Vec<Vec<String>> = std::iter::once(headers).chain(rows).collect();
    rows.iter_mut().flatten().for_each(|cell| *cell = inert(cell));
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width_of = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width_of(column).unwrap_or(0)).collect();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// A cell that does nothing to a terminal: what browsers and PBXs say is shown here.
fn inert(cell: &str) -> String {
    cell.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// One row of CSV (RFC 4180) that no spreadsheet runs: a cell that begins like a formula gets an
/// apostrophe, which says "this is text".
pub(super) fn csv_row<T: AsRef<str>>(out: &mut dyn Write, cells: &[T]) -> io::Result<()> {
    let no_formula = |cell: &str| match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            format!("'{cell}")
        }
        Some(_) | None => cell.to_owned(),
    };
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    writer.write_record(cells.iter().map(|cell| no_formula(cell.as_ref())))?;
    writer.flush()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_cell_cannot_command_the_terminal() {
        let mut out = Vec::new();
        super::table(&mut out, &["x"], vec![vec!["a\u{1b}[2Jb\nc".into()]]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "X\na\u{fffd}[2Jb\u{fffd}c\n");
    }

    #[test]
    fn b35_no_cell_of_an_export_is_a_formula() {
        let mut out = Vec::new();
        super::csv_row(&mut out, &["=HYPERLINK(\"x\")", "a,b", "", "@SUM(1)"]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "\"'=HYPERLINK(\"\"x\"\")\",\"a,b\",,'@SUM(1)\r\n");
    }

    #[test]
    fn columns_line_up_and_nothing_is_cut() {
        let mut out = Vec::new();
        let rows = [["1", "Zoë"], ["1002", "a much longer name"]];
        let rows = rows.map(|row| row.map(str::to_string).to_vec()).to_vec();
        super::table(&mut out, &["no", "name"], rows).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "NO    NAME\n1     Zoë\n1002  a much longer name\n");
    }
}
