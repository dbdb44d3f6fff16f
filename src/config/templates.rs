//! The operator's texts of notices: one file per language in a folder beside the plan.
//!
//! Renders nothing, and holds no built-in text. Invariant: every body names the date, and no text uses a variable that does not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use minijinja::Environment;

use super::files;
use super::places::{Places, key};
use super::problem::Problem;
use super::read::{Node, Reader};
use super::suggest;
use super::value::Wrong;
use crate::rollout::id::sha256_hex;

/// What a text may use: the person's name (may be none), the day, the date in the plan's zone and in UTC, the zone, how to get help,
/// which notice it is (`announcement`, `reminder` or `correction`), and for how many days Microsoft lets people without a method put it
/// off (14 under security defaults, else 0).
pub const VARIABLES: [&str; 8] = ["name", "day", "date", "date_utc", "zone", "helpdesk", "kind", "grace"];

/// Subject and body in one language, in the syntax of minijinja.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

/// The operator's texts; languages that are not here keep their built-in text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates {
    /// By language, lower case, such as `en` or `pt-br`.
    pub texts: BTreeMap<String, Text>,
    /// SHA-256 in hex over the operator's files, where there are any.
    pub hash: Option<String>,
}

/// The texts of the folder that `node` names.
pub(super) fn read(node: &Node<'_>, plan_folder: &Path) -> Option<Templates> {
    let folder = plan_folder.join(node.text()?);
    let files = match language_files(&folder) {
        Ok(files) => files,
        Err(error) => {
            node.error(
                format!("cannot read the folder: {error}"),
                "the path is relative to the plan file; correct it, or leave the key out for the built-in texts",
            );
            return None;
        }
    };
    if files.is_empty() {
        node.error("holds no text", "write one file per language, such as `de.toml`, with `subject` and `body`");
        return None;
    }
    let mut templates = Templates::default();
    let mut hashed = Vec::new();
    let mut complete = true;
    for (language, file) in files {
        let shown = file.display().to_string();
        let problem = |message: String| Problem::file(&shown, message, "correct the file");
        let read = files::text(&file, files::SMALL).map_err(|error| vec![problem(format!("cannot be read: {error}"))]);
        match read.and_then(|toml| Ok((text(&shown, &toml)?, toml))) {
            Ok((text, toml)) => {
                hashed.extend_from_slice(format!("{language}\0{toml}\0").as_bytes());
                templates.texts.insert(language, text);
            }
            Err(problems) => {
                complete = false;
                for problem in problems {
                    node.push(problem);
                }
            }
        }
    }
    templates.hash = Some(sha256_hex(&hashed));
    complete.then_some(templates)
}

fn language_files(folder: &Path) -> Result<BTreeMap<String, PathBuf>, files::FileError> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "toml")
            && let Some(language) = file.file_stem().and_then(|stem| stem.to_str())
        {
            found.insert(language.to_lowercase(), file);
        }
    }
    Ok(found)
}

/// One language's file.
fn text(file: &str, toml: &str) -> Result<Text, Vec<Problem>> {
    let places = Places::parse(file, toml, BTreeMap::new()).map_err(|problems| problems.0)?;
    let value = config::Config::builder().add_source(config::File::from_str(toml, config::FileFormat::Toml)).build();
    let value = value.map_err(|error| vec![Problem::file(file, error.to_string(), "correct the file")])?.cache;
    let reader = Reader::new(&places);
    let table = reader.root(&value).section(&["subject", "body"]);
    let subject = table.need("subject", "`subject = \"…\"`").and_then(|node| node.parsed(subject));
    let body = table.need("body", "`body = \"\"\"…\"\"\"`").and_then(|node| node.parsed(body));
    match (subject, body) {
        (Some(subject), Some(body)) if places.is_written(&key!["body"]) => Ok(Text { subject, body }),
        _ => Err(reader.into_problems()),
    }
}

fn subject(text: &str) -> Result<String, Wrong> {
    if text.chars().any(char::is_control) {
        return Err(Wrong::new("is not one line", "write the subject in one line"));
    }
    variables(text).map(|_| text.to_owned())
}

fn body(text: &str) -> Result<String, Wrong> {
    if variables(text)?.contains("date") {
        return Ok(text.to_owned());
    }
    Err(Wrong::new("does not name the date", "write {{ date }} where people are told from when on MFA is required"))
}

/// The variables that a text uses; a wrong syntax or an unknown variable is refused.
fn variables(text: &str) -> Result<BTreeSet<String>, Wrong> {
    let environment = Environment::new();
    let template = environment.template_from_str(text).map_err(|error| {
        let line = error.line().map_or_else(String::new, |line| format!(" in line {line} of the text"));
        Wrong::new(
            format!("is not a template: {}{line}", error.kind()),
            "close each {{ with }}, and each {% if %} with {% endif %}",
        )
    })?;
    let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
    match used.iter().find(|name| !VARIABLES.contains(&name.as_str())) {
        Some(unknown) => Err(Wrong::new(format!("unknown variable `{unknown}`"), suggest::remedy(unknown, VARIABLES))),
        None => Ok(used),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_the_date_and_nothing_unknown() {
        let table = [
            ("subject = \"x\"\nbody = \"from {{ date }}\"", None),
            (
                "subject = \"x\"\nbody = \"soon\"",
                Some(
                    "t.toml:2:8: body: does not name the date; write {{ date }} where people are told from when on MFA is required",
                ),
            ),
            ("subject = \"x\"\nbody = \"{{ data }}\"", Some("t.toml:2:8: body: unknown variable `data`; did you mean `date`?")),
            ("subject = \"x\"\nbdy = \"{{ date }}\"", Some("t.toml:2:1: bdy: unknown key; did you mean `body`?")),
        ];
        for (toml, expected) in table {
            let problem = text("t.toml", toml).err().and_then(|problems| problems.first().map(ToString::to_string));
            assert_eq!(problem.as_deref(), expected, "{toml}");
        }
        assert!(variables("{{ date").is_err());
    }
}
