//! `[server.openid]` of `usher.toml`: which provider signs people in, and what its claims mean here.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::access::Role;
use crate::connector::app::CredentialRef;

/// As typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOpenId {
    issuer: Spanned<String>,
    title: Option<String>,
    client_id: String,
    client_secret: Option<Spanned<CredentialRef>>,
    scopes: Option<Vec<String>>,
    role_claim: Option<String>,
    roles: Spanned<BTreeMap<String, Role>>,
    name_claim: Option<String>,
}

/// Which provider, and what its claims mean here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIdConfig {
    /// The issuer.
    pub issuer: String,
    /// What people call it.
    pub title: String,
    /// What it calls us.
    pub client_id: String,
    /// Where our secret lies; `None` = a public client.
    pub client_secret: Option<CredentialRef>,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// The claim that says what somebody may do.
    pub role_claim: String,
    /// What each of its values means.
    pub roles: BTreeMap<String, Role>,
    /// The claim that says what somebody is called.
    pub name_claim: String,
}

impl RawOpenId {
    /// Checks it. The error has the place in the text and the reason.
    pub(super) fn check(self) -> Result<OpenIdConfig, (usize, String)> {
        let (at, issuer) = (self.issuer.span().start, self.issuer.into_inner());
        let here = ["http://localhost", "http://127.0.0.1", "http://[::1]"];
        let here = here.iter().any(|start| {
            issuer.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
        });
        if !issuer.starts_with("https://") && !here {
            return Err((
                at,
                format!("`{issuer}` is no issuer; expected its https address (http for this machine only)"),
            ));
        }
        if self.roles.get_ref().is_empty() {
            let reason = "roles is empty: nobody could sign in; say which value of the claim makes somebody what";
            return Err((self.roles.span().start, reason.to_owned()));
        }
        if let Some(typed) = &self.client_secret
            && *typed.get_ref() == CredentialRef::Sealed
        {
            return Err((typed.span().start, "client_secret is `env:NAME` or `file:PATH`".to_owned()));
        }
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Ok(OpenIdConfig {
            title: self.title.unwrap_or_else(|| "OpenID".to_owned()),
            issuer,
            client_id: self.client_id,
            client_secret: self.client_secret.map(Spanned::into_inner),
            scopes: self.scopes.unwrap_or_else(|| words(&["openid", "profile", "email", "groups"])),
            role_claim: self.role_claim.unwrap_or_else(|| "groups".to_owned()),
            roles: self.roles.into_inner(),
            name_claim: self.name_claim.unwrap_or_else(|| "preferred_username".to_owned()),
        })
    }
}
