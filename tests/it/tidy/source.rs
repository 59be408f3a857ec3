//! Source files as the tidy tests read them: the text, the code without comments and literals, and the part before the inline
//! tests.

use std::fs;
use std::path::{Path, PathBuf};

/// One Rust file of the repository.
pub(crate) struct Source {
    /// Below the repository, with `/`: `src/engine/push.rs`.
    pub(crate) path: String,
    /// As it is on disk.
    pub(crate) text: String,
    /// The same length and lines, with comments and the insides of literals blanked.
    pub(crate) code: String,
}

/// Something that breaks a rule: where, what, and what to do.
pub(crate) struct Violation {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) what: String,
    pub(crate) remedy: &'static str,
}

impl Source {
    /// The code before the inline tests.
    pub(crate) fn production(&self) -> &str {
        let tests = self.code.find("#[cfg(test)]").unwrap_or(self.code.len());
        &self.code[..tests]
    }

    /// The module path: `src/engine/mod.rs` and `src/engine.rs` are `engine`; `src/lib.rs` is empty.
    pub(crate) fn module(&self) -> Vec<&str> {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let inner = inner.strip_suffix(".rs").unwrap_or(inner);
        let mut parts: Vec<&str> = inner.split('/').collect();
        if matches!(parts.last(), Some(&"mod" | &"lib")) {
            parts.pop();
        }
        parts
    }

    /// A violation at byte `at` of the text.
    pub(crate) fn violation(&self, at: usize, what: impl Into<String>, remedy: &'static str) -> Violation {
        Violation { path: self.path.clone(), line: line_of(&self.text, at), what: what.into(), remedy }
    }
}

/// The line, from 1, of byte `at`.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The repository's folder.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the repository below `folder`, sorted; what the build and version control keep is left out.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![repository().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            match path.is_dir() {
                true if matches!(name, "target" | ".git" | "node_modules" | ".venv" | "__pycache__") => {}
                true => folders.push(path),
                // Where a worktree's data is: version control's, not the repository's.
                false if name == ".git" => {}
                false => found.push(path),
            }
        }
    }
    found.sort();
    found
}

/// A path below the repository, with `/`.
pub(crate) fn relative(path: &Path) -> String {
    path.strip_prefix(repository()).unwrap().to_str().unwrap().replace('\\', "/")
}

/// Every Rust file below `folder`.
pub(crate) fn sources(folder: &str) -> Vec<Source> {
    let rust = files(folder).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        Source { path: relative(&path), code: blank(&text), text }
    })
    .collect()
}

/// Fails with all violations, one a line.
pub(crate) fn must_be_clean(rule: &str, mut violations: Vec<Violation>) {
    violations.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    let lines: Vec<String> =
        violations.iter().map(|each| format!("{}:{}: {}; {}", each.path, each.line, each.what, each.remedy)).collect();
    assert!(lines.is_empty(), "{rule}: {} violations\n{}\n", lines.len(), lines.join("\n"));
}

/// Blanks comments and the insides of string and character literals; every other byte stays where it is.
pub(crate) fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let end = if rest.starts_with("//") {
            at + rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            at + block_comment(rest)
        } else if let Some(length) = literal(bytes, at) {
            at + length
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8(out).unwrap()
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    let bytes = rest.as_bytes();
    while at < bytes.len() {
        match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

/// The length of the literal that starts at `at`, if one does. A lifetime is none.
fn literal(bytes: &[u8], at: usize) -> Option<usize> {
    let before = at.checked_sub(1).map(|i| bytes[i]);
    let in_word = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match bytes[at] {
        b'"' => Some(quoted(&bytes[at..])),
        b'r' if !in_word || before == Some(b'b') => {
            let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
            (bytes.get(at + 1 + hashes) == Some(&b'"')).then(|| raw(&bytes[at..], hashes))
        }
        b'\'' => {
            let text = std::str::from_utf8(&bytes[at + 1..]).ok()?;
            let first = text.chars().next()?;
            if first == '\\' {
                return Some(2 + text[2..].find('\'').map_or(1, |end| end + 2));
            }
            text[first.len_utf8()..].starts_with('\'').then_some(first.len_utf8() + 2)
        }
        _ => None,
    }
}

fn quoted(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn raw(bytes: &[u8], hashes: usize) -> usize {
    let end: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let start = 2 + hashes;
    bytes[start..].windows(end.len()).position(|window| window == end).map_or(bytes.len(), |i| start + i + end.len())
}

/// Where `word` stands in `code` as a whole word.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let bytes = code.as_bytes();
        let head = bytes.get(*at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let tail = bytes.get(at + word.len() - 1).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        !(head && part(at.checked_sub(1).and_then(|i| bytes.get(i))) || tail && part(bytes.get(at + word.len())))
    })
}

/// The word that starts `code`.
pub(crate) fn leading_word(code: &str) -> &str {
    let end = code.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(code.len());
    &code[..end]
}
