//! The operator's texts of notices: one file per language in a folder beside the plan.
//!
//! Holds no built-in text, and judges none: that is `letter::check`'s. Invariant: what is wrong with a text is told with the file and the
//! line where it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::files::{self, FileError};
use super::places::{Places, Step};
use super::problem::Problem;
use super::read::{Node, Reader, Section};
use super::suggest;
use crate::letter::{Given, Kind, Part, Source, Texts, VARIABLES, check};
use crate::rollout::id::sha256_hex;

/// The operator's texts; languages and kinds that are not here keep their built-in text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates {
    /// By language, lower case, such as `en` or `pt-br`, and kind.
    pub texts: BTreeMap<(String, Kind), Source>,
    /// SHA-256 in hex over the operator's files, where there are any.
    pub hash: Option<String>,
}

/// The texts of the folder that `node` names.
pub(super) fn read(node: &Node<'_>, plan_folder: &Path, given: &Given<'_>) -> Option<Templates> {
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
        let read = whole(&file, &shown).and_then(|toml| Ok((texts(&shown, &language, &toml, given)?, toml)));
        match read {
            Ok(((texts, warnings), toml)) => {
                hashed.extend_from_slice(format!("{language}\0{toml}\0").as_bytes());
                templates.texts.extend(texts.into_iter().map(|(kind, source)| ((language.clone(), kind), source)));
                for warning in warnings {
                    node.push(warning);
                }
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

fn language_files(folder: &Path) -> Result<BTreeMap<String, PathBuf>, FileError> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "toml") {
            let language = file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
            found.insert(language, file);
        }
    }
    Ok(found)
}

/// The text of a language's file.
fn whole(file: &Path, shown: &str) -> Result<String, Vec<Problem>> {
    let language = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if !is_language(language) {
        let remedy = "name it by the language of its readers as the directory has it, such as `de.toml` or `pt-br.toml`";
        return Err(vec![Problem::file(shown, format!("`{language}` is no language"), remedy)]);
    }
    files::text(file, files::SMALL).map_err(|error| {
        let problem = |message: String| Problem::file(shown, message, "correct the file");
        vec![match error {
            FileError::NotText(line) => problem("not UTF-8".to_owned()).at(line, 1),
            error => problem(format!("cannot be read: {error}")),
        }]
    })
}

/// `de`, `pt-br`, `zh-hant-tw`: a language of two or three letters, and what narrows it down.
fn is_language(name: &str) -> bool {
    let mut parts = name.split('-');
    let language =
        parts.next().is_some_and(|part| (2..=3).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphabetic()));
    language && parts.all(|part| (2..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// The texts of a language, and what a human should look at.
type Read = (BTreeMap<Kind, Source>, Vec<Problem>);

/// One language's file.
fn texts(file: &str, language: &str, toml: &str, given: &Given<'_>) -> Result<Read, Vec<Problem>> {
    let places = Places::parse(file, toml, BTreeMap::new()).map_err(|problems| problems.0)?;
    let value = config::Config::builder().add_source(config::File::from_str(toml, config::FileFormat::Toml)).build();
    let value = value.map_err(|error| vec![Problem::file(file, error.to_string(), "correct the file")])?.cache;
    let reader = Reader::new(&places);
    let known: Vec<&'static str> = ["subject", "body"].into_iter().chain(Kind::ALL.map(Kind::word)).collect();
    let table = reader.root(&value).section(&known);

    let is_common = ["subject", "body"].iter().any(|part| table.get(part).is_some());
    let common = if is_common { source(&table, None) } else { None };
    let mut texts = BTreeMap::new();
    if let Some(source) = &common {
        let own = |kind: &Kind| table.get(kind.word()).is_some();
        let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| kind.is_common() && !own(kind)).collect();
        judge(&reader, &[], language, &kinds, source, given);
        texts.extend(kinds.into_iter().map(|kind| (kind, source.clone())));
    }
    for kind in Kind::ALL {
        let Some(node) = table.get(kind.word()) else { continue };
        let fallback = common.as_ref().filter(|_| kind.is_common());
        if let Some(source) = source(&node.section(&["subject", "body"]), fallback) {
            judge(&reader, &[Step::from(kind.word())], language, &[kind], &source, given);
            texts.insert(kind, source);
        }
    }
    if !is_common && Kind::ALL.iter().all(|kind| table.get(kind.word()).is_none()) {
        reader.push(Problem::file(file, "holds no text", "write `subject` and `body`"));
    }
    let problems = reader.into_problems();
    if problems.is_empty() { Ok((texts.clone(), gaps(file, language, &texts, given))) } else { Err(problems) }
}

/// Subject and body of a table; what it leaves out may come from the common text.
fn source(table: &Section<'_>, common: Option<&Source>) -> Option<Source> {
    let part = |name: &str, example: &str, common: Option<&String>| match (table.get(name), common) {
        (Some(node), _) => node.whole_text().map(str::to_owned),
        (None, Some(common)) => Some(common.clone()),
        (None, None) => table.need(name, example).and_then(|node| node.text().map(str::to_owned)),
    };
    let subject = part("subject", "`subject = \"…\"`", common.map(|common| &common.subject));
    let body = part("body", "`body = \"\"\"…\"\"\"`", common.map(|common| &common.body));
    Some(Source { subject: subject?.trim().to_owned(), body: body? })
}

/// Records everything that is wrong with a text.
fn judge(reader: &Reader<'_>, path: &[Step], language: &str, kinds: &[Kind], source: &Source, given: &Given<'_>) {
    for finding in check(language, kinds, source, given) {
        let remedy = match &finding.unknown {
            Some(unknown) => suggest::remedy(unknown, VARIABLES),
            None => finding.remedy,
        };
        let at = |path: &[Step]| [path, &[Step::from(finding.part.word())]].concat();
        // A part that the table left out stands where the common text does.
        let path = if reader.places.is_written(&at(path)) { at(path) } else { at(&[]) };
        let line = finding.line.filter(|_| finding.part == Part::Body);
        reader.push(reader.places.problem_in(&path, line, finding.message, remedy));
    }
}

/// What people of a language will be told in another one.
fn gaps(file: &str, language: &str, texts: &BTreeMap<Kind, Source>, given: &Given<'_>) -> Vec<Problem> {
    let built_in = Texts::built_in(given.style.clone()).ok();
    let has = |kind: &Kind| texts.contains_key(kind) || built_in.as_ref().is_some_and(|built_in| built_in.has(language, *kind));
    let missing: BTreeSet<&str> = Kind::ALL.iter().filter(|kind| !has(kind)).map(|kind| kind.word()).collect();
    let first = Kind::ALL.iter().map(|kind| kind.word()).find(|kind| missing.contains(kind));
    // A narrower language falls back to its wider one.
    let Some(first) = first.filter(|_| !language.contains('-')) else { return Vec::new() };
    let words: Vec<String> = missing.iter().map(|kind| format!("`{kind}`")).collect();
    let message =
        format!("has no text for {}: people of this language are told these in `{}`", words.join(", "), given.style.language);
    vec![Problem::file(file, message, format!("write sections such as [{first}], each with `subject` and `body`")).warning()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letter::Style;

    #[test]
    fn a_text_names_the_date_and_nothing_unknown() {
        let table = [
            ("subject = \"x\"\nbody = \"from {{ date }}, {{ helpdesk }}\"", None),
            (
                "subject = \"x\"\nbody = \"soon\"",
                Some(
                    "t.toml:2:8: body: does not name the date; write {{ date }} where people are told from when on MFA is required",
                ),
            ),
            ("subject = \"x\"\nbody = \"{{ data }}\"", Some("t.toml:2:8: body: unknown variable `data`; did you mean `date`?")),
            ("subject = \"x\"\nbdy = \"{{ date }}\"", Some("t.toml:2:1: bdy: unknown key; did you mean `body`?")),
            (
                "subject = \"x\"\nbody = \"\"\"\nfrom {{ date }}\n{{ helpdesk }}\n{{ hour }}\n\"\"\"",
                Some(
                    "t.toml:5:1: body: unknown variable `hour`; expected `name`, `day`, `date`, `date_utc`, `zone`, `helpdesk`, `kind`, `grace`, `verify`",
                ),
            ),
            ("[ready]\nsubject = \"x\"", Some("t.toml:1:2: ready.body: is missing; write `body = \"\"\"…\"\"\"`")),
            ("", Some("t.toml: holds no text; write `subject` and `body`")),
        ];
        let style = Style::default();
        let given = Given { helpdesk: "ext. 4242", time_zone: "UTC", style: &style };
        for (toml, expected) in table {
            let problem =
                texts("t.toml", "en", toml, &given).err().and_then(|problems| problems.first().map(ToString::to_string));
            assert_eq!(problem.as_deref(), expected, "{toml}");
        }
    }

    #[test]
    fn a_kind_may_have_a_text_of_its_own_or_only_a_subject() {
        let style = Style::default();
        let given = Given { helpdesk: "ext. 4242", time_zone: "UTC", style: &style };
        let toml = "subject = \"s\"\nbody = \"{{ date }} {{ helpdesk }}\"\n[reminder]\nsubject = \"r\"\n[withdrawn]\nsubject = \"w\"\nbody = \"{{ helpdesk }}\"";
        let (texts, warnings) = texts("t.toml", "fr", toml, &given).unwrap();
        let subjects: Vec<_> = texts.iter().map(|(kind, source)| (kind.word(), source.subject.as_str())).collect();
        let expected = [("announcement", "s"), ("reminder", "r"), ("correction", "s"), ("withdrawn", "w"), ("deferred", "s")];
        assert_eq!(subjects, expected);
        let says = "t.toml: warning: has no text for `exempt`, `ready`, `released`, `started`, `volunteered`: people of this language are told these \
                    in `en`; write sections such as [started], each with `subject` and `body`";
        assert_eq!(warnings.iter().map(ToString::to_string).collect::<Vec<_>>(), [says]);
    }

    #[test]
    fn a_file_is_named_by_a_language() {
        for (name, is) in [
            ("de", true),
            ("pt-br", true),
            ("zh-Hant-TW", true),
            ("gsw", true),
            ("deutsch", false),
            ("de_ch", false),
            ("", false),
            ("e", false),
            ("de-", false),
        ] {
            assert_eq!(is_language(name), is, "{name}");
        }
    }
}
