//! The source as the rules see it: text, code without comments and strings, and which of it is only for tests.

use std::fs;
use std::ops::Range;
use std::path::Path;

/// Everything that rules look at.
pub(super) struct Tree {
    pub(super) files: Vec<File>,
    pub(super) cargo: String,
    /// Pages and files that people read; not Rust.
    pub(super) pages: Vec<(String, String)>,
}

/// One Rust file.
pub(super) struct File {
    /// From the project's root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// As long as `text`, with comments and the inside of strings blanked out.
    pub(super) code: String,
    tests: Vec<Range<usize>>,
}

impl Tree {
    pub(super) fn read(root: &Path) -> Self {
        let mut files = Vec::new();
        let mut pages = Vec::new();
        for folder in ["src", "tests/it"] {
            walk(root, folder, &mut |path, text| {
                if Path::new(path).extension() == Some("rs".as_ref()) {
                    files.push(File::new(path, text));
                }
            });
        }
        for folder in ["docs", "config", "deploy", "systemd"] {
            walk(root, folder, &mut |path, text| pages.push((path.to_owned(), text)));
        }
        for page in ["README.md", "CHANGELOG.md"] {
            pages.push((page.to_owned(), fs::read_to_string(root.join(page)).unwrap()));
        }
        Self::new(files, fs::read_to_string(root.join("Cargo.toml")).unwrap(), pages)
    }

    pub(super) fn new(mut files: Vec<File>, cargo: String, pages: Vec<(String, String)>) -> Self {
        let only_tests: Vec<String> = files.iter().flat_map(File::test_modules).collect();
        for file in &mut files {
            let module = module(&file.path);
            if only_tests.iter().any(|test| module == *test || module.starts_with(&format!("{test}/"))) {
                file.tests = std::iter::once(0..file.code.len()).collect();
            }
        }
        Self { files, cargo, pages }
    }

    /// Files of the library and the binary.
    pub(super) fn src(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.starts_with("src/"))
    }
}

/// The path of a file's module: `src/graph/mod.rs` is `src/graph`, `src/clock.rs` is `src/clock`.
fn module(path: &str) -> &str {
    path.trim_end_matches(".rs").trim_end_matches("/mod")
}

fn walk(root: &Path, folder: &str, take: &mut impl FnMut(&str, String)) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    for name in names {
        let path = format!("{folder}/{name}");
        if root.join(&path).is_dir() {
            walk(root, &path, take);
        } else if let Ok(text) = fs::read_to_string(root.join(&path)) {
            take(&path, text);
        }
    }
}

impl File {
    pub(super) fn new(path: &str, text: String) -> Self {
        let code = blank(&text);
        let only_tests = path.starts_with("tests/") || path.ends_with("_tests.rs");
        let tests = if only_tests { std::iter::once(0..code.len()).collect() } else { test_items(&code) };
        Self { path: path.to_owned(), text, code, tests }
    }

    /// Modules in files of their own that this file declares for tests only.
    fn test_modules(&self) -> impl Iterator<Item = String> {
        let declared = test_items(&self.code).into_iter().filter_map(|item| self.code.get(item)?.strip_suffix(';'));
        declared.filter_map(|item| Some(format!("{}/{}", module(&self.path), item.rsplit_once("mod ")?.1)))
    }

    /// Where `pattern` stands in the code, whole words only at its beginning.
    pub(super) fn find<'a>(&'a self, pattern: &'a str) -> impl Iterator<Item = usize> + 'a {
        let word = pattern.starts_with(is_name);
        self.code.match_indices(pattern).map(|(at, _)| at).filter(move |at| !word || !self.before(*at).is_some_and(is_name))
    }

    /// The same, less what is only for tests.
    pub(super) fn find_outside_tests<'a>(&'a self, pattern: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.find(pattern).filter(|at| !self.tests.iter().any(|range| range.contains(at)))
    }

    pub(super) fn before(&self, at: usize) -> Option<char> {
        self.code.get(..at)?.chars().next_back()
    }

    /// The line number of a place, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.code.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
    }
}

/// Whether a character can be part of a name.
pub(super) fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Items under `#[cfg(test)]`: up to their closing brace, or their semicolon.
fn test_items(code: &str) -> Vec<Range<usize>> {
    code.match_indices("#[cfg(test)]").map(|(start, mark)| start..item_end(code, start + mark.len())).collect()
}

fn item_end(code: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return at + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Blanks comments, and the inside of strings and characters; line breaks stay.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (skip, inside) = if rest.starts_with(b"//") {
            let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            (end, 0..end)
        } else if rest.starts_with(b"/*") {
            let end = comment_end(rest);
            (end, 0..end)
        } else if let Some(hashes) = raw_string(rest, at.checked_sub(1).map(|before| bytes[before])) {
            let open = hashes + 2;
            let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
            let end = rest[open..].windows(close.len()).position(|w| w == close).map_or(rest.len(), |p| open + p);
            ((end + close.len()).min(rest.len()), open..end)
        } else if rest[0] == b'"' {
            let end = quoted_end(rest, b'"');
            (end, 1..end.saturating_sub(1))
        } else if rest[0] == b'\'' && (rest.get(1) == Some(&b'\\') || char_ends(text, at)) {
            let end = quoted_end(rest, b'\'');
            (end, 1..end.saturating_sub(1))
        } else {
            (1, 0..0)
        };
        for byte in code[at + inside.start..at + inside.end].iter_mut().filter(|byte| **byte != b'\n') {
            *byte = b' ';
        }
        at += skip.max(1);
    }
    String::from_utf8(code).unwrap()
}

/// `'x'` is a character, `'x` a lifetime.
fn char_ends(text: &str, at: usize) -> bool {
    let mut chars = text[at + 1..].chars();
    chars.next().is_some_and(|c| c != '\'') && chars.next() == Some('\'')
}

fn quoted_end(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn comment_end(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The number of hashes of a raw string that begins here.
fn raw_string(rest: &[u8], before: Option<u8>) -> Option<usize> {
    let begins_a_word = before.is_none_or(|b| b == b'b' || !(b.is_ascii_alphanumeric() || b == b'_'));
    if rest[0] != b'r' || !begins_a_word {
        return None;
    }
    let hashes = rest[1..].iter().take_while(|b| **b == b'#').count();
    (rest.get(hashes + 1) == Some(&b'"')).then_some(hashes)
}

#[test]
fn comments_and_strings_are_blanked_and_lifetimes_are_not() {
    for (text, code) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ */ d", "a                 d"),
        (r#"f("a\"b", 'c', '\'')"#, r#"f("    ", ' ', '  ')"#),
        (r##"r#"a"b"# + r"c" + bar"##, r##"r#"   "# + r" " + bar"##),
        ("fn f<'a>(x: &'a str) -> 'a", "fn f<'a>(x: &'a str) -> 'a"),
        ("'ä' + x", "'  ' + x"),
    ] {
        assert_eq!(blank(text), code, "{text}");
    }
}

#[test]
fn test_items_end_at_their_brace_or_semicolon() {
    let file = File::new(
        "src/a.rs",
        "now();\n#[cfg(test)]\nmod tests { fn f() { now() } }\nnow();\n#[cfg(test)]\nmod more;\nnow()".to_owned(),
    );
    assert_eq!(file.find("now(").map(|at| file.line(at)).collect::<Vec<_>>(), [1, 3, 4, 7]);
    assert_eq!(file.find_outside_tests("now(").map(|at| file.line(at)).collect::<Vec<_>>(), [1, 4, 7]);
}
