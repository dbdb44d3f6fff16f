//! Reads what an address or a command says about a gate: `{"value": 0.03, "sample": 120, "as_of": "…"}`, or
//! `{"verdict": "pass", "why": "…"}`. Pure. Invariant: whatever is not exactly one of the two is no answer.

use jiff::Timestamp;
use serde::Deserialize;

use crate::rollout::gate::{Answered, Judgement, Says};

/// Longest reason that is kept, in characters: it stands in the journal.
const LONGEST: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    value: Option<f64>,
    sample: Option<u32>,
    as_of: Option<Timestamp>,
    verdict: Option<Verdict>,
    why: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Pass,
    Fail,
    Inconclusive,
}

/// The answer, or why it is none.
pub(super) fn read(text: &[u8]) -> Result<Answered, String> {
    // What it holds instead is not repeated: nobody knows what that is.
    let form: Form = serde_json::from_slice(text).map_err(|error| {
        format!("its answer is not the JSON that is asked for (line {}, column {})", error.line(), error.column())
    })?;
    let says = match (form.value, form.sample, form.verdict, form.why) {
        (Some(value), Some(sample), None, None) if value.is_finite() => Says::Value { value, sample },
        (None, None, Some(verdict), why) => Says::Judged { verdict: judgement(verdict), why: why.map(|why| plain(&why)) },
        _ => return Err("its answer holds neither `value` and `sample` nor `verdict` alone".to_owned()),
    };
    Ok(Answered { says, as_of: form.as_of })
}

const fn judgement(verdict: Verdict) -> Judgement {
    match verdict {
        Verdict::Pass => Judgement::Pass,
        Verdict::Fail => Judgement::Fail,
        Verdict::Inconclusive => Judgement::Inconclusive,
    }
}

/// One line of it, not too long.
fn plain(why: &str) -> String {
    let line: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_a_value_with_its_sample_or_a_verdict_is_an_answer() {
        let value = |value, sample| Says::Value { value, sample };
        let judged = |verdict, why: Option<&str>| Says::Judged { verdict, why: why.map(str::to_owned) };
        for (text, expected) in [
            (r#"{"value":0.03,"sample":120}"#, value(0.03, 120)),
            (r#" {"sample":0,"value":7,"as_of":"2027-01-18T08:00:00Z"} "#, value(7.0, 0)),
            (r#"{"verdict":"pass"}"#, judged(Judgement::Pass, None)),
            (r#"{"verdict":"fail","why":"line\none"}"#, judged(Judgement::Fail, Some("line one"))),
            (r#"{"verdict":"inconclusive","why":null}"#, judged(Judgement::Inconclusive, None)),
        ] {
            assert_eq!(read(text.as_bytes()).map(|answer| answer.says), Ok(expected), "{text}");
        }
        for text in [
            "",
            "pass",
            "true",
            "0.03",
            "null",
            "[]",
            "{}",
            r#"{"value":0.03}"#,
            r#"{"sample":3}"#,
            r#"{"value":"0.03","sample":120}"#,
            r#"{"value":0.03,"sample":-1}"#,
            r#"{"value":0.03,"sample":1.5}"#,
            r#"{"value":1e999,"sample":1}"#,
            r#"{"value":NaN,"sample":1}"#,
            r#"{"value":0.03,"sample":120,"verdict":"pass"}"#,
            r#"{"value":0.03,"sample":120,"why":"x"}"#,
            r#"{"verdict":"PASS"}"#,
            r#"{"verdict":"passed"}"#,
            r#"{"verdict":true}"#,
            r#"{"verdict":"pass","value":1}"#,
            r#"{"verdict":"pass","verdict":"fail"}"#,
            r#"{"verdit":"pass","verdict":"pass"}"#,
            r#"{"verdict":"pass"} {"verdict":"pass"}"#,
            r#"{"verdict":"pass"}x"#,
            r#"{"value":0.03,"sample":120,"as_of":"yesterday"}"#,
            r#"{"value":0.03,"sample":120,"as_of":"2027-01-18T08:00:00"}"#,
            "\u{feff}{\"verdict\":\"pass\"}",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(read(&[0xff, b'{', b'}']).is_err());
        let long = format!(r#"{{"verdict":"fail","why":"{}"}}"#, "é".repeat(900));
        let Ok(Answered { says: Says::Judged { why: Some(why), .. }, .. }) = read(long.as_bytes()) else { panic!("{long}") };
        assert_eq!(why.chars().count(), LONGEST);
    }
}
