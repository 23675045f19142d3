//! Text in columns, for a terminal. It must not know what the columns are.

use comfy_table::ColumnConstraint::LowerBoundary;
use comfy_table::Width::Fixed;
use comfy_table::{Table, presets};

const GAP: u16 = 2;

/// Returns the rows in columns, each at least as wide as in `widths` and as its widest field. A
/// field must not have a line break; a row of more than 65,535 characters gets one.
pub(crate) fn columns<const N: usize>(
    widths: [u16; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).add_rows(rows);
    for (n, (column, width)) in table.column_iter_mut().zip(widths).enumerate() {
        let gap = if n + 1 < N { GAP } else { 0 };
        column.set_padding((0, gap)).set_constraint(LowerBoundary(Fixed(width + gap)));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out<const N: usize>(rows: &[[&str; N]], widths: [u16; N]) -> String {
        columns(widths, rows.iter().map(|row| row.map(str::to_owned)))
    }

    #[test]
    fn a_column_is_as_wide_as_its_widest_field_and_at_least_as_asked() {
        let rows = [["a", "b", "c d"], ["abc", "", "e"], ["ab", "", ""]];
        assert_eq!(laid_out(&rows, [5, 0, 0]), "a      b  c d\nabc       e\nab");
        assert_eq!(laid_out(&[["abcdefg", "b"]], [5, 1]), "abcdefg  b");
    }

    #[test]
    fn wide_and_combined_characters_count_as_a_terminal_shows_them() {
        let rows = [["日本", "x"], ["e\u{301}", "x"], ["abcd", "x"]];
        assert_eq!(laid_out(&rows, [0, 0]), "日本  x\ne\u{301}     x\nabcd  x");
    }

    #[test]
    fn the_last_field_may_be_long() {
        let long = "x".repeat(usize::from(u16::MAX));
        assert_eq!(laid_out(&[["a", &long]], [0, 0]), format!("a  {long}"));
    }
}
