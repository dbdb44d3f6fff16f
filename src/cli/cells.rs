//! Tables for spreadsheets. Invariant: no cell is a formula, whatever others wrote into it.

use super::{Exit, Failure};

/// Rows as CSV, the names of the columns first.
pub(super) fn table(columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Result<String, Failure> {
    let failed = |error: csv::Error| Failure::new(Exit::Failed, format!("the table cannot be written: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns).map_err(failed)?;
    for row in rows {
        writer.write_record(row.iter().map(|cell| guarded(cell))).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A cell that no spreadsheet takes for a formula: what begins like one begins with an apostrophe; controls are left out.
fn guarded(cell: &str) -> String {
    let plain: String = cell.chars().filter(|c| !c.is_control()).collect();
    let like_a_formula = plain.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    if like_a_formula { format!("'{plain}") } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (cell, expected) in [
            ("Ada Lovelace", "Ada Lovelace"),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+49 30 1", "'+49 30 1"),
            ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
            ("\t=1", "'=1"),
            ("  =1", "'  =1"),
            ("a\r\nb", "ab"),
            ("\u{ff1d}1", "'\u{ff1d}1"),
        ] {
            assert_eq!(guarded(cell), expected, "{cell:?}");
        }
        let csv = table(&["who"], [vec!["=a,\"b\"".to_owned()]]).unwrap();
        assert_eq!(csv, "who\n\"'=a,\"\"b\"\"\"\n");
    }
}
