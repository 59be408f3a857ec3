//! `/Groups` (RFC 7643 section 4.2), as far as the connector has groups.

use scim_v2::filter::{AttrExp, CompValue, CompareOp, Filter};
use serde_json::{Value as Json, json};

use crate::clock::Timestamp;
use crate::connector::{Connector, GroupMode, MembershipRead, PatchStyle};
use crate::sandbox::account::Rendered;
use crate::sandbox::answer::Answer;
use crate::sandbox::attribute::{GROUP, Resource, prune};
use crate::sandbox::directory::Directory;
use crate::sandbox::fault::{Kind, Struck};
use crate::sandbox::list::{Page, Query};
use crate::sandbox::membership::{self, Membership};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::roster::{Assigned, Group};
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
    /// Bytes of the request's body.
    pub(super) bytes: usize,
    /// Faults that struck this request.
    pub(super) struck: &'a Struck,
}

impl Groups<'_> {
    /// The groups themselves are written only where they are the target's to give away.
    fn writable(&self) -> Result<(), Refusal> {
        match self.connector.groups.mode {
            GroupMode::Full => self.small_enough(),
            GroupMode::MembershipOnly | GroupMode::ReadOnly | GroupMode::None => {
                Err(Refusal::status(405, "groups are computed by this target and can't be written"))
            }
        }
    }

    fn small_enough(&self) -> Result<(), Refusal> {
        let most = self.connector.groups.bytes_max as usize;
        if most > 0 && self.bytes > most {
            return Err(Refusal::status(413, format!("the body has {} bytes, the most is {most}", self.bytes)));
        }
        Ok(())
    }

    fn find(&self, id: &str) -> Result<u64, Refusal> {
        self.directory.roster.find(id).ok_or_else(|| Refusal::not_found("group", id))
    }

    /// Whether answers to this request show members.
    fn shows_members(&self, query: &Query) -> bool {
        self.connector.groups.read == MembershipRead::Group
            && !self.struck.by(Kind::MembersHidden)
            && !query.excludes("members")
    }

    fn render<'g>(&'g self, group: &'g Group, query: &Query) -> Rendered<'g> {
        let members = if self.shows_members(query) { self.directory.roster.members(group) } else { Vec::new() };
        let shown: Json = members.iter().map(|id| json!({ "value": id, "type": "User" })).collect();
        Rendered {
            kind: "Group",
            id: &group.id,
            body: &group.body,
            created: group.created,
            modified: group.modified,
            location: format!("{}/{}", self.url, group.id),
            computed: (!members.is_empty()).then_some(("members", shown)),
        }
    }

    fn show(&self, number: u64, status: u16, query: &Query) -> Result<Answer, Refusal> {
        let group = self.directory.roster.group(number).ok_or_else(|| Refusal::not_found("group", ""))?;
        Ok(Answer::scim(status, &query.project(&self.render(group, query))))
    }

    /// Who may become a member, and how.
    fn with_membership<T>(&self, work: impl FnOnce(&Membership<'_>) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let exists = |id: &str| self.directory.find(id).is_some();
        let duplicates = self.struck.by(Kind::MemberTwice);
        work(&Membership { groups: &self.connector.groups, exists: &exists, duplicates })
    }

    /// What is stored of a resource without its members.
    fn settle(mut sent: Resource) -> Result<Resource, Refusal> {
        for computed in ["id", "meta", "schemas", "members"] {
            sent.remove(computed);
        }
        prune(&mut sent);
        if sent.get("displayName").and_then(Json::as_str).is_none_or(str::is_empty) {
            return Err(Refusal::bad("invalidValue", "`displayName` is required"));
        }
        Ok(sent)
    }

    /// POST.
    pub(super) fn create(&mut self, body: Json) -> Result<Answer, Refusal> {
        self.writable()?;
        let sent = resource_of(body, GROUP)?;
        let assigned = self.with_membership(|members| members.whole(sent.get("members").unwrap_or(&Json::Null)))?;
        let group = Group {
            id: self.directory.fresh_id(),
            body: Self::settle(sent)?,
            assigned,
            gives: Default::default(),
            requires: Default::default(),
            created: self.at,
            modified: self.at,
            third_party: false,
        };
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
        let hits: Vec<&Group> = match &query.filter {
            Some(text) => self.search(text)?,
            None => self.directory.roster.groups().collect(),
        };
        let window = query.page(&self.connector.paging)?;
        let shown = hits.iter().skip(window.start - 1).take(window.count);
        let resources = shown.map(|group| query.project(&self.render(group, query))).collect();
        Ok(Answer::scim(200, &Page::new(hits.len(), window, resources)))
    }

    /// By a filter. `members.value eq "ID"` asks who is a member, where the target answers that.
    fn search(&self, text: &str) -> Result<Vec<&Group>, Refusal> {
        let filter = filter::parse(text, &self.connector.filter)?;
        let of_members = text.to_lowercase().contains("members");
        if of_members && !matches!(self.connector.groups.read, MembershipRead::Group | MembershipRead::Filter) {
            return Err(Refusal::bad("invalidFilter", "this target does not filter by members"));
        }
        if let Filter::Attr(AttrExp::Comparison(path, CompareOp::Eq, CompValue::Str(id))) = &filter
            && path.name.eq_ignore_ascii_case("members")
            && path.sub_attr.as_deref().is_some_and(|sub| sub.eq_ignore_ascii_case("value"))
        {
            return Ok(self.directory.roster.groups_of(id));
        }
        let matches = |group: &&Group| {
            let mut body = group.body.clone();
            body.insert("id".to_owned(), json!(group.id));
            if of_members {
                let members = self.directory.roster.members(group);
                body.insert("members".to_owned(), members.iter().map(|id| json!({ "value": id })).collect());
            }
            filter::matches(&filter, &body)
        };
        Ok(self.directory.roster.groups().filter(matches).collect())
    }

    /// PUT.
    pub(super) fn replace(&mut self, id: &str, body: Json) -> Result<Answer, Refusal> {
        self.writable()?;
        let number = self.find(id)?;
        let sent = resource_of(body, GROUP)?;
        let assigned = self.with_membership(|members| members.whole(sent.get("members").unwrap_or(&Json::Null)))?;
        self.update(number, Self::settle(sent)?, assigned)
    }

    /// PATCH.
    pub(super) fn patch(&mut self, id: &str, body: &Json) -> Result<Answer, Refusal> {
        let only_members = self.connector.groups.mode == GroupMode::MembershipOnly;
        if only_members {
            self.small_enough()?;
        } else {
            self.writable()?;
        }
        let number = self.find(id)?;
        let parted = membership::part(body)?;
        if only_members && !parted.others.is_empty() {
            return Err(Refusal::bad("mutability", "groups are computed by this target: only members are taken"));
        }
        let group = self.directory.roster.group(number).ok_or_else(|| Refusal::not_found("group", id))?;
        let (mut after, mut assigned) = (group.body.clone(), group.assigned.clone());
        for operation in &parted.others {
            patch::operate(&mut after, operation, PatchStyle::Paths)?;
        }
        self.with_membership(|members| members.apply(&mut assigned, &parted))?;
        self.update(number, Self::settle(after)?, assigned)
    }

    fn update(&mut self, number: u64, body: Resource, assigned: Assigned) -> Result<Answer, Refusal> {
        let roster = &mut self.directory.roster;
        if roster.group(number).is_some_and(|group| group.body != body || group.assigned != assigned) {
            roster.rewrite(number, body, assigned, self.at);
        }
        self.show(number, 200, &Query::default())
    }

    /// DELETE.
    pub(super) fn delete(&mut self, id: &str) -> Result<Answer, Refusal> {
        self.writable()?;
        let number = self.find(id)?;
        self.directory.roster.remove(number);
        Ok(Answer::empty())
    }
}
