//! Places that mostly follow each other, written as runs: first and last of each.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::person::PersonIx;

pub(super) fn serialize<S: Serializer>(places: &[PersonIx], serializer: S) -> Result<S::Ok, S::Error> {
    let mut runs: Vec<(PersonIx, PersonIx)> = Vec::new();
    for place in places {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*place) => *last = *place,
            _ => runs.push((*place, *place)),
        }
    }
    runs.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PersonIx>, D::Error> {
    let runs = Vec::<(PersonIx, PersonIx)>::deserialize(deserializer)?;
    let mut places = Vec::new();
    for (first, last) in runs {
        // No roster is longer than this; a damaged one must not fill the memory.
        if last.checked_sub(first).is_none_or(|more| more as usize + places.len() > 20_000_000) {
            return Err(D::Error::custom("a run of places that is none"));
        }
        places.extend(first..=last);
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Roster(#[serde(with = "super")] Vec<PersonIx>);

    #[test]
    fn places_come_back_in_their_order() {
        for (places, json) in [
            (vec![], "[]"),
            (vec![5], "[[5,5]]"),
            (vec![0, 1, 2, 3, 9, 8, 8, u32::MAX], "[[0,3],[9,9],[8,8],[8,8],[4294967295,4294967295]]"),
        ] {
            assert_eq!(serde_json::to_string(&Roster(places.clone())).unwrap(), json);
            assert_eq!(serde_json::from_str::<Roster>(json).unwrap().0, places);
        }
        for wrong in ["[[3,1]]", "[[0,4294967295]]"] {
            assert!(serde_json::from_str::<Roster>(wrong).is_err());
        }
    }
}
