//! Rules of the form: this text stands only there.

use super::source::{File, Tree};
use super::{Fault, Rule};

/// Which code a ban looks at.
#[derive(Clone, Copy, PartialEq)]
enum Where {
    /// The library and the binary, less what is only for tests.
    Product,
    /// Everything.
    Everywhere,
}

struct Ban {
    rule: &'static str,
    patterns: &'static [&'static str],
    scope: Where,
    /// Paths, or beginnings of paths, where the text may stand.
    home: &'static [&'static str],
    remedy: &'static str,
}

const CLOCK: Ban = Ban {
    rule: "one clock",
    patterns: &["Timestamp::now", "ZonedDateTime::now", "Zoned::now", "SystemTime::now", "Instant::now", ".elapsed()"],
    scope: Where::Product,
    home: &["src/clock.rs"],
    remedy: "take `now` as an argument or ask the Clock",
};

const ENVIRONMENT: Ban = Ban {
    rule: "one reader of the environment",
    patterns: &[
        "env::var",
        "env::args",
        "env::set_var",
        "env::remove_var",
        "env::current_dir",
        "env::temp_dir",
        "env::home_dir",
        "TimeZone::system",
        "TimeZone::try_system",
    ],
    scope: Where::Product,
    home: &["src/config/"],
    remedy: "read it in config and hand it in",
};

const PRINTER: Ban = Ban {
    rule: "one printer",
    patterns: &["print!", "println!", "eprint!", "eprintln!", "dbg!", "io::stdout", "io::stderr", "stdout()", "stderr()"],
    scope: Where::Product,
    home: &["src/cli/", "src/main.rs", "src/telemetry.rs"],
    remedy: "return the text; cli prints it, telemetry logs to stderr",
};

const CLIENT: Ban = Ban {
    rule: "one HTTP client",
    patterns: &["ClientBuilder", "Client::builder", "Client::new", "reqwest::get", "reqwest::blocking"],
    scope: Where::Product,
    home: &[WIRE, HOOK],
    remedy: "use the wire: time-outs, redirects and TLS are decided once",
};

const SEND: Ban = Ban {
    rule: "one send",
    patterns: &[".send()", "client.execute("],
    scope: Where::Product,
    home: &[WIRE, HOOK],
    remedy: "go through the wire: the allow-list and the token live at one place",
};

const WRITER: Ban = Ban {
    rule: "one writer",
    patterns: &[".append(", ".save("],
    scope: Where::Product,
    home: &["src/engine/", "src/store/", "src/cli/"],
    remedy: "only the engine writes to the store: send it a command",
};

const SILENCE: Ban = Ban {
    rule: "nothing silenced",
    patterns: &["#[allow", "#![allow", ", allow("],
    scope: Where::Everywhere,
    home: &[],
    remedy: "mend it, or #[expect(.., reason = \"..\")]",
};

const PANIC: Ban = Ban {
    rule: "no panics",
    patterns: &[".unwrap()", ".unwrap_err()", ".expect(\"", ".expect(&", "panic!", "todo!", "unimplemented!", "unreachable!"],
    scope: Where::Product,
    home: &[],
    remedy: "return an error: stored data and network data are input",
};

const SWITCH: Ban = Ban {
    rule: "no condition is switched off",
    patterns: &["without("],
    scope: Where::Product,
    home: &["src/rollout/condition", "src/sim/", "src/cli/simulate"],
    remedy: "the switch is there to show that the oracle notices; nothing that runs may use it",
};

const WIRE: &str = "src/graph/wire.rs";
/// Webhooks and gates: addresses that an operator was given by somebody. Their client has no token, no proxy and no way to internal addresses, which
/// the wire's must have; one client for both would be one for all of that.
const HOOK: &str = "src/outside/client.rs";

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: CLOCK.rule,
        promise: "only `clock.rs` reads time; everything else gets `now`, or a `Clock`.",
        check: |tree| banned(tree, &CLOCK),
    },
    Rule {
        name: ENVIRONMENT.rule,
        promise: "only `config` reads the environment, the system's zone included.",
        check: |tree| banned(tree, &ENVIRONMENT),
    },
    Rule {
        name: PRINTER.rule,
        promise: "only `cli` and `main.rs` print; `telemetry` alone writes logs to stderr.",
        check: |tree| banned(tree, &PRINTER),
    },
    Rule {
        name: CLIENT.rule,
        promise: "one HTTP client constructor, in `graph/wire.rs`, and one without a token for webhooks and gates, in `outside/client.rs`.",
        check: |tree| [banned(tree, &CLIENT), more_than_one(tree, &CLIENT)].concat(),
    },
    Rule {
        name: SEND.rule,
        promise: "one place where a request leaves, in `graph/wire.rs`, and one for webhooks and gates, in `outside/client.rs`.",
        check: |tree| [banned(tree, &SEND), more_than_one(tree, &SEND)].concat(),
    },
    Rule {
        name: WRITER.rule,
        promise: "only `engine` appends to the journal and saves checkpoints; `cli` may wire it up.",
        check: |tree| banned(tree, &WRITER),
    },
    Rule {
        name: SILENCE.rule,
        promise: "no `#[allow]`, tests included; an exception is an `#[expect]` with its reason.",
        check: |tree| banned(tree, &SILENCE),
    },
    Rule { name: PANIC.rule, promise: "nothing that runs unwraps, expects or panics.", check: |tree| banned(tree, &PANIC) },
    Rule {
        name: SWITCH.rule,
        promise: "the test switch `without` of `rollout::condition` is used by the simulation alone.",
        check: |tree| banned(tree, &SWITCH),
    },
];

fn places<'a>(tree: &'a Tree, ban: &'a Ban, wanted: impl Fn(&File) -> bool) -> Vec<(&'a File, usize, &'static str)> {
    let mut places = Vec::new();
    for file in tree.files.iter().filter(|file| wanted(file)) {
        for pattern in ban.patterns {
            let found: Vec<usize> = match ban.scope {
                Where::Everywhere => file.find(pattern).collect(),
                Where::Product => file.find_outside_tests(pattern).collect(),
            };
            places.extend(found.into_iter().filter(|at| !harmless(file, *at, pattern)).map(|at| (file, at, *pattern)));
        }
    }
    places
}

fn banned(tree: &Tree, ban: &Ban) -> Vec<Fault> {
    let outside = |file: &File| !ban.home.iter().any(|home| file.path.starts_with(home));
    places(tree, ban, outside).into_iter().map(|(file, at, pattern)| fault(ban, file, at, pattern, ban.remedy)).collect()
}

/// What is allowed at one place is allowed there once.
fn more_than_one(tree: &Tree, ban: &Ban) -> Vec<Fault> {
    let of = |home: &str| {
        let found = places(tree, ban, |file: &File| file.path == home).into_iter().skip(1);
        found.map(|(file, at, pattern)| fault(ban, file, at, pattern, "once is enough")).collect::<Vec<_>>()
    };
    ban.home.iter().flat_map(|home| of(home)).collect()
}

fn fault(ban: &Ban, file: &File, at: usize, pattern: &str, remedy: &str) -> Fault {
    Fault { path: file.path.clone(), line: file.line(at), rule: ban.rule, what: format!("`{pattern}`: {remedy}") }
}

/// `append` of lists (`&mut`), of files opened (`true`) and of HTTP headers is not the store's.
fn harmless(file: &File, at: usize, pattern: &str) -> bool {
    if pattern != ".append(" {
        return false;
    }
    let argument = file.code.get(at + pattern.len()..).unwrap_or_default();
    let receiver = file.code.get(..at).unwrap_or_default();
    ["&mut ", "true"].iter().any(|text| argument.starts_with(text))
        || ["headers", "headers_mut()"].iter().any(|text| receiver.ends_with(text))
}
