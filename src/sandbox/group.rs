//! `/Groups` (RFC 7643 section 4.2), as far as the connector has groups.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::clock::Timestamp;
use crate::connector::{Connector, GroupMode, PatchStyle};
use crate::sandbox::account::{Group, Rendered};
use crate::sandbox::answer::Answer;
use crate::sandbox::attribute::{GROUP, Resource, prune};
use crate::sandbox::directory::Directory;
use crate::sandbox::list::{Page, Query};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::user::resource_of;
use crate::sandbox::{filter, patch};

/// What a request about groups works with.
pub(super) struct Groups<'a> {
    pub(super) connector: &'a Connector,
    pub(super) directory: &'a mut Directory,
    /// Absolute URL of `/Groups`.
    pub(super) url: &'a str,
    /// The time of the request.
    pub(super) at: Timestamp,
}

/// A group with its members among the attributes, so that filters and PATCH reach them.
fn with_members(group: &Group) -> Resource {
    let mut body = group.body.clone();
    if !group.members.is_empty() {
        body.insert("members".to_owned(), group.members.iter().map(|id| json!({ "value": id })).collect());
    }
    body
}

impl Groups<'_> {
    /// Writes are for targets whose groups are their own.
    fn writable(&self) -> Result<(), Refusal> {
        match self.connector.groups.mode {
            GroupMode::Full => Ok(()),
            GroupMode::MembershipOnly | GroupMode::ReadOnly | GroupMode::None => {
                Err(Refusal::status(405, "groups are computed by this target and can't be written"))
            }
        }
    }

    fn find(&self, id: &str) -> Result<u64, Refusal> {
        self.directory.find_group(id).ok_or_else(|| Refusal::not_found("group", id))
    }

    fn render<'g>(&self, group: &'g Group) -> Rendered<'g> {
        let members: Json = group.members.iter().map(|id| json!({ "value": id, "type": "User" })).collect();
        Rendered {
            kind: "Group",
            id: &group.id,
            body: &group.body,
            created: group.created,
            modified: group.modified,
            location: format!("{}/{}", self.url, group.id),
            computed: (!group.members.is_empty()).then_some(("members", members)),
        }
    }

    fn show(&self, number: u64, status: u16, query: &Query) -> Result<Answer, Refusal> {
        let group = self.directory.group(number).ok_or_else(|| Refusal::not_found("group", ""))?;
        Ok(Answer::scim(status, &query.project(&self.render(group))))
    }

    /// Splits a resource into what is stored and who is a member; every member must be an account.
    fn settle(&self, mut sent: Resource) -> Result<(Resource, BTreeSet<String>), Refusal> {
        for computed in ["id", "meta", "schemas"] {
            sent.remove(computed);
        }
        prune(&mut sent);
        if sent.get("displayName").and_then(Json::as_str).is_none_or(str::is_empty) {
            return Err(Refusal::bad("invalidValue", "`displayName` is required"));
        }
        let listed = sent.remove("members").unwrap_or(json!([]));
        let mut members = BTreeSet::new();
        for item in listed.as_array().into_iter().flatten() {
            let id = item["value"].as_str().unwrap_or_default();
            if self.directory.find(id).is_none() {
                return Err(Refusal::bad("invalidValue", format!("member `{id}` does not exist")));
            }
            members.insert(id.to_owned());
        }
        Ok((sent, members))
    }

    /// POST.
    pub(super) fn create(&mut self, body: Json) -> Result<Answer, Refusal> {
        self.writable()?;
        let (body, members) = self.settle(resource_of(body, GROUP)?)?;
        let group = Group { id: self.directory.fresh_id(), body, members, created: self.at, modified: self.at };
        let location = format!("{}/{}", self.url, group.id);
        let number = self.directory.insert_group(group);
        let mut answer = self.show(number, 201, &Query::default())?;
        answer.location = Some(location);
        Ok(answer)
    }

    /// GET of one.
    pub(super) fn read(&self, id: &str, query: &Query) -> Result<Answer, Refusal> {
        self.show(self.find(id)?, 200, query)
    }

    /// GET of many.
    pub(super) fn list(&self, query: &Query) -> Result<Answer, Refusal> {
        let filter = query.filter.as_deref().map(|text| filter::parse(text, &self.connector.filter)).transpose()?;
        let wanted =
            |group: &&Group| filter.as_ref().is_none_or(|filter| filter::matches(filter, &with_members(group)));
        let hits: Vec<&Group> = self.directory.groups().filter(wanted).collect();
        let window = query.page(&self.connector.paging)?;
        let shown = hits.iter().skip(window.start - 1).take(window.count);
        let resources = shown.map(|group| query.project(&self.render(group))).collect();
        Ok(Answer::scim(200, &Page::new(hits.len(), window, resources)))
    }

    /// PUT.
    pub(super) fn replace(&mut self, id: &str, body: Json) -> Result<Answer, Refusal> {
        self.writable()?;
        let number = self.find(id)?;
        self.update(number, resource_of(body, GROUP)?)
    }

    /// PATCH.
    pub(super) fn patch(&mut self, id: &str, body: &Json) -> Result<Answer, Refusal> {
        self.writable()?;
        let number = self.find(id)?;
        let mut after = self.directory.group(number).map(with_members).unwrap_or_default();
        patch::apply(&mut after, body, PatchStyle::Paths)?;
        self.update(number, after)
    }

    fn update(&mut self, number: u64, sent: Resource) -> Result<Answer, Refusal> {
        let (body, members) = self.settle(sent)?;
        if self.directory.group(number).is_some_and(|group| group.body != body || group.members != members) {
            self.directory.rewrite_group(number, body, members, self.at);
        }
        self.show(number, 200, &Query::default())
    }

    /// DELETE.
    pub(super) fn delete(&mut self, id: &str) -> Result<Answer, Refusal> {
        self.writable()?;
        let number = self.find(id)?;
        self.directory.remove_group(number);
        Ok(Answer::empty())
    }
}
