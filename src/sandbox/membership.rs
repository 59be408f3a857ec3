//! Member changes by PATCH (RFC 7644 section 3.5.2), in the forms that the connector has. A list is replaced only where a client
//! asks for just that.

use scim_v2::filter::{AttrExp, CompValue, CompareOp, PatchPath, ValFilter};
use serde_json::{Value as Json, json};

use crate::connector::{GroupMode, Groups, MemberAdd, MemberRemove};
use crate::sandbox::attribute::Resource;
use crate::sandbox::filter::item_matches;
use crate::sandbox::patch::{self, Op};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::roster::Assigned;

/// What member changes are held to.
pub(super) struct Membership<'a> {
    /// What the connector says.
    pub(super) groups: &'a Groups,
    /// Whether there is a user with this id.
    pub(super) exists: &'a dyn Fn(&str) -> bool,
    /// Adding who is there lists him twice, as some targets do.
    pub(super) duplicates: bool,
}

/// A PATCH of a group, taken apart.
pub(super) struct Parted {
    /// Operations on members: what, at which path, with which value.
    members: Vec<(Op, String, Json)>,
    /// All others.
    pub(super) others: Vec<Json>,
}

/// Takes the operations on members out of a PATCH body.
pub(super) fn part(body: &Json) -> Result<Parted, Refusal> {
    let mut parted = Parted { members: Vec::new(), others: Vec::new() };
    for operation in patch::operations(body)? {
        let op = patch::op(operation)?;
        match operation["path"].as_str() {
            Some(path) if is_of_members(path) => {
                parted.members.push((op, path.to_owned(), operation["value"].clone()));
            }
            Some(_) => parted.others.push(operation.clone()),
            None => {
                let mut rest = operation.clone();
                let listed = rest["value"].as_object_mut().and_then(|value| value.remove("members"));
                if let Some(value) = listed {
                    parted.members.push((op, "members".to_owned(), value));
                }
                if rest["value"].as_object().is_none_or(|value| !value.is_empty()) {
                    parted.others.push(rest);
                }
            }
        }
    }
    Ok(parted)
}

fn is_of_members(path: &str) -> bool {
    let name = path.split(['[', '.']).next().unwrap_or_default();
    name.eq_ignore_ascii_case("members")
}

impl Membership<'_> {
    /// Carries out the member changes of a PATCH on `assigned`.
    ///
    /// # Errors
    /// 400 for a form that the connector does not have, too many changes, or a user that does not exist.
    pub(super) fn apply(&self, assigned: &mut Assigned, parted: &Parted) -> Result<(), Refusal> {
        let changes: usize = parted.members.iter().map(|(_, _, value)| value.as_array().map_or(1, Vec::len)).sum();
        self.not_too_many(changes)?;
        parted.members.iter().try_for_each(|(op, path, value)| self.operate(assigned, *op, path, value))
    }

    fn not_too_many(&self, changes: usize) -> Result<(), Refusal> {
        let most = self.groups.members_max as usize;
        if most > 0 && changes > most {
            return Err(Refusal::bad(
                "tooMany",
                format!("{changes} member changes in one request; the most is {most}"),
            ));
        }
        Ok(())
    }

    /// A whole list, as POST and PUT send it.
    pub(super) fn whole(&self, listed: &Json) -> Result<Assigned, Refusal> {
        let mut assigned = Assigned::new();
        self.not_too_many(listed.as_array().map_or(0, Vec::len))?;
        if !listed.is_null() {
            self.add(&mut assigned, listed)?;
        }
        Ok(assigned)
    }

    fn operate(&self, assigned: &mut Assigned, op: Op, path: &str, value: &Json) -> Result<(), Refusal> {
        let whole = path.eq_ignore_ascii_case("members");
        let only_members = self.groups.mode == GroupMode::MembershipOnly;
        match op {
            Op::Add if whole => {
                let several = value.as_array().is_some_and(|items| items.len() > 1);
                if several && self.groups.add == MemberAdd::Single {
                    return Err(Refusal::bad("invalidValue", "this target adds one member an operation"));
                }
                self.add(assigned, value)
            }
            Op::Replace if whole && !only_members => {
                let listed = self.whole(value)?;
                *assigned = listed;
                Ok(())
            }
            Op::Remove if whole => self.remove_listed(assigned, value),
            Op::Remove => self.remove_at(assigned, path),
            Op::Replace if whole => {
                Err(Refusal::bad("mutability", "members are added and removed here, never replaced"))
            }
            Op::Add | Op::Replace => Err(Refusal::bad("noTarget", format!("`{path}` can only be removed"))),
        }
    }

    fn add(&self, assigned: &mut Assigned, value: &Json) -> Result<(), Refusal> {
        let items: &[Json] = match value {
            Json::Array(items) => items,
            Json::Object(_) => std::slice::from_ref(value),
            other => {
                return Err(Refusal::bad("invalidValue", format!("`members` is {other}, expected a list of objects")));
            }
        };
        for item in items {
            let id = item["value"].as_str().unwrap_or_default();
            if self.groups.member_type && item["type"] != "User" {
                return Err(Refusal::bad("invalidValue", format!("member `{id}` has no `type`, expected `User`")));
            }
            if !(self.exists)(id) {
                return Err(Refusal::bad("invalidValue", format!("member `{id}` does not exist")));
            }
            let times = assigned.entry(id.to_owned()).or_insert(0);
            *times = if self.duplicates { *times + 1 } else { 1 };
        }
        Ok(())
    }

    /// `remove` with path `members`: those listed, where the connector knows that form; without a list, all.
    fn remove_listed(&self, assigned: &mut Assigned, value: &Json) -> Result<(), Refusal> {
        let listed = value.as_array().filter(|items| !items.is_empty());
        match (listed, self.groups.remove) {
            (Some(items), MemberRemove::Array) => {
                for item in items {
                    assigned.remove(item["value"].as_str().unwrap_or_default());
                }
                Ok(())
            }
            (Some(_), MemberRemove::ValuePath) => Err(Refusal::bad(
                "invalidValue",
                "this target removes members by a path, `members[value eq \"ID\"]`, not by a list",
            )),
            (_, MemberRemove::Replace) => {
                Err(Refusal::bad("mutability", "this target knows no way to remove a member: replace them all"))
            }
            (None, _) if self.groups.mode == GroupMode::MembershipOnly => {
                Err(Refusal::bad("mutability", "members are removed one by one here, never all"))
            }
            (None, _) => {
                assigned.clear();
                Ok(())
            }
        }
    }

    /// `remove` with path `members[…]`.
    fn remove_at(&self, assigned: &mut Assigned, path: &str) -> Result<(), Refusal> {
        if self.groups.remove != MemberRemove::ValuePath {
            return Err(Refusal::bad("invalidPath", format!("`{path}`: this target knows no filter in a path")));
        }
        let parsed: PatchPath =
            path.parse().map_err(|error| Refusal::bad("invalidPath", format!("`{path}` is not a path: {error}")))?;
        match parsed {
            PatchPath::Value(found) if found.sub_attr.is_none() => {
                // The usual one is looked up; any other is held against each member.
                if let ValFilter::Attr(AttrExp::Comparison(attribute, CompareOp::Eq, CompValue::Str(id))) =
                    &found.filter
                    && attribute.name.eq_ignore_ascii_case("value")
                {
                    assigned.remove(id.as_str());
                    return Ok(());
                }
                let item = |id: &String| Resource::from_iter([("value".to_owned(), json!(id))]);
                assigned.retain(|id, _| !item_matches(&found.filter, &item(id)));
                Ok(())
            }
            _ => Err(Refusal::bad("invalidPath", format!("`{path}` is not removed by itself"))),
        }
    }
}
