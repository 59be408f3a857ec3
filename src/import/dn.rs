//! Distinguished names (RFC 4514), compared as directories compare them: case and spacing do not count, the parts of a compound RDN
//! (`cn=A+sn=B`) have no order, escapes (`\,`, `\2C`, quoted values) mean the character.

/// A distinguished name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dn {
    normal: String,
    first: String,
}

impl Dn {
    /// Parses `text`; `None` if it is not a distinguished name.
    pub fn parse(text: &str) -> Option<Self> {
        let mut first = None;
        let mut normal = Vec::new();
        for rdn in split(text, &[',', ';']) {
            let mut parts = Vec::new();
            for part in split(rdn, &['+']) {
                let (name, value) = part.split_once('=')?;
                let name = name.trim().to_lowercase();
                let name = name.strip_prefix("oid.").unwrap_or(&name);
                if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.') {
                    return None;
                }
                let value = unescape(value)?;
                let folded: Vec<String> = value.split_whitespace().map(str::to_lowercase).collect();
                parts.push(format!("{name}\u{1}{}", folded.join(" ")));
                first.get_or_insert(value);
            }
            parts.sort();
            normal.push(parts.join("\u{2}"));
        }
        Some(Self { normal: normal.join("\u{3}"), first: first? })
    }

    /// The form to compare by: not for people.
    pub fn normal(&self) -> &str {
        &self.normal
    }

    /// The value of the first part of the first RDN, as written: what people call a group named only by its DN.
    pub fn first_value(&self) -> &str {
        &self.first
    }
}

/// Splits at separators that are neither escaped nor quoted.
fn split<'a>(text: &'a str, separators: &[char]) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped, mut quoted) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ if !quoted && separators.contains(&c) => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The value that a DN's text means; `None` for a dangling escape or bytes that are not UTF-8.
fn unescape(text: &str) -> Option<String> {
    // Spaces around a value do not count unless escaped: `\ ` at the end is taken care of by trimming before unescaping.
    let mut text = text.trim_start();
    let trimmed = text.trim_end();
    text = if trimmed.ends_with('\\') && trimmed.len() < text.len() { &text[..=trimmed.len()] } else { trimmed };
    let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            plain.push(bytes[at]);
            at += 1;
            continue;
        }
        let hex = |offset: usize| bytes.get(at + offset).and_then(|b| char::from(*b).to_digit(16));
        if let (Some(high), Some(low)) = (hex(1), hex(2)) {
            plain.push(u8::try_from(high * 16 + low).ok()?);
            at += 3;
        } else {
            plain.push(*bytes.get(at + 1)?);
            at += 2;
        }
    }
    String::from_utf8(plain).ok()
}
