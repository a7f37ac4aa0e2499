//! Exports as CSV (RFC 4180) that no spreadsheet runs.

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// A file of rows under a head.
pub(super) struct CsvFile {
    name: &'static str,
    writer: csv::Writer<Vec<u8>>,
}

impl CsvFile {
    /// A file with its head.
    pub(super) fn new(name: &'static str, head: &[&str]) -> Result<Self, Problem> {
        let mut writer =
            csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        writer.write_record(head).map_err(|_| failed())?;
        Ok(Self { name, writer })
    }

    /// Adds a row.
    pub(super) fn row<T: AsRef<str>>(&mut self, cells: &[T]) -> Result<(), Problem> {
        let cells = cells.iter().map(|cell| inert(cell.as_ref()));
        self.writer.write_record(cells).map_err(|_| failed())
    }

    /// The answer.
    pub(super) fn finish(self) -> Result<Response, Problem> {
        let bytes = self.writer.into_inner().map_err(|_| failed())?;
        let named = format!("attachment; filename=\"{}\"", self.name);
        let named = HeaderValue::from_str(&named).map_err(|_| failed())?;
        let kind = HeaderValue::from_static("text/csv; charset=utf-8");
        Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, named)], bytes).into_response())
    }
}

/// A cell that begins like a formula gets an apostrophe, which spreadsheets read as "this is text".
fn inert(cell: &str) -> String {
    let is_formula = cell.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ]);
    if is_formula { format!("'{cell}") } else { cell.to_string() }
}

fn failed() -> Problem {
    Problem::busy("unavailable", "the file could not be written; try again in a moment", 5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn b35_no_cell_is_a_formula_and_cells_keep_commas_quotes_and_lines() {
        let mut file = CsvFile::new("logins.csv", &["who", "what"]).unwrap();
        file.row(&["=HYPERLINK(\"http://evil\")", "a,b"]).unwrap();
        file.row(&["@SUM(1)", "say \"hi\""]).unwrap();
        file.row(&["-1+1", "two\r\nlines"]).unwrap();
        let answer = file.finish().unwrap();
        assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
        assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"logins.csv\"");
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        let expected = "who,what\r\n\"'=HYPERLINK(\"\"http://evil\"\")\",\"a,b\"\r\n\
                        '@SUM(1),\"say \"\"hi\"\"\"\r\n'-1+1,\"two\r\nlines\"\r\n";
        assert_eq!(std::str::from_utf8(&bytes).unwrap(), expected);
    }
}
