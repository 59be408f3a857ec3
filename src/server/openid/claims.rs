//! What a provider says of somebody, once its signature and all else was checked. Pure.

use serde_json::Value as Json;

use crate::access::Role;
use crate::clock::Timestamp;
use crate::server::openid::settings::Settings;

/// Beyond it there is no time, but a mistake.
const SECONDS_MAX: f64 = 1e11;
/// The longest name that is taken over.
const NAME_CHARS_MAX: usize = 100;

/// What a provider says of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Who it is, for ever.
    pub subject: String,
    /// When he last proved himself to the provider, if it says so.
    pub auth_time: Option<Timestamp>,
    /// All that was said.
    pub all: serde_json::Map<String, Json>,
}

impl Claims {
    /// From the claims of a checked token.
    pub fn of(subject: &str, all: serde_json::Map<String, Json>) -> Self {
        // Some say it with parts of a second.
        let seconds =
            all.get("auth_time").and_then(Json::as_f64).filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds));
        #[expect(clippy::cast_possible_truncation, reason = "at most 1e14, checked just before")]
        let auth_time = seconds.map(|seconds| Timestamp::from_millis((seconds * 1_000.0) as i64));
        Self { subject: subject.to_owned(), auth_time, all }
    }

    /// What he may do here: the most that one of his values gives. `None` = nothing.
    pub fn role(&self, settings: &Settings) -> Option<Role> {
        let said = match self.all.get(&settings.role_claim)? {
            Json::String(one) => vec![one.as_str()],
            Json::Array(many) => many.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        };
        said.into_iter().filter_map(|value| settings.roles.get(value).copied()).max()
    }

    /// What he is called here: by the claim that was set, else by his subject.
    pub fn name(&self, settings: &Settings) -> String {
        let said = self.all.get(&settings.name_claim).and_then(Json::as_str).unwrap_or(&self.subject);
        let plain: String = said.chars().filter(|each| !each.is_control()).take(NAME_CHARS_MAX).collect();
        let plain = plain.trim();
        if plain.is_empty() { self.subject.clone() } else { plain.to_owned() }
    }
}
