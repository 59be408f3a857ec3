//! What a command needs: a permission, a proof of the last minutes, a place on the machine itself.

use crate::access::permission::Permission;
use crate::engine::command::Command;

impl Command {
    /// What the operator needs. Files of one's own (`draft`) may ask for more: see `Engine::check_targets`.
    pub fn permission(&self) -> Permission {
        match self {
            Self::Access(command) => command.permission(),
            Self::Retry { .. } => Permission::Retry,
            Self::Decide { dry_run: false, .. } | Self::Rematch { .. } => Permission::Decide,
            _ if self.only_reads() => Permission::Read,
            _ => Permission::Administer,
        }
    }

    /// Whether it changes nothing but what is the operator's own.
    fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::Page(_)
                | Self::Roles
                | Self::Imports { .. }
                | Self::ImportShow { .. }
                | Self::Users { .. }
                | Self::UserShow { .. }
                | Self::UsersByName { .. }
                | Self::Trends { .. }
                | Self::Apps
                | Self::AppShow { .. }
                | Self::AppTest { .. }
                | Self::Entitlements { .. }
                | Self::Export
                | Self::Revisions
                | Self::RevisionShow { .. }
                | Self::RulesCheck { .. }
                | Self::RulesTry { .. }
                | Self::Plan { .. }
                | Self::Approvals { .. }
                | Self::BatchShow { .. }
                | Self::Overview
                | Self::Queue { .. }
                | Self::Decisions { .. }
                | Self::Status { .. }
                | Self::History { .. }
                | Self::HistoryPage { .. }
                | Self::HistoryHead
                | Self::Explain { .. }
                | Self::HeadsCheck { .. }
                | Self::EventShow { .. }
                | Self::Operators
                | Self::Tokens
                | Self::PasswordSet { .. }
                | Self::TokenAdd { .. }
                | Self::TokenRevoke { .. }
                | Self::Doctor { .. }
                | Self::StoreVerify
                | Self::Leavers { .. }
                | Self::Apply { dry_run: true, .. }
                | Self::Decide { dry_run: true, .. }
                | Self::Reconcile { last: true, .. }
                | Self::HistoryPrune { dry_run: true, .. }
        )
    }

    /// Whether it is grave enough to ask for a person who proved himself lately: decisions, activations, operators, secrets.
    pub fn is_grave(&self) -> bool {
        match self {
            Self::Apply { dry_run, .. } | Self::Decide { dry_run, .. } => !dry_run,
            Self::Access(command) => command.is_grave(),
            Self::Rematch { .. }
            | Self::Rollback { .. }
            | Self::OperatorAdd { .. }
            | Self::OperatorDisable { .. }
            | Self::FourEyes { .. }
            | Self::PasswordSet { .. }
            | Self::Bootstrap
            | Self::HistoryErase { .. }
            | Self::TokenAdd { .. }
            | Self::TokenRevoke { .. } => true,
            _ => false,
        }
    }

    /// Whether it reads or writes files of the machine that answers: not over the network.
    pub fn is_for_the_machine(&self) -> bool {
        matches!(self, Self::Import { .. } | Self::HistoryPrune { .. } | Self::StoreBackup { .. })
    }
}
