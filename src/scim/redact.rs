//! What the history keeps of a body: at most 2 KiB, without passwords and tokens, without characters that drive a terminal.

use crate::text::printable;

/// The most bytes of one body that are kept (`reliability.md` section 4, *error kept 2 KiB*).
pub const KEPT_MAX_BYTES: usize = 2048;

/// A body as the history keeps it.
pub fn redact(body: &[u8]) -> String {
    let cut = body.len() > KEPT_MAX_BYTES;
    // Scrubbed before it is cut, on a little more than is kept: a secret must not survive because its end was cut off.
    let window = &body[..body.len().min(KEPT_MAX_BYTES * 2)];
    let scrubbed = scrub(&String::from_utf8_lossy(window));
    let plain = |byte: u8| (b' '..=b'~').contains(&byte);
    let mut text = if scrubbed.bytes().all(plain) { scrubbed } else { printable(&scrubbed) };
    if text.len() > KEPT_MAX_BYTES || cut {
        let mut end = text.len().min(KEPT_MAX_BYTES - '…'.len_utf8());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Keys whose values are secrets, as their names end in JSON.
const SECRET_KEYS: [&str; 6] = ["password", "secret", "token", "passwd", "apikey", "api_key"];
/// Schemes before a credential.
const SCHEMES: [&str; 2] = ["bearer", "basic"];

/// `text` without the values of secret keys and without bearer and basic credentials.
pub fn scrub(text: &str) -> String {
    let ends = |at: usize, words: &[&str]| {
        let before = &text.as_bytes()[..at];
        words
            .iter()
            .any(|word| before.len() >= word.len() && before[at - word.len()..].eq_ignore_ascii_case(word.as_bytes()))
    };
    let mut hidden: Vec<(usize, usize)> = Vec::new();
    for (at, mark) in text.bytes().enumerate().filter(|(_, byte)| matches!(byte, b'"' | b' ')) {
        if mark == b'"' && ends(at, &SECRET_KEYS) {
            hidden.extend(json_value_after(text, at + 1));
        } else if mark == b' ' && ends(at, &SCHEMES) {
            hidden.extend(word_after(text, at + 1));
        }
    }
    if hidden.is_empty() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (start, end) in hidden {
        if start >= from {
            out.push_str(&text[from..start]);
            out.push_str("[hidden]");
            from = end;
        }
    }
    out.push_str(&text[from..]);
    out
}

/// The string behind `: "`, without its quotes.
fn json_value_after(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = text[at..].trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let start = text.len() - rest.len();
    let mut escaped = false;
    let end = rest.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    Some((start, start + end.unwrap_or(rest.len())))
}

/// A credential behind a scheme: at least eight characters that tokens are made of, so that prose stays.
fn word_after(text: &str, at: usize) -> Option<(usize, usize)> {
    const CREDENTIAL_LENGTH_MIN: usize = 8;
    let rest = &text[at..];
    let length = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '/' | '=')))
        .unwrap_or(rest.len());
    (length >= CREDENTIAL_LENGTH_MIN).then_some((at, at + length))
}
