//! The word that was probably meant.

/// The nearest of `known`, when it is near enough to be a slip of the fingers.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1.max(candidate.chars().count() / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A remedy that names the nearest of `known`, or all of them.
pub(super) fn remedy<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    nearest(word, known.clone()).map_or_else(
        || {
            let all: Vec<String> = known.into_iter().map(|candidate| format!("`{candidate}`")).collect();
            format!("expected {}", if all.is_empty() { "nothing here".to_owned() } else { all.join(", ") })
        },
        |near| format!("did you mean `{near}`?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["soak", "start", "finish_by"];
        assert_eq!(nearest("soka", known), Some("soak"));
        assert_eq!(nearest("finishby", known), Some("finish_by"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(remedy("colour", known), "expected `soak`, `start`, `finish_by`");
    }
}
