//! LDIF content records (RFC 2849): folding, comments, base64, `version:`. Changes other than `add` are refused: an export says what
//! is, not what happened. Values by URL (`:<`) are refused: an import opens no other file.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::directory::source::SourceTarget;
use crate::directory::value::Value;
use crate::import::convert::{Cells, key_of, shown};
use crate::import::gather::Gather;
use crate::import::tree::{GroupEntry, is_group_class, is_person};
use crate::text::FileError;

/// One logical line: folded lines joined.
#[derive(Debug)]
struct Line {
    number: usize,
    bytes: Vec<u8>,
    folded: bool,
}

/// One `name: value` of an entry.
#[derive(Debug)]
struct Field {
    name: String,
    value: Vec<u8>,
    line: usize,
}

/// Reads one LDIF file into `gather`; memberships are resolved when all files are read.
pub(crate) fn read(file: &Path, bytes: &[u8], index: usize, gather: &mut Gather<'_>) -> Result<(), FileError> {
    let lines = Lines { bytes, at: 0, number: 0 };
    let mut reader = Reader { file, index, gather, entry: Vec::new(), broken: None, started: false };
    let mut last = None;
    for line in lines {
        if line.bytes.is_empty() {
            reader.end_entry()?;
            continue;
        }
        reader.line(&line)?;
        last = Some(line);
    }
    let Some(last) = last else {
        return Err(FileError::whole(file, "the file is empty, expected entries; an empty import is refused"));
    };
    refuse_cut(file, bytes, &last)?;
    if !bytes.ends_with(b"\n") {
        reader.gather.note(format!("{} does not end with a line break: its last value may be cut", file.display()));
    }
    reader.end_entry()
}

/// A file that ends inside a value was cut off.
fn refuse_cut(file: &Path, bytes: &[u8], last: &Line) -> Result<(), FileError> {
    let cut = |what: &str| {
        let reason = format!("the file is cut off: {what}; export it again");
        Err(FileError { file: file.to_owned(), line: last.number, column: 1, reason })
    };
    let Some(colon) = last.bytes.iter().position(|byte| *byte == b':') else {
        return cut("its last line has no `:`");
    };
    let base64 = last.bytes.get(colon + 1) == Some(&b':');
    if base64 && STANDARD.decode(last.bytes[colon + 2..].trim_ascii()).is_err() {
        return cut("its last value is incomplete base64");
    }
    if last.bytes[..colon].eq_ignore_ascii_case(b"dn") {
        return cut("its last entry has only a `dn`");
    }
    if !bytes.ends_with(b"\n") && (last.folded || base64) {
        return cut("it ends inside a folded or base64 value, without a line break");
    }
    Ok(())
}

struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    number: usize,
}

impl<'a> Lines<'a> {
    fn physical(&mut self) -> Option<&'a [u8]> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        self.at += end + 1;
        self.number += 1;
        let line = &rest[..end];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    /// The next logical line that is no comment; an empty one ends an entry.
    fn next(&mut self) -> Option<Line> {
        loop {
            let mut bytes = self.physical()?.to_vec();
            let number = self.number;
            let mut folded = false;
            while !bytes.is_empty() && self.bytes.get(self.at) == Some(&b' ') {
                let more = self.physical().unwrap_or_default();
                bytes.extend_from_slice(&more[1..]);
                folded = true;
            }
            if bytes.first() != Some(&b'#') {
                return Some(Line { number, bytes, folded });
            }
        }
    }
}

struct Reader<'g, 'a> {
    file: &'g Path,
    index: usize,
    gather: &'g mut Gather<'a>,
    entry: Vec<Field>,
    broken: Option<FileError>,
    started: bool,
}

impl Reader<'_, '_> {
    fn error(&self, line: usize, column: usize, reason: impl Into<String>) -> FileError {
        FileError { file: self.file.to_owned(), line, column, reason: reason.into() }
    }

    fn line(&mut self, line: &Line) -> Result<(), FileError> {
        match self.field(line) {
            Ok(Some(field)) => self.accept(field),
            Ok(None) => Ok(()),
            Err(error) => {
                self.broken.get_or_insert(error);
                Ok(())
            }
        }
    }

    /// `name: value`, `name:: base64`; `None` for values that nobody wants. A bad line spoils its entry.
    fn field(&self, line: &Line) -> Result<Option<Field>, FileError> {
        let text = &line.bytes;
        let Some(colon) = text.iter().position(|byte| *byte == b':') else {
            let reason = format!("`{}` is no LDIF line, expected `name: value`", shown(&String::from_utf8_lossy(text)));
            return Err(self.error(line.number, 1, reason));
        };
        let name = String::from_utf8_lossy(&text[..colon]).trim().to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b';' | b'_'))
        {
            let reason = format!("`{}` is no attribute name, expected letters, digits, `-`, `.` or `;`", shown(&name));
            return Err(self.error(line.number, 1, reason));
        }
        if !self.wanted(&name) {
            return Ok(None);
        }
        let value = match text.get(colon + 1) {
            Some(b'<') => {
                let reason =
                    format!("`{name}:<` names another file; values by URL are refused, export the value itself");
                return Err(self.error(line.number, colon + 2, reason));
            }
            Some(b':') => STANDARD.decode(text[colon + 2..].trim_ascii()).map_err(|error| {
                self.error(line.number, colon + 3, format!("the value of `{name}` is no base64: {error}"))
            })?,
            _ => text[colon + 1..].trim_ascii_start().to_vec(),
        };
        Ok(Some(Field { name, value, line: line.number }))
    }

    fn wanted(&self, name: &str) -> bool {
        let source = self.gather.source;
        matches!(name, "dn" | "version" | "changetype" | "control" | "objectclass")
            || self.gather.columns.names().iter().any(|column| column.eq_ignore_ascii_case(name))
            || source.group_members.iter().any(|column| column.eq_ignore_ascii_case(name))
            || source.group_name.eq_ignore_ascii_case(name)
    }

    fn accept(&mut self, field: Field) -> Result<(), FileError> {
        let text = String::from_utf8_lossy(&field.value).trim().to_owned();
        match field.name.as_str() {
            "version" if !self.started && self.entry.is_empty() => {
                self.started = true;
                if text != "1" {
                    let reason = format!("LDIF version `{}`, expected 1", shown(&text));
                    return Err(self.error(field.line, 1, reason));
                }
            }
            "changetype" if !text.eq_ignore_ascii_case("add") => {
                let reason = format!(
                    "`changetype: {}`: an import reads what a directory holds, not changes to it; export entries instead",
                    shown(&text)
                );
                return Err(self.error(field.line, 1, reason));
            }
            "changetype" | "control" => {}
            "dn" if self.entry.iter().any(|known| known.name == "dn") => {
                let error =
                    self.error(field.line, 1, "a second `dn` within one entry; entries are separated by empty lines");
                self.broken.get_or_insert(error);
            }
            _ => self.entry.push(field),
        }
        Ok(())
    }

    /// The entry is complete.
    fn end_entry(&mut self) -> Result<(), FileError> {
        let entry = std::mem::take(&mut self.entry);
        let broken = self.broken.take();
        self.started |= !entry.is_empty();
        let Some(first) = entry.first() else {
            if let Some(error) = broken {
                self.gather.problem(None, error);
            }
            return Ok(());
        };
        if let Some(error) = broken {
            let key = key_of(self.gather.source, &self.cells(&entry)).ok();
            if let (Some(key), "dn") = (&key, first.name.as_str()) {
                // Who he is is known: he stays in his groups, and his reports keep their manager.
                self.gather.tree.person(&String::from_utf8_lossy(&first.value), key.clone());
            }
            self.gather.problem(key, error);
            return Ok(());
        }
        if first.name != "dn" {
            let error =
                self.error(first.line, 1, format!("the entry begins with `{}`, expected `dn`", shown(&first.name)));
            self.gather.problem(None, error);
            return Ok(());
        }
        let dn = String::from_utf8_lossy(&first.value).into_owned();
        let is_user = entry.iter().any(|field| field.name.eq_ignore_ascii_case(&self.gather.source.key));
        if is_user {
            self.user(&entry, &dn);
        } else {
            self.other(&entry, &dn);
        }
        Ok(())
    }

    fn user(&mut self, entry: &[Field], dn: &str) {
        let columns = self.gather.columns;
        let line = entry.first().map_or(0, |field| field.line);
        let place = |wanted: usize| {
            let name = columns.names().get(wanted).map_or("", String::as_str);
            (entry.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map_or(line, |field| field.line), 1)
        };
        let cells = self.cells(entry);
        if let Ok(key) = key_of(self.gather.source, &cells) {
            self.gather.tree.person(dn, key);
        }
        self.gather.record(self.index, line, &cells, &place);
    }

    /// An entry without the key is no user: a group, or something that does not concern us.
    fn other(&mut self, entry: &[Field], dn: &str) {
        let source = self.gather.source;
        let texts = |name: &str| -> Vec<String> {
            entry.iter().filter(|field| field.name.eq_ignore_ascii_case(name)).map(text_of).collect()
        };
        let members: Vec<String> = source.group_members.iter().flat_map(|name| texts(name)).collect();
        let classes = texts("objectclass");
        // Accounts of machines and services are people by their class; those that nobody can write to are left out as before.
        let reached = self.addresses().is_none_or(|columns| columns.iter().any(|column| !texts(column).is_empty()));
        if is_person(&classes) && reached {
            let line = entry.first().map_or(0, |field| field.line);
            let reason = format!(
                "the entry is a person (objectClass {}) and has no `{}`, the key of source `{}`",
                classes.iter().map(|class| shown(class)).collect::<Vec<_>>().join(", "),
                source.key,
                source.name
            );
            let error = self.error(line, 1, reason);
            return self.gather.problem(None, error);
        }
        let is_group = classes.iter().any(|class| is_group_class(class));
        if source.group_members.is_empty() || (members.is_empty() && !is_group) {
            self.gather.tree.skip();
            return;
        }
        let name = texts(&source.group_name).into_iter().next();
        self.gather.tree.group(GroupEntry { dn: dn.to_owned(), name, members });
    }

    /// The columns that hold addresses; `None` = none is mapped.
    fn addresses(&self) -> Option<Vec<&String>> {
        let mapped = ["email", "emails"].map(|name| SourceTarget::Attribute(name.to_owned()));
        let columns: Vec<&String> =
            mapped.iter().filter_map(|name| self.gather.source.mapping.get(name)).flatten().collect();
        (!columns.is_empty()).then_some(columns)
    }

    fn cells(&self, entry: &[Field]) -> Cells {
        let values = |column: &String| {
            let mut fields = entry.iter().filter(|field| field.name.eq_ignore_ascii_case(column)).peekable();
            fields.peek()?;
            Some(fields.map(|field| Value::Text(text_of(field))).collect())
        };
        Cells { values: self.gather.columns.names().iter().map(values).collect(), split: false }
    }
}

/// A value as text; what is not UTF-8 (a mapped photo) stays base64.
fn text_of(field: &Field) -> String {
    String::from_utf8(field.value.clone()).unwrap_or_else(|error| STANDARD.encode(error.as_bytes()))
}
