//! How answers look: tables for people, JSON for programs.

use std::io::{self, Write};

use serde::Serialize;

use super::failure::Failure;

/// One JSON value on one line.
pub(super) fn json(out: &mut dyn Write, value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value)?;
    writeln!(out, "{text}")?;
    Ok(())
}

/// Columns two spaces apart under headers in capitals.
pub(super) fn table(
    out: &mut dyn Write,
    headers: &[&str],
    rows: Vec<Vec<String>>,
) -> io::Result<()> {
    let headers = headers.iter().map(|header| header.to_uppercase()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(headers).chain(rows).collect();
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

#[cfg(test)]
mod tests {
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
