//! The bytes of a checkpoint: where its last record stands in the journal, people as squeezed rows, then everything else of the state as
//! JSON.
//!
//! Written bit by bit, so that no copy of the whole is ever made; what the bytes mean is settled by [`FORM`]. Reading takes nothing on
//! trust.

use std::io::{self, Write};

use super::squeeze::{squeeze, stretch};
use super::walk::Position;
use crate::rollout::person::{People, PersonState, ROW};
use crate::rollout::state::State;

/// The version of these bytes.
pub(super) const FORM: u32 = 4;

/// Rows that are squeezed together.
const TOGETHER: usize = 256;

/// Writes a state.
pub(super) fn write(state: &State, position: Position, out: &mut dyn Write) -> io::Result<()> {
    let Position { segment, line, start, end } = position;
    for number in [segment, line, start, end] {
        out.write_all(&number.to_be_bytes())?;
    }
    let people = state.people.all();
    out.write_all(&length(people.len()))?;
    let (mut rows, mut squeezed) = (Vec::with_capacity(TOGETHER), Vec::new());
    let mut left = people.iter();
    loop {
        rows.clear();
        rows.extend(left.by_ref().take(TOGETHER).map(PersonState::row));
        if rows.is_empty() {
            break;
        }
        squeezed.clear();
        squeeze(&rows, &mut squeezed);
        out.write_all(&length(squeezed.len()))?;
        out.write_all(&squeezed)?;
    }
    serde_json::to_writer(out, state)?;
    Ok(())
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

/// The state that was written and where its last record stands, or why the bytes are none.
pub(super) fn read(bytes: &[u8]) -> Result<(State, Position), String> {
    let cut = || "its people are cut off".to_owned();
    let (position, rest) = bytes.split_first_chunk::<32>().ok_or_else(cut)?;
    let mut numbers = position.as_chunks::<8>().0.iter().map(|bytes| u64::from_be_bytes(*bytes));
    let mut number = || numbers.next().unwrap_or(0);
    let position = Position { segment: number(), line: number(), start: number(), end: number() };
    let (count, mut rest) = split_length(rest).ok_or_else(cut)?;
    // Rows that look alike take hardly any room; what is reserved is bounded by what such a file could hold at most.
    let mut people = People::with_room(count.min(rest.len()));
    let mut missing = count;
    while missing > 0 {
        let (length, behind) = split_length(rest).ok_or_else(cut)?;
        let (squeezed, behind) = behind.split_at_checked(length).ok_or_else(cut)?;
        let together = missing.min(TOGETHER);
        let rows = stretch::<ROW>(squeezed, together).ok_or("its people cannot be read")?;
        for row in &rows {
            people.push(PersonState::of_row(row).ok_or("a person of it cannot be read")?);
        }
        missing -= together;
        rest = behind;
    }
    if people.all().len() != count {
        return Err("somebody is in it twice".to_owned());
    }
    let mut state: State = serde_json::from_slice(rest).map_err(|error| format!("it cannot be read: {error}"))?;
    state.people = people;
    Ok((state, position))
}

fn split_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_be_bytes(*length)).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::rollout::event::Slot;
    use crate::rollout::id::ObjectId;
    use crate::rollout::person::{Enforced, Home};

    const POSITION: Position = Position { segment: 2, line: 7, start: 900, end: 1_000 };

    fn state(people: u32) -> State {
        let mut state = State { seq: 7, ..State::default() };
        let at = |n: u32| Timestamp::from_second(1_800_000_000 + i64::from(n)).unwrap();
        for n in 0..people {
            let id = ObjectId::from_bits(u128::from(n) * 0x9E37_79B9_7F4A_7C15_9E37_79B9);
            state.people.settle_in(id, if n % 9 == 0 { Home::Tail } else { Home::Stage(u16::try_from(n % 3).unwrap()) });
            let person = state.people.get_mut(id).unwrap();
            person.told(at(n / 100), Slot::Announcement, at(90_000));
            match n % 7 {
                0 => person.mark(Enforced::Verified(at(n))),
                1 => person.mark(Enforced::Unknown(u64::from(n))),
                2 => person.refuse(at(n), Slot::Reminder(1)),
                3 => person.removed_by_hand = true,
                4 => person.perhaps_told(Slot::Correction, at(100_000)),
                _ => {}
            }
        }
        state
    }

    #[test]
    fn a_state_comes_back_and_a_part_of_it_does_not() {
        for people in [0, 1, 255, 256, 257, 3_000] {
            let state = state(people);
            let mut bytes = Vec::new();
            write(&state, POSITION, &mut bytes).unwrap();
            assert!(read(&bytes).unwrap() == (state, POSITION), "{people}");
            for cut in [0, 3, 4, 7, bytes.len() / 2, bytes.len() - 1] {
                assert!(read(&bytes[..cut]).is_err(), "{people}: the first {cut} bytes");
            }
        }
    }

    #[test]
    fn a_person_takes_about_thirty_bytes() {
        let mut bytes = Vec::new();
        write(&state(10_000), POSITION, &mut bytes).unwrap();
        assert!(bytes.len() < 310_000, "{}", bytes.len());
    }

    #[test]
    fn changed_bytes_are_refused_or_read_and_never_a_panic() {
        let mut bytes = Vec::new();
        write(&state(300), POSITION, &mut bytes).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x55;
            drop(read(&changed));
        }
    }
}
