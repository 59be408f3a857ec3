//! From the cells of one record to a row: what the mapping says, checked.

use std::collections::BTreeSet;

use crate::directory::change::SourceRow;
use crate::directory::source::{Source, SourceTarget};
use crate::directory::user::Standing;
use crate::directory::value::Value;
use crate::import::columns::{Columns, target_name};
use crate::import::limit::{KEY_BYTES_MAX, ROW_BYTES_MAX, SHOWN_CHARS_MAX, VALUE_BYTES_MAX, VALUES_MAX};
use crate::text::printable;

/// The wanted cells of one record.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    /// By index of [`Columns`]; `None` = the record has no such field.
    pub(crate) values: Vec<Option<Vec<Value>>>,
    /// Several values stand in one cell, separated (CSV).
    pub(crate) split: bool,
}

/// A row and what was left out of it.
pub(crate) struct Converted {
    pub(crate) row: SourceRow,
    /// Single-valued targets that had several values.
    pub(crate) several: Vec<String>,
}

/// Why a record is no row.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) key: Option<String>,
    /// Index of the offending column.
    pub(crate) column: Option<usize>,
    pub(crate) reason: String,
}

/// The row that a record is.
pub(crate) fn convert(source: &Source, columns: &Columns, cells: &Cells) -> Result<Converted, Wrong> {
    let key = key_of(source, cells)?;
    let mut converter = Converter { source, columns, cells, bytes: key.len(), several: Vec::new() };
    let mut row = SourceRow { key, ..SourceRow::default() };
    for (target, names) in &source.mapping {
        if let Err((column, reason)) = converter.fill(&mut row, target, names) {
            return Err(Wrong { key: Some(row.key), column, reason });
        }
    }
    if converter.bytes > ROW_BYTES_MAX {
        let reason = format!("the row has {} bytes of values, the most is {ROW_BYTES_MAX}", converter.bytes);
        return Err(Wrong { key: Some(row.key), column: None, reason });
    }
    Ok(Converted { row, several: converter.several })
}

/// The key alone, as text: for records that are broken elsewhere, too.
pub(crate) fn key_of(source: &Source, cells: &Cells) -> Result<String, Wrong> {
    let wrong = |reason: String| Err(Wrong { key: None, column: Some(0), reason });
    let mut values = cells.values.first().and_then(Option::as_ref).into_iter().flatten();
    let key = match (values.next(), values.next()) {
        (Some(Value::Text(key)), None) => key.trim().to_owned(),
        (Some(Value::Integer(key)), None) => key.to_string(),
        (None, _) => String::new(),
        (Some(_), None) => return wrong(format!("the key `{}` is neither text nor a whole number", source.key)),
        (Some(_), Some(_)) => return wrong(format!("the key `{}` has several values, expected one", source.key)),
    };
    if key.is_empty() {
        return wrong(format!("the key `{}` is empty, expected what names this person for ever", source.key));
    }
    if key.len() > KEY_BYTES_MAX {
        return wrong(format!("the key is {} bytes long, the most is {KEY_BYTES_MAX}", key.len()));
    }
    if key.chars().any(char::is_control) {
        return wrong(format!("the key `{}` holds a control character", shown(&key)));
    }
    Ok(key)
}

type Reason = (Option<usize>, String);

struct Converter<'a> {
    source: &'a Source,
    columns: &'a Columns,
    cells: &'a Cells,
    bytes: usize,
    several: Vec<String>,
}

impl Converter<'_> {
    fn fill(&mut self, row: &mut SourceRow, target: &SourceTarget, names: &[String]) -> Result<(), Reason> {
        match target {
            SourceTarget::Attribute(name) => {
                let value = if name == "emails" || self.source.multi_valued.contains(name) {
                    Some(Value::List(self.list(target, names)?)).filter(|list| !list.is_empty())
                } else {
                    self.single(target, names)?
                };
                row.attributes.insert(name.clone(), value);
            }
            SourceTarget::State => row.standing = self.standing(target, names)?,
            SourceTarget::Roles => row.roles = Some(self.texts(target, names)?),
            SourceTarget::Groups => row.groups = Some(self.texts(target, names)?),
            SourceTarget::Manager => row.manager = Some(self.text(target, names)?),
            SourceTarget::AppRole(app) => drop(row.app_roles.insert(app.clone(), self.text(target, names)?)),
        }
        Ok(())
    }

    /// The values of the first column that has any, with the column's index.
    fn first(&self, names: &[String]) -> Option<(usize, &[Value])> {
        names.iter().find_map(|name| {
            let index = self.columns.index(name)?;
            let values = self.cells.values.get(index)?.as_ref()?;
            values.iter().any(|value| !blank(value)).then_some((index, values.as_slice()))
        })
    }

    fn single(&mut self, target: &SourceTarget, names: &[String]) -> Result<Option<Value>, Reason> {
        let Some((index, values)) = self.first(names) else { return Ok(None) };
        let mut filled = values.iter().filter(|value| !blank(value));
        let value = filled.next().cloned();
        let more = filled.next().is_some();
        if more {
            self.several.push(target_name(target));
        }
        value.map(|value| self.checked(value, target, index)).transpose()
    }

    fn list(&mut self, target: &SourceTarget, names: &[String]) -> Result<Vec<Value>, Reason> {
        let mut list: Vec<Value> = Vec::new();
        for name in names {
            let Some(index) = self.columns.index(name) else { continue };
            let Some(values) = self.cells.values.get(index).and_then(Option::as_ref) else { continue };
            for value in values {
                for item in self.parts(value) {
                    let item = self.checked(item, target, index)?;
                    if !list.contains(&item) {
                        list.push(item);
                    }
                }
            }
            if list.len() > VALUES_MAX {
                return Err((Some(index), format!("{} values, the most is {VALUES_MAX}", list.len())));
            }
        }
        Ok(list)
    }

    /// One CSV cell may hold several values.
    fn parts(&self, value: &Value) -> Vec<Value> {
        match value {
            Value::Text(text) if self.cells.split => text
                .split(self.source.separator)
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(Value::from)
                .collect(),
            other if blank(other) => Vec::new(),
            other => vec![other.clone()],
        }
    }

    fn text(&mut self, target: &SourceTarget, names: &[String]) -> Result<Option<String>, Reason> {
        Ok(self.single(target, names)?.and_then(|value| value.as_text().map(str::to_owned)))
    }

    fn texts(&mut self, target: &SourceTarget, names: &[String]) -> Result<BTreeSet<String>, Reason> {
        let list = self.list(target, names)?;
        Ok(list.iter().filter_map(Value::as_text).map(str::to_owned).collect())
    }

    fn standing(&mut self, target: &SourceTarget, names: &[String]) -> Result<Option<Standing>, Reason> {
        let index = self.first(names).map(|(index, _)| index);
        let Some(word) = self.text(target, names)? else { return Ok(None) };
        match self.source.states.get(&word.to_lowercase()) {
            Some(standing) => Ok(Some(*standing)),
            None => {
                let known: Vec<&str> = self.source.states.keys().map(String::as_str).collect();
                let reason = format!(
                    "`{}` is no known state, expected one of {}; name it under `states` of the source",
                    shown(&word),
                    known.join(", ")
                );
                Err((index, reason))
            }
        }
    }

    /// The value as the target takes it: custom attributes keep their type, everything else is text.
    fn checked(&mut self, value: Value, target: &SourceTarget, index: usize) -> Result<Value, Reason> {
        let custom = matches!(target, SourceTarget::Attribute(name) if name.starts_with("custom."));
        let value = match value {
            Value::Text(text) => Value::Text(text.trim().to_owned()),
            Value::Integer(number) if !custom => Value::Text(number.to_string()),
            Value::Boolean(flag) if !custom => Value::Text(flag.to_string()),
            Value::Object(_) | Value::List(_) if !custom => {
                let reason = format!("{} is one text, found {}", target_name(target), shown(&value.to_string()));
                return Err((Some(index), reason));
            }
            other => other,
        };
        let size = weigh(&value).map_err(|reason| (Some(index), format!("{}: {reason}", target_name(target))))?;
        self.bytes += size;
        Ok(value)
    }
}

fn blank(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.trim().is_empty(),
        other => other.is_empty(),
    }
}

/// Bytes of all texts in a value.
fn weigh(value: &Value) -> Result<usize, String> {
    match value {
        Value::Text(text) if text.len() > VALUE_BYTES_MAX => {
            Err(format!("the value is {} bytes long, the most is {VALUE_BYTES_MAX}", text.len()))
        }
        Value::Text(text) if text.contains('\0') => Err(format!("`{}` holds a NUL character", shown(text))),
        Value::Text(text) => Ok(text.len()),
        Value::Integer(_) | Value::Boolean(_) => Ok(8),
        Value::List(items) if items.len() > VALUES_MAX => {
            Err(format!("{} values, the most is {VALUES_MAX}", items.len()))
        }
        Value::List(items) => items.iter().map(weigh).sum(),
        Value::Object(parts) => parts.iter().map(|(name, part)| Ok(name.len() + weigh(part)?)).sum(),
    }
}

/// A value as messages show it: printable and short.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    printable(&short)
}
