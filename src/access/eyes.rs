//! Four eyes: who may decide about what, and what to do when nobody can. Pure.

use crate::access::actor::Actor;
use crate::access::operator::{FourEyes, Operator, Role};
use crate::id::{OperatorId, UserId};

/// Whom a decision concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    /// Whose act caused it.
    pub requesters: Vec<OperatorId>,
    /// Whom it is about.
    pub subject: UserId,
}

impl Concern {
    /// Whether an operator, who is the directory user `user`, would decide about his own act or himself.
    pub fn is_own(&self, operator: OperatorId, user: Option<UserId>) -> bool {
        self.requesters.contains(&operator) || user == Some(self.subject)
    }

    /// The one place that says whether someone may approve: people only, with the role to decide, and not what is their own unless
    /// that is recorded with a comment. True = it is his own, and is marked.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn admits(&self, actor: &Actor, four_eyes: FourEyes, comment: &str) -> Result<bool, String> {
        if actor.role < Role::Approver {
            return Err(format!("{} is {}, and can't decide", actor.name, actor.role));
        }
        let own = self.is_own(actor.operator, actor.user);
        match four_eyes {
            _ if !own => Ok(false),
            FourEyes::Enforce => {
                Err("four eyes: you caused this, or it is about you; somebody else must approve it".to_owned())
            }
            FourEyes::Record if comment.trim().is_empty() => {
                Err("you caused this, or it is about you: approving it needs a --comment, and is marked".to_owned())
            }
            FourEyes::Record => Ok(true),
        }
    }

    /// Who may approve it.
    pub fn deciders<'a>(&self, operators: &'a [Operator], four_eyes: FourEyes) -> Vec<&'a Operator> {
        let own = |operator: &Operator| four_eyes == FourEyes::Enforce && self.is_own(operator.id, operator.user);
        operators.iter().filter(|operator| operator.can_decide() && !own(operator)).collect()
    }

    /// Why fewer than `approvers` operators can approve it, and how to get on; `None` = enough can.
    pub fn stuck(&self, operators: &[Operator], four_eyes: FourEyes, approvers: usize) -> Option<String> {
        const ADD: &str = "add one with `usher operators add NAME --role approver --os-account ACCOUNT`";
        let able = self.deciders(operators, four_eyes).len();
        if able >= approvers {
            return None;
        }
        let all = operators.iter().filter(|operator| operator.can_decide()).count();
        let people = |number: usize| if number == 1 { "1 operator".to_owned() } else { format!("{number} operators") };
        Some(match four_eyes {
            _ if all == 0 => format!("nobody can decide: {ADD}"),
            _ if all < approvers => format!(
                "two operators must approve this and only {} can decide, who can't be two: {ADD}, or take the word out of \
                 approvals.two in the app's file and `usher apply`",
                people(all)
            ),
            FourEyes::Enforce if approvers > 1 => format!(
                "four eyes is enforced and only {} of the two that are needed can approve this, the others caused it or are its \
                 subject: {ADD}, or let them approve it with a comment: `usher operators four-eyes record`",
                people(able)
            ),
            _ => format!(
                "four eyes is enforced and whoever can decide caused this or is its subject: {ADD}, or let them approve it with a \
                 comment: `usher operators four-eyes record`"
            ),
        })
    }
}
