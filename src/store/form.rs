//! The bytes of a checkpoint: where its last record stands in the journal, people as squeezed rows, then everything else of the state as
//! JSON.
//!
//! Written bit by bit, so that no copy of the whole is ever made; what the bytes mean is settled by [`FORM`]. Reading takes nothing on
//! trust.

use std::io::{self, BufReader, Read, Write};

use super::chain::Head;
use super::squeeze::{MOST_ROOM, squeeze, stretch};
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
        rows.extend(left.by_ref().take(TOGETHER).map(|person| person.row()));
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

/// The state as of the record `head` and where that record stands, or why the bytes are none.
pub(super) fn read(head: Head, bytes: &mut dyn Read) -> Result<(State, Position), String> {
    let mut bytes = BufReader::new(bytes);
    let [segment, line, start, end] = [number(&mut bytes)?, number(&mut bytes)?, number(&mut bytes)?, number(&mut bytes)?];
    let count = length_of(&mut bytes)?;
    // Room is made for as many as are said to be there, within what a tenant can have.
    let mut people = People::with_room(count.min(MOST_ROOM));
    let (mut missing, mut squeezed) = (count, Vec::new());
    while missing > 0 {
        let length = length_of(&mut bytes)?;
        squeezed.clear();
        bytes.by_ref().take(length as u64).read_to_end(&mut squeezed).map_err(cut)?;
        let together = missing.min(TOGETHER);
        let rows = stretch::<ROW>(&squeezed, together).ok_or("its people cannot be read")?;
        for row in &rows {
            people.push(PersonState::of_row(row).ok_or("a person of it cannot be read")?);
        }
        missing -= together;
    }
    if people.all().len() != count {
        return Err("somebody is in it twice".to_owned());
    }
    let mut rest = Vec::new();
    bytes.read_to_end(&mut rest).map_err(cut)?;
    let mut state: State = serde_json::from_slice(&rest).map_err(|error| format!("it cannot be read: {error}"))?;
    state.people = people;
    if state.seq != head.seq {
        return Err("it is not of the record it says it is of".to_owned());
    }
    Ok((state, Position { segment, line, start, end }))
}

fn number(bytes: &mut impl Read) -> Result<u64, String> {
    let mut number = [0; 8];
    bytes.read_exact(&mut number).map_err(cut)?;
    Ok(u64::from_be_bytes(number))
}

fn length_of(bytes: &mut impl Read) -> Result<usize, String> {
    let mut length = [0; 4];
    bytes.read_exact(&mut length).map_err(cut)?;
    usize::try_from(u32::from_be_bytes(length)).map_err(|_| "it is too long".to_owned())
}

fn cut(_: io::Error) -> String {
    "its people are cut off".to_owned()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::rollout::event::Slot;
    use crate::rollout::id::ObjectId;
    use crate::rollout::person::{Enforced, Home};

    const POSITION: Position = Position { segment: 2, line: 7, start: 900, end: 1_000 };

    fn back(mut bytes: &[u8]) -> Result<(State, Position), String> {
        read(Head { seq: 7, ..Head::START }, &mut bytes)
    }

    fn state(people: u32) -> State {
        let mut state = State { seq: 7, ..State::default() };
        let at = |n: u32| Timestamp::from_second(1_800_000_000 + i64::from(n)).unwrap();
        for n in 0..people {
            let id = ObjectId::from_bits(u128::from(n) * 0x9E37_79B9_7F4A_7C15_9E37_79B9);
            state.people.settle_in(id, if n % 9 == 0 { Home::Tail } else { Home::Stage(u16::try_from(n % 3).unwrap()) });
            let mut person = state.people.get_mut(id).unwrap();
            person.told(at(n / 100), Slot::Announcement, at(90_000));
            match n % 7 {
                0 => person.mark(Enforced::Verified(at(n))),
                1 => person.mark(Enforced::Unknown(u64::from(n))),
                2 => person.refuse(at(n), Slot::Reminder(1)),
                3 => person.change(|marks| marks.removed_by_hand = true),
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
            assert!(back(&bytes).unwrap() == (state, POSITION), "{people}");
            for cut in [0, 3, 4, 7, bytes.len() / 2, bytes.len() - 1] {
                assert!(back(&bytes[..cut]).is_err(), "{people}: the first {cut} bytes");
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
            drop(back(&changed));
        }
    }
}
