//! Rows of equal length in few bytes: column by column, runs of one byte as a count.
//!
//! What most people share (dates, flags, a home) then takes next to nothing, and of each person little more than the id is left.
//! Reading takes nothing on trust: a length that does not come out is an error.

/// Rows for which room is made before they are read; more are taken in too, but a damaged number makes no more.
pub(super) const MOST_ROOM: usize = 4_000_000;

/// Most bytes that one step tells of.
const MOST: usize = 128;

/// Appends the rows, squeezed. All of them have the length of the first.
pub(super) fn squeeze<const N: usize>(rows: &[[u8; N]], out: &mut Vec<u8>) {
    let columns = (0..N).flat_map(|column| rows.iter().filter_map(move |row| row.get(column).copied()));
    let mut literal: Vec<u8> = Vec::with_capacity(MOST);
    let mut run: Option<(u8, usize)> = None;
    for byte in columns.map(Some).chain([None]) {
        run = match (run, byte) {
            (Some((same, times)), Some(byte)) if same == byte && times < MOST + 1 => Some((same, times + 1)),
            (Some((same, times)), byte) => {
                if times >= 3 {
                    flush(&mut literal, out);
                    // 128 to 255: the byte that follows, two to 129 times.
                    out.push(u8::try_from(times + 126).unwrap_or(u8::MAX));
                    out.push(same);
                } else {
                    for _ in 0..times {
                        literal.push(same);
                        if literal.len() == MOST {
                            flush(&mut literal, out);
                        }
                    }
                }
                byte.map(|byte| (byte, 1))
            }
            (None, byte) => byte.map(|byte| (byte, 1)),
        };
    }
    flush(&mut literal, out);
}

/// 0 to 127: so many bytes and one more follow as they are.
fn flush(literal: &mut Vec<u8>, out: &mut Vec<u8>) {
    if let Some(more) = literal.len().checked_sub(1) {
        out.push(u8::try_from(more).unwrap_or(u8::MAX));
        out.append(literal);
    }
}

/// The rows that were squeezed; none when the bytes are not those of so many rows.
pub(super) fn stretch<const N: usize>(squeezed: &[u8], count: usize) -> Option<Vec<[u8; N]>> {
    let mut rows = vec![[0; N]; count];
    let (mut row, mut column, mut rest) = (0_usize, 0_usize, squeezed);
    let mut put = |byte: u8| -> Option<()> {
        *rows.get_mut(row)?.get_mut(column)? = byte;
        row += 1;
        if row == count {
            (row, column) = (0, column + 1);
        }
        Some(())
    };
    while let Some((step, behind)) = rest.split_first() {
        let step = usize::from(*step);
        if step < MOST {
            let (literal, behind) = behind.split_at_checked(step + 1)?;
            literal.iter().try_for_each(|byte| put(*byte))?;
            rest = behind;
        } else {
            let (same, behind) = behind.split_first()?;
            (0..step - 126).try_for_each(|_| put(*same))?;
            rest = behind;
        }
    }
    (count == 0 || column == N && row == 0).then_some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_out_as_they_went_in(rows in proptest::collection::vec([0_u8..3, 0..3, 0..200, 7..8], 0..500)) {
            let mut squeezed = Vec::new();
            squeeze(&rows, &mut squeezed);
            prop_assert!(squeezed.len() <= rows.len() * 4 * 129 / 128 + 2);
            prop_assert_eq!(stretch::<4>(&squeezed, rows.len()), Some(rows.clone()));
            prop_assert_eq!(stretch::<4>(&squeezed, rows.len() + 1), None);
            if !rows.is_empty() {
                prop_assert_eq!(stretch::<4>(&squeezed[..squeezed.len() - 1], rows.len()), None);
            }
        }

        #[test]
        fn rubbish_is_refused_or_read_and_never_more(bytes in proptest::collection::vec(any::<u8>(), 0..300), count in 0_usize..60) {
            if let Some(rows) = stretch::<8>(&bytes, count) {
                prop_assert_eq!(rows.len(), count);
            }
        }
    }

    #[test]
    fn what_all_share_takes_next_to_nothing() {
        let mut squeezed = Vec::new();
        squeeze(&[[9_u8; 40]; 128], &mut squeezed);
        assert!(squeezed.len() < 100, "{}", squeezed.len());
    }
}
