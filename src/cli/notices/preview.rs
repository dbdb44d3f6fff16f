//! `notices preview`: a notice as a person would get it, on the terminal, in a file, or as a test mail.
//!
//! Promises nobody anything: a test mail goes to the plan's own addresses only, and is none of a person's notices.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::cli::args::{Common, Preview};
use crate::cli::{Exit, Failure, adapters, place, runtime};
use crate::clock::Clock;
use crate::config::Loaded;
use crate::graph::Graph;
use crate::letter::{Facts, Kind, Letter, TextError, Texts};
use crate::notify::send_sample;
use crate::rollout::id::PersonRef;
use crate::rollout::switch::grace;
use crate::{say, whisper};

/// Whom a notice is for when nobody is named.
const SAMPLE: &str = "Robin Example";

/// Who would get it.
#[derive(Default)]
struct Reader {
    display: Option<String>,
    language: Option<String>,
}

pub(super) fn preview(common: &Common, verb: &Preview) -> Result<Exit, Failure> {
    let loaded = place::load(common)?;
    let texts = adapters::texts(&loaded)?;
    if let Some(folder) = &verb.all {
        return all(&loaded, &texts, folder);
    }
    if let Some(to) = &verb.mail
        && !loaded.settings.test_to.contains(&to.to_lowercase())
    {
        let says =
            format!("no test is sent to `{to}`: add it to `notices.test_to` of the plan, or name an address that stands there");
        return Err(Failure::new(Exit::Usage, says));
    }
    let tenant = if verb.person.is_some() || verb.mail.is_some() {
        Some((adapters::over_http(&loaded, &Clock::system(), Arc::default())?, runtime()?))
    } else {
        None
    };
    let mut reader = Reader { display: Some(SAMPLE.to_owned()), language: None };
    if let (Some(person), Some((joined, runtime))) = (&verb.person, &tenant) {
        reader = runtime.block_on(read(&joined.graph, &loaded.plan.tenant, person))?;
    }
    if verb.language.is_some() {
        reader.language.clone_from(&verb.language);
    }
    let facts = facts(&loaded, &reader, verb.kind);
    if let (Some(to), Some((joined, runtime))) = (&verb.mail, &tenant) {
        let letter = texts.write_test(&facts).map_err(|error| unwritten(&error))?;
        let sent = match adapters::mail_server(&loaded, joined, &Clock::system())? {
            Some(smtp) => runtime.block_on(smtp.send_sample(to, letter, texts.format())),
            None => runtime.block_on(send_sample(&joined.graph, &loaded.plan.notices.from, to, letter, texts.format())),
        };
        sent.map_err(|why| Failure::new(Exit::Tenant, why))?;
        say!("the mail service has taken a test of the `{}` for {to}", verb.kind);
        return Ok(Exit::Done);
    }
    let letter = texts.write(&facts).map_err(|error| unwritten(&error))?;
    match &verb.to {
        Some(file) => {
            keep(file, &content(file, &letter)?)?;
            say!("{}: the `{}` in `{}`", file.display(), verb.kind, letter.language);
        }
        None if common.json => {
            let Letter { language, subject, text, html } = &letter;
            let kind = verb.kind.word();
            say!("{}", json!({ "kind": kind, "language": language, "subject": subject, "text": text, "html": html }));
        }
        None => say!("{}", on_paper(&letter).trim_end()),
    }
    Ok(Exit::Done)
}

/// Every kind in every language, each as HTML and as plain text.
fn all(loaded: &Loaded, texts: &Texts, folder: &Path) -> Result<Exit, Failure> {
    std::fs::create_dir_all(folder).map_err(|error| unkept(folder, &error))?;
    let mut count = 0_usize;
    for language in texts.languages() {
        for kind in Kind::ALL.into_iter().filter(|kind| texts.has(language, *kind)) {
            let reader = Reader { display: Some(SAMPLE.to_owned()), language: Some(language.to_owned()) };
            let letter = texts.write(&facts(loaded, &reader, kind)).map_err(|error| unwritten(&error))?;
            for ending in ["html", "txt"] {
                let file = folder.join(format!("{language}-{kind}.{ending}"));
                keep(&file, &content(&file, &letter)?)?;
                count += 1;
            }
        }
    }
    say!("{}: {count} files", folder.display());
    Ok(Exit::Done)
}

/// What the notice says: the date is that of the plan's first stage.
fn facts<'a>(loaded: &'a Loaded, reader: &'a Reader, kind: Kind) -> Facts<'a> {
    let plan = &loaded.plan;
    Facts {
        display: reader.display.as_deref(),
        language: reader.language.as_deref(),
        kind,
        instant: plan.stages.first().map(|stage| stage.start.instant).unwrap_or_default(),
        time_zone: &plan.time_zone,
        helpdesk: &plan.notices.helpdesk,
        grace: grace(plan),
    }
}

/// A person as the tenant knows them.
async fn read(graph: &Graph, tenant: &str, person: &str) -> Result<Reader, Failure> {
    let trouble = |trouble: crate::rollout::observed::Trouble| Failure::new(Exit::Tenant, trouble.why);
    let nobody = || Failure::new(Exit::Failed, format!("nobody is called `{person}`"));
    let id = graph.person_id(PersonRef::new(tenant, person)).await.map_err(trouble)?.ok_or_else(nobody)?;
    graph.read_names(&[id]).await.map_err(trouble)?;
    let name = graph.names().name(id).ok_or_else(nobody)?;
    if name.mail.is_none() {
        whisper!("tidegate: {person} has no mail address, and would get no notice");
    }
    Ok(Reader { display: name.display, language: name.language })
}

/// What a file of this name holds of a letter.
fn content(file: &Path, letter: &Letter) -> Result<String, Failure> {
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("html" | "htm") => Ok(letter.html.clone()),
        Some("txt") => Ok(on_paper(letter)),
        _ => Err(Failure::new(Exit::Usage, format!("--to {}: end the name in .html or .txt", file.display()))),
    }
}

fn on_paper(letter: &Letter) -> String {
    format!("Subject: {}\n\n{}", letter.subject, letter.text)
}

fn keep(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|error| unkept(file, &error))
}

fn unkept(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("{} cannot be written: {error}", path.display()))
}

fn unwritten(error: &TextError) -> Failure {
    Failure::because(Exit::Plan, error)
}
