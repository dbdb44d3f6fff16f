//! An announcement as a receiver takes it: JSON of our own, signed, or a card for Teams.
//!
//! Pure. Invariants: the signature covers time and body, so that neither can be changed nor an old post be played again; a card is never
//! larger than Teams takes.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::announcement::Announcement;

/// Largest card, in bytes (Teams: 28 KB).
const CARD: usize = 28_000;
/// What stands at the end of a text that was cut.
const CUT: &str = " … (cut: see `tidegate status`)";

/// The same for the same announcement, so that a receiver can leave out a second one.
pub(super) fn id(announcement: &Announcement) -> String {
    format!("{}-{}-{}", announcement.kind, announcement.first, announcement.seq)
}

/// JSON: `type`, `id`, `stage`, `at`, `seq`, `says`, `counts`.
pub(super) fn plain(announcement: &Announcement) -> String {
    let mut body = json!(announcement);
    if let Some(body) = body.as_object_mut() {
        body.insert("id".to_owned(), json!(id(announcement)));
    }
    body.to_string()
}

/// HMAC-SHA256 of `<timestamp>.<body>`, in hex.
pub(super) fn signature(secret: &[u8], timestamp: i64, body: &str) -> String {
    // A key of any length is one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(format!("{timestamp}.{body}").as_bytes());
    mac.finalize().into_bytes().iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a text does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A message with one adaptive card, as the workflows of Teams and its incoming webhooks take it.
pub(super) fn card(announcement: &Announcement) -> String {
    let whole = with_text(announcement, &announcement.says);
    if whole.len() <= CARD {
        return whole;
    }
    // A letter may take more bytes in JSON than here; halving ends soon.
    let mut keep = announcement.says.chars().count();
    loop {
        keep /= 2;
        let text: String = announcement.says.chars().take(keep).chain(CUT.chars()).collect();
        let cut = with_text(announcement, &text);
        if cut.len() <= CARD || keep == 0 {
            return cut;
        }
    }
}

fn with_text(announcement: &Announcement, text: &str) -> String {
    let title = match &announcement.stage {
        Some(stage) => format!("MFA rollout: {stage}"),
        None => "MFA rollout".to_owned(),
    };
    let fact = |(name, count): (&&str, &u64)| json!({"title": name, "value": count.to_string()});
    let facts: Vec<Value> = announcement.counts.iter().map(fact).collect();
    let mut body = vec![
        json!({"type": "TextBlock", "text": plain_text(&title), "weight": "Bolder", "size": "Medium", "wrap": true}),
        json!({"type": "TextBlock", "text": plain_text(text), "wrap": true}),
    ];
    if !facts.is_empty() {
        body.push(json!({"type": "FactSet", "facts": facts}));
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": body,
            },
        }],
    })
    .to_string()
}

/// Text blocks read a little Markdown: what a reason holds must not become a link.
fn plain_text(text: &str) -> String {
    text.replace('[', "(").replace(']', ")")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn announcement(says: &str) -> Announcement {
        Announcement {
            kind: "started",
            stage: Some("pilot".into()),
            at: "2027-01-11T08:00:00Z".parse().unwrap(),
            seq: 40,
            first: 38,
            says: says.into(),
            ends: None,
            counts: BTreeMap::from([("people", 3)]),
        }
    }

    #[test]
    fn the_body_is_as_documented() {
        let body: Value = serde_json::from_str(&plain(&announcement("Stage pilot has started."))).unwrap();
        let expected = json!({
            "type": "started", "id": "started-38-40", "stage": "pilot", "at": "2027-01-11T08:00:00Z", "seq": 40,
            "says": "Stage pilot has started.", "counts": {"people": 3},
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn the_signature_is_that_of_other_programs() {
        // printf '1799136000.{"a":1}' | openssl dgst -sha256 -hmac secret
        assert_eq!(
            signature(b"secret", 1_799_136_000, "{\"a\":1}"),
            "fe7e383e6b037d07b15c66d2c65935ecc5c52fee1c9b6c09eb70eff03700d0e1"
        );
        let long = [7; 200];
        assert_eq!(signature(&long, 0, "").len(), 64);
        assert_ne!(signature(b"secret", 1, "x"), signature(b"secret", 2, "x"));
    }

    #[test]
    fn a_card_is_cut_to_what_teams_takes() {
        let short = card(&announcement("Stage pilot has started. [x](https://evil.example)"));
        assert!(!short.contains("(cut") && !short.contains("[x]"), "{short}");
        for says in ["x".repeat(40_000), "\u{1}".repeat(20_000), "é\"".repeat(20_000)] {
            let cut = card(&announcement(&says));
            assert!(cut.len() <= CARD && cut.len() > CARD / 3, "{}", cut.len());
            let read: Value = serde_json::from_str(&cut).unwrap();
            let text = read.pointer("/attachments/0/content/body/1/text").unwrap().as_str().unwrap();
            assert!(text.ends_with("(cut: see `tidegate status`)"), "{text}");
        }
    }
}
