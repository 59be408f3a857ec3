//! Words that stand for one of a few things: in queries, bodies and answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident = $of:path { $($(#[$each:meta])* $variant:ident),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$each])* $variant,)*
        }

        impl From<$of> for $name {
            fn from(word: $of) -> Self {
                match word { $(<$of>::$variant => Self::$variant,)* }
            }
        }

        impl From<$name> for $of {
            fn from(word: $name) -> Self {
                match word { $($name::$variant => Self::$variant,)* }
            }
        }
    )*};
}

words! {
    /// Where an event stands.
    Status = crate::provision::event::StatusKind {
        /// An approver must release it.
        Pending,
        /// It waits for its turn, or for another attempt.
        Queued,
        /// Its request may be out.
        Running,
        /// Its outcome is being found out.
        Verifying,
        /// Done.
        Succeeded,
        /// Given up.
        Failed,
        /// A guard or the rules forbade it.
        Refused,
        /// An approver rejected it.
        Rejected,
        /// A newer desired state took its place.
        Superseded,
        /// Nobody decided in time.
        Expired,
    }
    /// What an operation does.
    Kind = crate::provision::operation::Kind {
        /// Takes an existing account into the ledger.
        Link,
        /// Creates an account.
        Create,
        /// Changes attributes.
        Update,
        /// Changes what accounts are found by.
        Rename,
        /// Makes the account inactive.
        Deactivate,
        /// Makes it active again.
        Reactivate,
        /// Removes it for good.
        Delete,
    }
    /// Whether there is an account.
    Presence = crate::provision::account::Presence {
        /// None of ours.
        None,
        /// There and active.
        Active,
        /// Deactivated by us.
        Deactivated,
        /// Deleted by us.
        Deleted,
        /// Frozen by the leaving policy `nothing`.
        Kept,
        /// Disassociated: nothing is planned for it.
        Unlinked,
        /// A person must look.
        Conflict,
        /// The target no longer has it.
        Lost,
        /// An outcome is not known yet.
        Unknown,
        /// Deactivated by the target's own admin.
        DeactivatedThere,
    }
    /// Where a user stands.
    Standing = crate::directory::user::Standing {
        /// Works here.
        Active,
        /// Away.
        Suspended,
        /// Gone.
        Deleted,
    }
    /// What an operator or a token may do; each includes the ones before it.
    Role = crate::access::Role {
        /// Reads, and retries.
        Viewer,
        /// Decides.
        Approver,
        /// Everything.
        Admin,
    }
    /// Whose a token is.
    TokenKind = crate::access::credential::TokenKind {
        /// A person's.
        Personal,
        /// A program's: never decides.
        Service,
    }
    /// Whether an approver may decide about what he caused.
    FourEyes = crate::access::FourEyes {
        /// Yes, with a comment, and it is marked.
        Record,
        /// No.
        Enforce,
    }
    /// What was decided.
    Ruling = crate::provision::approval::Ruling {
        /// Release it.
        Approve,
        /// Drop it, and do not ask again for the same.
        Reject,
    }
    /// What a finding leads to.
    Severity = crate::provision::guard::finding::Severity {
        /// Shown, nothing more.
        Clear,
        /// An approver must release the operation.
        Hold,
        /// The operation is forbidden.
        Refuse,
    }
    /// What becomes of a planned operation.
    Verdict = crate::provision::plan::Verdict {
        /// Sent as soon as there is room.
        Queued,
        /// Waits for an approver.
        Pending,
        /// Forbidden.
        Refused,
    }
    /// How a check ended.
    CheckLevel = crate::engine::answer::CheckLevel {
        /// All is well.
        Good,
        /// Worth knowing.
        Note,
        /// Must be put right.
        Bad,
    }
}
