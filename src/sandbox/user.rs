//! `/Users`: create, read, list, replace, patch, delete, as the connector has it.

use serde_json::{Value as Json, json};

use crate::clock::Timestamp;
use crate::connector::{Connector, Deactivation, UpdateVerb, UsernameChange};
use crate::sandbox::account::Account;
use crate::sandbox::answer::Answer;
use crate::sandbox::attribute::{Resource, USER};
use crate::sandbox::demand::settle;
use crate::sandbox::directory::Directory;
use crate::sandbox::fault::{Kind, Struck};
use crate::sandbox::list::{Page, Query};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::{filter, patch};

/// What a request about users works with.
pub(super) struct Users<'a> {
    pub(super) connector: &'a Connector,
    pub(super) directory: &'a mut Directory,
    /// Absolute URL of `/Users`.
    pub(super) url: &'a str,
    /// The time of the request.
    pub(super) at: Timestamp,
    /// externalId is accepted and forgotten.
    pub(super) drop_external_id: bool,
    /// userName of the token issuer.
    pub(super) token_issuer: Option<&'a str>,
    /// Faults that struck this request.
    pub(super) struck: &'a Struck,
}

/// The body as an object with the schema that RFC 7643 section 3 demands.
pub(super) fn resource_of(body: Json, schema: &str) -> Result<Resource, Refusal> {
    let syntax = |why: String| Refusal::bad("invalidSyntax", why);
    let Json::Object(object) = body else { return Err(syntax("the body must be a JSON object".to_owned())) };
    let schemas = object.get("schemas").and_then(Json::as_array);
    if !schemas.is_some_and(|schemas| schemas.iter().any(|urn| urn == schema)) {
        return Err(syntax(format!("`schemas` must have {schema}")));
    }
    Ok(object)
}

impl Users<'_> {
    /// POST (RFC 7644 section 3.3).
    pub(super) fn create(&mut self, body: Json) -> Result<Answer, Refusal> {
        let mut sent = resource_of(body, USER)?;
        if !self.connector.users.active_on_create {
            sent.remove("active");
        }
        let mut account = settle(self.connector, None, sent)?;
        let name = account.get("userName").and_then(Json::as_str).unwrap_or_default();
        if self.connector.users.username_unique
            && let Some(holder) = self.directory.holder(name, None)
        {
            if self.struck.by(Kind::Existing200) {
                return Ok(Answer::scim(200, &self.directory.render(holder, self.url)));
            }
            return Err(Refusal::taken(format!("userName `{name}` is taken")));
        }
        self.forget_external_id(&mut account);
        let number = self.add(account);
        let mut answer = self.show(number, 201)?;
        let id = self.directory.account(number).map(|account| account.id.clone()).unwrap_or_default();
        answer.location = Some(format!("{}/{id}", self.url));
        Ok(answer)
    }

    fn add(&mut self, body: Resource) -> u64 {
        let id = self.directory.fresh_id();
        let (created, modified) = (self.at, self.at);
        self.directory.insert(Account { id, body, created, modified, third_party: false, invalid: false })
    }

    fn forget_external_id(&self, body: &mut Resource) {
        if self.drop_external_id {
            body.remove("externalId");
        }
    }

    fn show(&self, number: u64, status: u16) -> Result<Answer, Refusal> {
        let account = self.directory.account(number).ok_or_else(|| Refusal::not_found("user", ""))?;
        Ok(Answer::scim(status, &self.directory.render(account, self.url)))
    }

    fn find(&self, id: &str) -> Result<u64, Refusal> {
        self.directory.find(id).ok_or_else(|| Refusal::not_found("user", id))
    }

    /// GET of one (RFC 7644 section 3.4.1).
    pub(super) fn read(&self, id: &str, query: &Query) -> Result<Answer, Refusal> {
        let number = self.find(id)?;
        if query.attributes.is_none() && query.excluded_attributes.is_none() {
            return self.show(number, 200);
        }
        let account = self.directory.account(number).ok_or_else(|| Refusal::not_found("user", id))?;
        Ok(Answer::scim(200, &query.project(&self.directory.render(account, self.url))))
    }

    /// GET of many (RFC 7644 section 3.4.2).
    pub(super) fn list(&self, query: &Query) -> Result<Answer, Refusal> {
        let paging = &self.connector.paging;
        let mut hits: Vec<&Account> = match &query.filter {
            None if !paging.list => return Err(Refusal::status(403, "this target lists users by a filter only")),
            Some(text) if !self.struck.by(Kind::FilterIgnored) => self.search(text)?,
            _ => self.directory.accounts().map(|(_, account)| account).collect(),
        };
        if query.filter.is_some() && self.struck.by(Kind::FilterEmpty) {
            hits.clear();
        }
        let window = query.page(paging)?;
        let shown = hits.iter().skip(window.start - 1).take(window.count);
        let resources = shown.map(|account| query.project(&self.directory.render(account, self.url))).collect();
        Ok(Answer::scim(200, &Page::new(hits.len(), window, resources)))
    }

    fn search(&self, text: &str) -> Result<Vec<&Account>, Refusal> {
        let filter = filter::parse(text, &self.connector.filter)?;
        if let Some((attribute, value)) = filter::single_eq(&filter)
            && let Some(numbers) = self.directory.indexed(attribute, value)
        {
            return Ok(numbers.iter().filter_map(|number| self.directory.account(*number)).collect());
        }
        let matches = |account: &Account| {
            let mut body = account.body.clone();
            body.insert("id".to_owned(), json!(account.id));
            filter::matches(&filter, &body)
        };
        Ok(self.directory.accounts().map(|(_, account)| account).filter(|account| matches(account)).collect())
    }

    /// PUT (RFC 7644 section 3.5.1).
    pub(super) fn replace(&mut self, id: &str, body: Json) -> Result<Answer, Refusal> {
        let number = self.find(id)?;
        let sent = resource_of(body, USER)?;
        match sent.get("id").and_then(Json::as_str) {
            Some(other) if other != id => {
                Err(Refusal::bad("mutability", format!("`id` is `{other}`, the account's is `{id}`")))
            }
            None if self.connector.users.id_in_body => {
                Err(Refusal::bad("invalidValue", "this target wants `id` in the body of PUT"))
            }
            _ => self.update(number, sent),
        }
    }

    /// PATCH (RFC 7644 section 3.5.2).
    pub(super) fn patch(&mut self, id: &str, body: &Json) -> Result<Answer, Refusal> {
        if self.connector.users.update == UpdateVerb::Put {
            return Err(Refusal::status(501, "this target has no PATCH of users"));
        }
        let number = self.find(id)?;
        let mut after = self.directory.account(number).map(|account| account.body.clone()).unwrap_or_default();
        patch::apply(&mut after, body, self.connector.users.patch_style)?;
        self.update(number, after)
    }

    fn update(&mut self, number: u64, sent: Resource) -> Result<Answer, Refusal> {
        let account = self.directory.account(number).ok_or_else(|| Refusal::not_found("user", ""))?;
        let mut after = settle(self.connector, Some(&account.body), sent)?;
        self.forget_external_id(&mut after);
        if after == account.body {
            return self.show(number, 200);
        }
        self.permitted(account, &after)?;
        let name = after.get("userName").and_then(Json::as_str).unwrap_or_default();
        let renamed = name.to_lowercase() != account.user_name().to_lowercase();
        if renamed && self.connector.users.username_change == UsernameChange::Never {
            return Err(Refusal::bad("mutability", "userName can't be changed at this target"));
        }
        if renamed && self.connector.users.username_unique && self.directory.holder(name, Some(number)).is_some() {
            return Err(Refusal::taken(format!("userName `{name}` is taken")));
        }
        if renamed && self.connector.users.username_change == UsernameChange::Replaces {
            let mut old = account.body.clone();
            old.insert("active".to_owned(), json!(false));
            old.remove("externalId");
            self.directory.rewrite(number, old, self.at, true);
            self.add(after);
        } else {
            self.directory.rewrite(number, after, self.at, false);
        }
        self.show(number, 200)
    }

    /// What the target refuses about this account, whatever the values.
    fn permitted(&self, account: &Account, after: &Resource) -> Result<(), Refusal> {
        if account.invalid {
            return Err(Refusal::status(403, "this account is no longer valid: its userName was changed"));
        }
        if self.is_issuer(account) {
            let same = |name: &str| account.body.get(name) == after.get(name);
            if !(same("active") && same("roles") && same("userName")) {
                return Err(Refusal::status(
                    403,
                    "the token issuer's account can't be deactivated, renamed or given another role",
                ));
            }
        }
        let leaves = account.active() && after.get("active") == Some(&json!(false));
        if leaves && self.connector.users.deactivate != Deactivation::Active {
            return Err(Refusal::bad("mutability", "`active` can't be set to false at this target"));
        }
        Ok(())
    }

    fn is_issuer(&self, account: &Account) -> bool {
        self.connector.users.token_issuer_fixed
            && self.token_issuer.is_some_and(|issuer| issuer.eq_ignore_ascii_case(account.user_name()))
    }

    /// DELETE (RFC 7644 section 3.6), if the target offers it.
    pub(super) fn delete(&mut self, id: &str) -> Result<Answer, Refusal> {
        let number = self.find(id)?;
        let users = &self.connector.users;
        let account = self.directory.account(number).ok_or_else(|| Refusal::not_found("user", id))?;
        if self.is_issuer(account) {
            return Err(Refusal::status(403, "the token issuer's account can't be deleted"));
        }
        if users.deactivate == Deactivation::Delete {
            let mut body = account.body.clone();
            body.insert("active".to_owned(), json!(false));
            self.directory.rewrite(number, body, self.at, false);
        } else if users.delete {
            self.directory.remove(number);
        } else {
            return Err(Refusal::status(501, "this target does not delete users; deactivate them"));
        }
        Ok(Answer::empty())
    }
}
