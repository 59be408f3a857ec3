//! CSV (RFC 4180), with a header. The delimiter is `,`, `;` or a tab: the one that makes the key a column of the header.

use std::path::Path;

use crate::directory::value::Value;
use crate::import::columns::Columns;
use crate::import::convert::{Cells, key_of, shown};
use crate::import::gather::Gather;
use crate::import::limit::{FIELDS_MAX, RECORD_BYTES_MAX};
use crate::text::{FileError, position};

const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// Reads one CSV file into `gather`.
pub(crate) fn read(file: &Path, text: &str, index: usize, gather: &mut Gather<'_>) -> Result<(), FileError> {
    let (delimiter, header) = header(file, text, gather)?;
    let fields = header.len();
    let places = wanted(file, &header, gather.columns)?;
    gather.header(index, places.iter().map(Option::is_some).collect());

    let mut reader = reader(text, delimiter);
    let mut record = ::csv::StringRecord::new();
    let mut start = 0;
    let mut first = true;
    loop {
        let more =
            reader.read_record(&mut record).map_err(|error| FileError::at(file, text, start, error.to_string()))?;
        if !more {
            break;
        }
        let offset = record.position().map_or(0, ::csv::Position::byte);
        start = usize::try_from(offset).unwrap_or(text.len());
        let end = usize::try_from(reader.position().byte()).unwrap_or(text.len());
        if std::mem::take(&mut first) {
            continue;
        }
        let row = Row { file, text, delimiter, start: skip_blank(text, start), end, fields };
        row.take(&record, &places, index, gather)?;
    }
    if !text.ends_with('\n') {
        gather.note(format!("{} does not end with a line break: its last value may be cut", file.display()));
    }
    Ok(())
}

fn reader(text: &str, delimiter: u8) -> ::csv::Reader<&[u8]> {
    ::csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes())
}

/// A record's position may point at blank lines before it.
fn skip_blank(text: &str, start: usize) -> usize {
    start + text[start..].bytes().take_while(|byte| matches!(byte, b'\n' | b'\r')).count()
}

/// The delimiter and the header's names.
fn header(file: &Path, text: &str, gather: &Gather<'_>) -> Result<(u8, Vec<String>), FileError> {
    if text.trim().is_empty() {
        return Err(FileError::whole(
            file,
            "the file is empty, expected a header and rows; an empty import is refused",
        ));
    }
    let mut comma = Vec::new();
    for delimiter in DELIMITERS {
        let mut record = ::csv::StringRecord::new();
        reader(text, delimiter)
            .read_record(&mut record)
            .map_err(|error| FileError::at(file, text, 0, error.to_string()))?;
        let names: Vec<String> = record.iter().map(|name| name.trim().to_owned()).collect();
        if names.contains(&gather.source.key) {
            return Ok((delimiter, names));
        }
        if delimiter == b',' {
            comma = names;
        }
    }
    let reason = format!(
        "the header has no column `{}`, the key of source `{}`; it has: {}",
        gather.source.key,
        gather.source.name,
        shown(&comma.join(", "))
    );
    Err(FileError { file: file.to_owned(), line: 1, column: 1, reason })
}

/// Field index of each wanted column.
fn wanted(file: &Path, header: &[String], columns: &Columns) -> Result<Vec<Option<usize>>, FileError> {
    let refuse = |reason: String| Err(FileError { file: file.to_owned(), line: 1, column: 1, reason });
    if header.len() > FIELDS_MAX {
        return refuse(format!("the header has {} columns, the most is {FIELDS_MAX}", header.len()));
    }
    let mut places = Vec::with_capacity(columns.len());
    for name in columns.names() {
        let mut found = header.iter().enumerate().filter(|(_, known)| *known == name).map(|(index, _)| index);
        places.push(found.next());
        if found.next().is_some() {
            return refuse(format!("the header names the column `{}` twice, expected once", shown(name)));
        }
    }
    Ok(places)
}

/// One record and where it stands in the file.
struct Row<'a> {
    file: &'a Path,
    text: &'a str,
    delimiter: u8,
    start: usize,
    end: usize,
    fields: usize,
}

impl Row<'_> {
    fn take(
        &self,
        record: &::csv::StringRecord,
        places: &[Option<usize>],
        index: usize,
        gather: &mut Gather<'_>,
    ) -> Result<(), FileError> {
        let last = self.end >= self.text.len();
        if last && self.scan().1 {
            let reason = "a quoted value is never closed: the file is cut off, or a quote is too many in this row";
            return Err(FileError::at(self.file, self.text, self.start, reason));
        }
        let cells = Cells {
            values: places
                .iter()
                .map(|place| place.and_then(|place| record.get(place)).map(|cell| vec![Value::from(cell)]))
                .collect(),
            split: true,
        };
        if record.len() != self.fields {
            if last && record.len() < self.fields && !self.text.ends_with('\n') {
                let reason = format!(
                    "the file is cut off: its last row has {} of {} fields and no line break; export it again",
                    record.len(),
                    self.fields
                );
                return Err(FileError::at(self.file, self.text, self.start, reason));
            }
            let reason = format!("the row has {} fields, expected {} as in the header", record.len(), self.fields);
            self.bad(&cells, reason, places, gather);
            return Ok(());
        }
        if self.end - self.start > RECORD_BYTES_MAX {
            let reason = format!("the row is {} bytes long, the most is {RECORD_BYTES_MAX}", self.end - self.start);
            self.bad(&cells, reason, places, gather);
            return Ok(());
        }
        let line = line_of(record, self);
        gather.record(index, line, &cells, &|wanted| {
            let field = places.get(wanted).copied().flatten().unwrap_or(0);
            let offset = self.scan().0.get(field).copied().unwrap_or(0);
            position(self.text, self.start + offset)
        });
        Ok(())
    }

    /// A bad row. With a wrong number of fields only the first column is sure to be where the header says: a key further on may be
    /// somebody else's.
    fn bad(&self, cells: &Cells, reason: String, places: &[Option<usize>], gather: &mut Gather<'_>) {
        let sure = places.first() == Some(&Some(0));
        let key = key_of(gather.source, cells).ok().filter(|_| sure);
        gather.problem(key, FileError::at(self.file, self.text, self.start, reason));
    }

    /// Byte offsets of the fields below the record's start, and whether a quote is still open at its end.
    fn scan(&self) -> (Vec<usize>, bool) {
        let raw = &self.text.as_bytes()[self.start..self.end.min(self.text.len())];
        let mut starts = vec![0];
        let (mut quoted, mut fresh, mut at) = (false, true, 0);
        while at < raw.len() {
            match raw[at] {
                b'"' if quoted && raw.get(at + 1) == Some(&b'"') => at += 1,
                b'"' if quoted => quoted = false,
                b'"' if fresh => quoted = true,
                byte if byte == self.delimiter && !quoted => {
                    starts.push(at + 1);
                    fresh = true;
                    at += 1;
                    continue;
                }
                _ => {}
            }
            fresh = false;
            at += 1;
        }
        (starts, quoted)
    }
}

/// The reader counts lines as it goes; counting again for every row would be quadratic.
fn line_of(record: &::csv::StringRecord, row: &Row<'_>) -> usize {
    let counted = record.position().map_or(1, ::csv::Position::line);
    let before = record.position().map_or(row.start, |at| usize::try_from(at.byte()).unwrap_or(row.start));
    let blank = row.text[before..row.start].matches('\n').count();
    usize::try_from(counted).unwrap_or(0) + blank
}
