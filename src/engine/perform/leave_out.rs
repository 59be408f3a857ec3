//! Removing members where a target knows no way to: everybody else is written back, as just read, and only if nobody changed the group
//! in between (`If-Match`, RFC 7644 section 3.14). A group without a version is left alone.

use crate::engine::perform::conversation::{Conversation, Silence};
use crate::provision::guard::ClearedEdge;
use crate::provision::outcome::{Failure, FailureClass};
use crate::scim::filter::resource_path;
use crate::scim::members;
use crate::scim::target::Answer;

/// How often a group that changes under our hands is read again.
const TRIES_MAX: u32 = 4;
/// What `If-Match` answers when it does not.
const PRECONDITION_FAILED: u16 = 412;

/// What came of it.
pub(super) enum LeftOut {
    /// The request went out.
    Sent(Result<Answer, Silence>),
    /// None of them is in the group.
    NobodyThere,
    /// It could not be tried, and whether another attempt may help.
    Not(Failure),
}

impl Conversation<'_> {
    /// Leaves `edges`, removals from one group, out of its members.
    pub(super) async fn leave_out(&mut self, edges: &[ClearedEdge<'_>]) -> LeftOut {
        let Some(first) = edges.first() else { return LeftOut::NobodyThere };
        let groups = &self.cx.connector().groups;
        for _ in 0..TRIES_MAX {
            let group = match self.group(first.group()).await {
                Ok(Some(group)) => group,
                Ok(None) => return LeftOut::NobodyThere,
                Err(failure) => return LeftOut::Not(failure),
            };
            let Some(version) = group.version.as_deref() else {
                let detail =
                    "the group has no version: leaving somebody out of the whole list could undo another's change";
                return LeftOut::Not(unsent(FailureClass::Refused, detail));
            };
            let (body, gone) = members::without(edges, &group.texts("members"), groups);
            if gone == 0 {
                return LeftOut::NobodyThere;
            }
            match self.patch_if(resource_path(groups.path(), first.group()), body, version).await {
                Ok(answer) if answer.status == PRECONDITION_FAILED => {}
                sent => return LeftOut::Sent(sent),
            }
        }
        LeftOut::Not(unsent(FailureClass::Server, "the group was changed by somebody else each time it had been read"))
    }
}

fn unsent(class: FailureClass, detail: &str) -> Failure {
    Failure { class, status: None, detail: detail.to_owned(), retry_after: None }
}
