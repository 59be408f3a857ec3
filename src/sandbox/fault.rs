//! Faults that targets show in the wild (`reliability.md` section 3), injected by a seeded hash over the number of the request.

use crate::digest::Hasher;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::Method;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An error status instead of doing anything.
    Status(u16),
    /// An error status although it was done.
    StatusAfterCommit(u16),
    /// The connection closes before anything is done.
    DropBefore,
    /// The connection closes without an answer although it was done.
    DropAfterCommit,
    /// No answer ever; nothing is done.
    Timeout,
    /// No answer ever, although it was done.
    TimeoutAfterCommit,
    /// 200 with a page of HTML; nothing is done.
    Html200,
    /// What would be 409 is 500 with a page of HTML.
    ConflictAs500,
    /// 201 without a body.
    Created201WithoutBody,
    /// POST of a taken userName answers 200 with the account that has it.
    Existing200,
    /// A filter finds everybody.
    FilterIgnored,
    /// A filter finds nobody.
    FilterEmpty,
    /// The connection closes in the middle of the body.
    TruncatedBody,
    /// Whoever is added to a group and is a member already is listed twice.
    MemberTwice,
    /// A group is shown without its members.
    MembersHidden,
}

/// When it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    /// This share of requests.
    Share(f64),
    /// Exactly the n-th request that it can strike, from 1.
    Nth(u64),
}

/// One fault with its odds.
#[derive(Debug)]
struct Rule {
    kind: Kind,
    when: When,
    method: Option<Method>,
    seen: AtomicU64,
}

/// The faults of a sandbox: parsed from texts such as `503-after-commit:0.02`, `drop-after-commit:#3` or `429:0.05:POST`.
///
/// The part after the first colon is a share of requests (0 to 1) or `#n`, exactly the n-th request that the fault can strike;
/// the part after the second, a method it is limited to.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<Rule>,
}

/// Why a text is not a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a fault: {why}; expected NAME:SHARE or NAME:#N, perhaps with :METHOD, where NAME is a status from 400 \
     to 599, that status with -after-commit, drop-before, drop-after-commit, timeout, timeout-after-commit, html-200, \
     409-as-500, 201-without-body, existing-200, filter-ignored, filter-empty, truncated-body, \
     member-twice or members-hidden"
)]
pub struct InvalidFault {
    /// What was read.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl FromStr for Rule {
    type Err = InvalidFault;

    fn from_str(text: &str) -> Result<Self, InvalidFault> {
        let wrong = |why: String| InvalidFault { text: text.to_owned(), why };
        let mut parts = text.split(':');
        let kind = kind(parts.next().unwrap_or_default()).ok_or_else(|| wrong("the name is unknown".to_owned()))?;
        let odds = parts.next().ok_or_else(|| wrong("it has no share".to_owned()))?;
        let when = match odds.strip_prefix('#') {
            Some(nth) => When::Nth(
                nth.parse()
                    .ok()
                    .filter(|nth| *nth > 0)
                    .ok_or_else(|| wrong(format!("`{odds}` is no number from #1")))?,
            ),
            None => When::Share(
                odds.parse()
                    .ok()
                    .filter(|share| (0.0..=1.0).contains(share))
                    .ok_or_else(|| wrong(format!("`{odds}` is no share from 0 to 1")))?,
            ),
        };
        let method = match parts.next() {
            Some(method) => Some(
                ["GET", "POST", "PUT", "PATCH", "DELETE"]
                    .contains(&method)
                    .then(|| Method::from_bytes(method.as_bytes()).ok())
                    .flatten()
                    .ok_or_else(|| wrong(format!("`{method}` is no method")))?,
            ),
            None => None,
        };
        if parts.next().is_some() {
            return Err(wrong("it has too many parts".to_owned()));
        }
        Ok(Self { kind, when, method, seen: AtomicU64::new(0) })
    }
}

fn kind(name: &str) -> Option<Kind> {
    let error = |digits: &str| digits.parse::<u16>().ok().filter(|status| (400..600).contains(status));
    Some(match name {
        "drop-before" => Kind::DropBefore,
        "drop-after-commit" => Kind::DropAfterCommit,
        "timeout" => Kind::Timeout,
        "timeout-after-commit" => Kind::TimeoutAfterCommit,
        "html-200" => Kind::Html200,
        "409-as-500" => Kind::ConflictAs500,
        "201-without-body" => Kind::Created201WithoutBody,
        "existing-200" => Kind::Existing200,
        "filter-ignored" => Kind::FilterIgnored,
        "filter-empty" => Kind::FilterEmpty,
        "truncated-body" => Kind::TruncatedBody,
        "member-twice" => Kind::MemberTwice,
        "members-hidden" => Kind::MembersHidden,
        other => match other.strip_suffix("-after-commit") {
            Some(status) => Kind::StatusAfterCommit(error(status)?),
            None => Kind::Status(error(other)?),
        },
    })
}

impl Kind {
    /// Whether it can strike such a request at all; only those are counted by `#n`.
    fn can_strike(self, method: &Method, filtered: bool) -> bool {
        match self {
            Self::FilterIgnored | Self::FilterEmpty => filtered,
            Self::StatusAfterCommit(_) | Self::DropAfterCommit | Self::TimeoutAfterCommit => *method != Method::GET,
            Self::MemberTwice => *method == Method::PATCH,
            Self::MembersHidden => *method == Method::GET,
            Self::Created201WithoutBody | Self::Existing200 => *method == Method::POST,
            Self::ConflictAs500 => *method != Method::GET && *method != Method::DELETE,
            _ => true,
        }
    }
}

/// The faults that struck one request.
#[derive(Debug, Default)]
pub(super) struct Struck(Vec<Kind>);

impl Struck {
    /// Whether `kind` did.
    pub(super) fn by(&self, kind: Kind) -> bool {
        self.0.contains(&kind)
    }

    /// The status to answer without doing anything.
    pub(super) fn status(&self) -> Option<u16> {
        self.0.iter().find_map(|kind| if let Kind::Status(status) = kind { Some(*status) } else { None })
    }

    /// The status to answer after doing it.
    pub(super) fn status_after_commit(&self) -> Option<u16> {
        self.0.iter().find_map(|kind| if let Kind::StatusAfterCommit(status) = kind { Some(*status) } else { None })
    }
}

impl Faults {
    /// Reads one text for each fault.
    ///
    /// # Errors
    /// [`InvalidFault`] names the first text that is not one.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, InvalidFault> {
        let rules = texts.iter().map(|text| text.as_ref().parse()).collect::<Result<_, _>>()?;
        Ok(Self { rules })
    }

    /// What strikes request number `request`: the same for the same seed, number and request.
    pub(super) fn strike(&self, seed: u64, request: u64, method: &Method, filtered: bool) -> Struck {
        let mut struck = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let wanted = rule.method.as_ref().is_none_or(|wanted| wanted == method);
            if !wanted || !rule.kind.can_strike(method, filtered) {
                continue;
            }
            let hit = match rule.when {
                When::Share(share) => chance(seed, request, index) < share,
                When::Nth(nth) => rule.seen.fetch_add(1, Ordering::SeqCst) + 1 == nth,
            };
            if hit {
                struck.push(rule.kind);
            }
        }
        Struck(struck)
    }
}

/// A number from 0 to 1, drawn by hashing.
fn chance(seed: u64, request: u64, rule: usize) -> f64 {
    let [a, b, c, d, ..] = Hasher::new().number(seed).number(request).number(rule as u64).finish().0;
    f64::from(u32::from_le_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
}
