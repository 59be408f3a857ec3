//! Addresses of what pages speak of.

use crate::id::{AppName, EventId, UserId};
use crate::server::console::sign_in::urlencode;

/// A user's page.
pub fn user(user: UserId) -> String {
    format!("/users/{user}")
}

/// The page of a user whose `source:key` is known.
pub fn key(key: &str) -> String {
    format!("/users/{}", urlencode(key).replace('/', "%2F"))
}

/// The page of a user in one app.
pub fn pair(user: UserId, app: &AppName) -> String {
    format!("/users/{user}/apps/{app}")
}

/// An app's page.
pub fn app(app: &AppName) -> String {
    format!("/apps/{app}")
}

/// An event's page.
pub fn event(event: EventId) -> String {
    format!("/activity/{event}")
}

/// An address with those of `pairs` that have a value.
pub fn with<'p>(path: &str, pairs: impl IntoIterator<Item = (&'p str, String)>) -> String {
    let filled = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    let query: Vec<String> = filled.map(|(name, value)| format!("{name}={}", urlencode(&value))).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}
