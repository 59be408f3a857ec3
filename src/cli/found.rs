//! A new store: its identity, and the person who made it as first operator.

use crate::access::operator::{Operator, Role};
use crate::cli::host::{HostError, hold, open_store, own_account};
use crate::clock::{Clock, SystemClock};
use crate::config::Workspace;
use crate::entropy::SystemEntropy;
use crate::id::{InstanceId, OperatorId};
use crate::password;
use crate::secret::Secret;
use crate::store::act::Identity;

/// Founds the workspace's store; the OS account behind this process becomes its first operator, an admin. Returns the account, and the
/// one-time token with which its password is set in the console.
///
/// # Errors
/// If the store is held by another process, or has an identity already.
pub(crate) async fn found(workspace: &Workspace) -> Result<(String, Secret), HostError> {
    let _lock = hold(workspace)?;
    let store = open_store(workspace, true).await?;
    let at = SystemClock.now();
    let identity = Identity {
        instance: InstanceId::mint(at, &SystemEntropy),
        created_at: at,
        four_eyes: workspace.config.four_eyes,
    };
    store.found(identity).await?;
    let (_, account) = own_account();
    let id = OperatorId::mint(at, &SystemEntropy);
    let operator = Operator {
        id,
        name: account.clone(),
        role: Role::Admin,
        os_account: Some(account.clone()),
        user: None,
        disabled: false,
        since: at,
    };
    store.put_operator(operator, id, at).await?;
    let token = password::token("once", &SystemEntropy);
    store.put_bootstrap(password::fingerprint(&token), id, at).await?;
    Ok((account, token))
}
