//! What a provider says of somebody, once its signature and all else was checked. Pure.

use serde_json::Value as Json;

use crate::access::Role;
use crate::clock::Timestamp;
use crate::server::openid::settings::Settings;

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
        let seconds = all.get("auth_time").and_then(Json::as_i64);
        let auth_time = seconds.and_then(|seconds| seconds.checked_mul(1_000)).map(Timestamp::from_millis);
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
