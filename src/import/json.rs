//! JSON: one object a line (`.jsonl`, `.ndjson`, also `.json`), or one array of objects.

use std::path::Path;

use crate::directory::value::Value;
use crate::import::convert::{Cells, shown};
use crate::import::gather::Gather;
use crate::import::limit::RECORD_BYTES_MAX;
use crate::text::{FileError, position};

/// One object as written: where it starts and its text.
struct Piece<'a> {
    start: usize,
    line: usize,
    text: &'a str,
}

/// Reads one JSON file into `gather`.
pub(crate) fn read(file: &Path, text: &str, index: usize, gather: &mut Gather<'_>) -> Result<(), FileError> {
    if text.trim_start().starts_with('[') {
        array(file, text, &mut |piece| {
            take(file, &piece, index, gather);
        })
    } else {
        lines(file, text, &mut |piece| {
            take(file, &piece, index, gather);
        })
    }
}

fn lines<'a>(file: &Path, text: &'a str, each: &mut dyn FnMut(Piece<'a>)) -> Result<(), FileError> {
    let mut start = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let record = line.trim();
        if !record.is_empty() {
            if !line.ends_with('\n') && serde_json::from_str::<serde_json::Value>(record).is_err_and(|e| e.is_eof()) {
                let reason = "the file is cut off: its last line is no complete JSON object; export it again";
                return Err(FileError::at(file, text, start, reason));
            }
            let lead = line.len() - line.trim_start().len();
            each(Piece { start: lead, line: number + 1, text: record });
        }
        start += line.len();
    }
    Ok(())
}

/// Finds the elements of the outermost array without building them all at once.
fn array<'a>(file: &Path, text: &'a str, each: &mut dyn FnMut(Piece<'a>)) -> Result<(), FileError> {
    let open = text.find('[').unwrap_or(0);
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    let (mut start, mut line, mut start_line, mut line_start) = (None, 1, 1, 0);
    for (at, c) in text.char_indices() {
        if c == '\n' {
            line += 1;
            line_start = at + 1;
        }
        if at <= open {
            continue;
        }
        if quoted {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => quoted = false,
                _ => {}
            }
            continue;
        }
        let ends = depth == 0 && matches!(c, ',' | ']');
        if ends {
            if let Some((from, column)) = start.take() {
                each(Piece { start: column, line: start_line, text: text[from..at].trim_end() });
            }
            if c == ']' {
                return after_array(file, text, at + 1);
            }
            continue;
        }
        if start.is_none() && !c.is_whitespace() {
            start = Some((at, at - line_start));
            start_line = line;
        }
        match c {
            '"' => quoted = true,
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Err(FileError::at(
        file,
        text,
        text.len(),
        "the file is cut off: its array is never closed with `]`; export it again",
    ))
}

fn after_array(file: &Path, text: &str, end: usize) -> Result<(), FileError> {
    let rest = text[end..].trim();
    if rest.is_empty() {
        return Ok(());
    }
    Err(FileError::at(file, text, end, format!("`{}` follows the array, expected the end of the file", shown(rest))))
}

fn take(file: &Path, piece: &Piece<'_>, index: usize, gather: &mut Gather<'_>) {
    let bad = |line: usize, column: usize, reason: String| FileError { file: file.to_owned(), line, column, reason };
    let column = piece.start + 1;
    if piece.text.len() > RECORD_BYTES_MAX {
        let reason = format!("the record is {} bytes long, the most is {RECORD_BYTES_MAX}", piece.text.len());
        return gather.problem(None, bad(piece.line, column, reason));
    }
    let object = match serde_json::from_str::<serde_json::Value>(piece.text) {
        Ok(serde_json::Value::Object(object)) => object,
        Ok(other) => {
            let reason = format!("`{}` is no JSON object, expected {{…}}", shown(&other.to_string()));
            return gather.problem(None, bad(piece.line, column, reason));
        }
        Err(error) => {
            let line = piece.line + error.line().saturating_sub(1);
            let at = if error.line() <= 1 { piece.start + error.column() } else { error.column() };
            return gather.problem(None, bad(line, at, format!("not JSON: {error}")));
        }
    };
    let names = gather.columns.names();
    if let Some(number) = names.first().and_then(|key| field(&object, key)).filter(|key| key.is_f64()) {
        // As a number with a fraction, or beyond 64 bits, it is read inexactly: two people would have one key.
        let reason =
            format!("the key `{}` is the number {number}, which can't be read exactly; write it as text", names[0]);
        return gather.problem(None, bad(piece.line, column, reason));
    }
    let values = names.iter().map(|name| field(&object, name).map(flat)).collect();
    gather.record(index, piece.line, &Cells { values, split: false }, &|wanted| {
        let leaf = names.get(wanted).map_or("", |name| name.rsplit('.').next().unwrap_or(name));
        let at = piece.text.find(&format!("\"{leaf}\"")).unwrap_or(0);
        let (line, column) = position(piece.text, at);
        (piece.line + line - 1, if line == 1 { piece.start + column } else { column })
    });
}

/// A field by its name, or by a dotted path into nested objects (`name.givenName`).
fn field<'a>(object: &'a serde_json::Map<String, serde_json::Value>, name: &str) -> Option<&'a serde_json::Value> {
    object.get(name).or_else(|| {
        let (head, rest) = name.split_once('.')?;
        field(object.get(head)?.as_object()?, rest)
    })
}

/// The values of a field: an array is several, null is none.
fn flat(json: &serde_json::Value) -> Vec<Value> {
    match Value::from_json(json) {
        None => Vec::new(),
        Some(Value::List(items)) => items,
        Some(value) => vec![value],
    }
}
