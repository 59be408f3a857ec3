//! Who is in a group, as far as the target shows it: in the group, at the user, or by a filter.

use std::collections::{BTreeMap, BTreeSet};

use crate::connector::groups::MembershipRead;
use crate::engine::perform::conversation::Conversation;
use crate::provision::outcome::{Failure, FailureClass};
use crate::scim::decode::Resource;

/// An id that no account has: a filter that finds groups with it is none.
const NOBODY: &str = "usher-probe-nobody";

/// What was read about one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// Whether each account that was asked for is in it.
    Known(BTreeMap<String, bool>),
    /// The group is not there.
    NoGroup,
    /// The target does not show it.
    NotShown,
}

impl Membership {
    /// Whether `member` is in the group; `None` = not known.
    pub fn has(&self, member: &str) -> Option<bool> {
        match self {
            Self::Known(known) => known.get(member).copied(),
            Self::NoGroup => Some(false),
            Self::NotShown => None,
        }
    }
}

impl Conversation<'_> {
    /// Ids of the groups that an account shows; none if it is not there.
    ///
    /// # Errors
    /// A [`Failure`] if the target can't be asked.
    pub async fn groups_of(&mut self, account: &str) -> Result<BTreeSet<String>, Failure> {
        let groups = |user: Resource| user.texts("groups").into_iter().map(str::to_owned).collect();
        Ok(self.get(account).await?.map(groups).unwrap_or_default())
    }

    /// Whether the accounts `members` are in `group`.
    ///
    /// # Errors
    /// A [`Failure`] if the target can't be asked.
    pub async fn membership(&mut self, group: &str, members: &[&str]) -> Result<Membership, Failure> {
        match self.cx.connector().groups.read {
            MembershipRead::None => Ok(Membership::NotShown),
            MembershipRead::Group => {
                let Some(resource) = self.group(group).await? else { return Ok(Membership::NoGroup) };
                let shown: BTreeSet<&str> = resource.texts("members").into_iter().collect();
                let known = members.iter().map(|id| ((*id).to_owned(), shown.contains(id)));
                Ok(Membership::Known(known.collect()))
            }
            MembershipRead::User => {
                let mut known = BTreeMap::new();
                for id in members {
                    known.insert((*id).to_owned(), self.groups_of(id).await?.contains(group));
                }
                Ok(Membership::Known(known))
            }
            MembershipRead::Filter => {
                self.prove_member_filter().await?;
                let mut known = BTreeMap::new();
                for id in members {
                    let page = self.groups_where("members.value", id).await?;
                    let there = page.resources.iter().any(|shown| shown.id == group);
                    // Of a list that was cut short only what it shows is known.
                    if there || page.total.is_none_or(|total| total <= page.rows) {
                        known.insert((*id).to_owned(), there);
                    }
                }
                Ok(Membership::Known(known))
            }
        }
    }

    /// A filter that is ignored shows everybody in every group.
    ///
    /// # Errors
    /// A [`Failure`] if it is, or if the target can't be asked.
    pub async fn prove_member_filter(&mut self) -> Result<(), Failure> {
        if self.groups_where("members.value", NOBODY).await?.rows == 0 {
            return Ok(());
        }
        // Without a status: it is no fault of the endpoint.
        let detail = "the target shows groups of an account that does not exist: its filter of members is ignored, so \
                      nobody knows who was in a group before";
        Err(Failure { class: FailureClass::Server, status: None, detail: detail.to_owned(), retry_after: None })
    }
}
