//! What an answer that is no success, or no answer, means. The layer that saw it classifies; the engine obeys.

use crate::clock::Timestamp;
use crate::connector::descriptor::Http;
use crate::provision::outcome::{Failure, FailureClass};
use crate::scim::decode::{self, DecodeError};
use crate::scim::redact::redact;
use crate::scim::target::{Answer, TransportError};

/// Classifies an answer whose status is no success, or a success that is none.
///
/// A 403 comes back as [`FailureClass::Refused`]: whether it is the credential is for a following read to tell.
pub fn of_answer(answer: &Answer, http: &Http, now: Timestamp) -> Failure {
    let body = decode::error_body(answer);
    let limited = is_rate_limited(answer, http);
    let class = if limited { FailureClass::RateLimited } else { class_of(answer.status, &body.scim_type) };
    let mut detail = format!("the target answered {}", answer.status);
    if !body.scim_type.is_empty() {
        detail.push_str(&format!(" ({})", body.scim_type));
    }
    if (300..400).contains(&answer.status) {
        detail.push_str(": a redirect, which is never followed; set base_url to where the SCIM endpoint really is");
    } else if !body.detail.is_empty() {
        detail.push_str(": ");
        detail.push_str(&body.detail);
    }
    let retry_after = answer
        .retry_after
        .as_deref()
        .filter(|_| limited || answer.status == 503)
        .and_then(|text| retry_after(text, now));
    Failure { class, status: Some(answer.status), detail: redact(detail.as_bytes()), retry_after }
}

/// A success whose body is not what SCIM says.
pub fn of_decoding(answer: &Answer, error: &DecodeError) -> Failure {
    let mut detail = format!("status {}, but {error}", answer.status);
    if !matches!(error, DecodeError::Empty) {
        let words = decode::error_body(answer).detail;
        detail.push_str(": ");
        detail.push_str(&words.chars().take(200).collect::<String>());
    }
    Failure {
        class: FailureClass::NotScim,
        status: Some(answer.status),
        detail: redact(detail.as_bytes()),
        retry_after: None,
    }
}

/// No complete answer.
pub fn of_transport(error: &TransportError) -> Failure {
    let mut detail = error.to_string();
    // As rustls says it.
    if detail.contains("UnknownIssuer") {
        detail.push_str(
            "; if a private authority issued the target's certificate, give the authority's own as `tls_ca` in the app's file",
        );
    }
    Failure { class: FailureClass::Endpoint, status: None, detail: redact(detail.as_bytes()), retry_after: None }
}

fn class_of(status: u16, scim_type: &str) -> FailureClass {
    match status {
        401 | 407 => FailureClass::Credential,
        404 | 410 => FailureClass::Missing,
        409 => FailureClass::Conflict,
        429 => FailureClass::RateLimited,
        // A duplicate told as a bad request (RFC 7644 section 3.12 says 409).
        400 if scim_type.eq_ignore_ascii_case("uniqueness") => FailureClass::Conflict,
        // Too slow, too early: not about this user.
        408 | 425 => FailureClass::Server,
        // Never implemented: another attempt meets the same.
        501 | 505 => FailureClass::Refused,
        500.. => FailureClass::Server,
        400..500 => FailureClass::Refused,
        // Informational, redirects and unexpected successes: there is no SCIM endpoint.
        _ => FailureClass::NotScim,
    }
}

/// 429, or what the connector says means the same (403 at Google, 500 REQUEST_LIMIT_EXCEEDED at Databricks).
pub fn is_rate_limited(answer: &Answer, http: &Http) -> bool {
    if answer.status == 429 {
        return true;
    }
    if !http.rate_limit_statuses.contains(&answer.status) {
        return false;
    }
    let body = String::from_utf8_lossy(&answer.body).to_lowercase();
    http.rate_limit_words.is_empty() || http.rate_limit_words.iter().any(|word| body.contains(&word.to_lowercase()))
}

/// `Retry-After`: seconds (also with a fraction, as some send) or an HTTP date (RFC 9110 section 10.2.3); not yet clamped.
pub fn retry_after(text: &str, now: Timestamp) -> Option<Timestamp> {
    // Longer waits are clamped anyway; this keeps the arithmetic in range.
    const SECONDS_MAX: f64 = 1e9;
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        let usable = seconds.is_finite() && (0.0..=SECONDS_MAX).contains(&seconds);
        #[expect(clippy::cast_possible_truncation, reason = "at most 1e12, checked just before")]
        return usable.then(|| now.plus_millis((seconds * 1000.0) as i64));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp::from_millis(date.timestamp().as_millisecond()))
}
