//! Operators who come from an OpenID provider: found by issuer and subject, never by name.

use crate::access::credential::{OpenIdentity, SignIn, Way};
use crate::access::operator::Operator;
use crate::clock::Timestamp;
use crate::store::act::StoreResult;
use crate::store::acts::{access, identity};
use crate::store::group::Group;
use crate::store::keyring::{Admitted, OpenVisitor};
use crate::store::kv::{self, Rows};
use crate::store::layout;
use crate::store::record::decode;

pub(crate) fn all(rows: &dyn Rows) -> StoreResult<Vec<OpenIdentity>> {
    let rows = kv::under(rows, &layout::open_identities(), usize::MAX)?;
    rows.iter().map(|(_, value)| decode(value)).collect()
}

/// The operator as the provider has him now. What changes is his own deed: he signed in.
pub(crate) fn admit(tx: &mut Group<'_>, visitor: OpenVisitor, at: Timestamp) -> StoreResult<Admitted> {
    let key = layout::open_identity(&visitor.issuer, &visitor.subject);
    let operators = identity::operators(tx)?;
    let known: Option<OpenIdentity> = kv::read(tx, &key)?;
    let operator = known.and_then(|known| operators.iter().find(|one| one.id == known.operator).cloned());
    let admitted = match (operator, visitor.role) {
        (Some(operator), _) if operator.disabled => return Ok(Admitted::Disabled),
        (Some(operator), None) => {
            let gone = access::revoke_of(tx, operator.id, |_| true)?;
            if gone > 0 {
                let what = format!("`{}` has no role at the OpenID provider any more", operator.name);
                access::told(tx, access::with_tokens(what, gone), operator.id, at);
            }
            return Ok(Admitted::NoRole(Some(operator.id)));
        }
        (Some(operator), Some(role)) if operator.role == role => operator,
        (Some(operator), Some(role)) => {
            let gone = access::revoke_of(tx, operator.id, |token| token.role > role)?;
            let what =
                format!("made `{}` {role} instead of {}, as the OpenID provider says", operator.name, operator.role);
            access::told(tx, access::with_tokens(what, gone), operator.id, at);
            Operator { role, ..operator }
        }
        (None, None) => return Ok(Admitted::NoRole(None)),
        (None, Some(_)) if operators.iter().any(|one| one.name == visitor.name) => {
            return Ok(Admitted::NameTaken(visitor.name));
        }
        (None, Some(role)) => {
            let OpenVisitor { id, name, issuer, subject, .. } = visitor;
            access::told(tx, format!("added `{name}` as {role}: signed in at {issuer}"), id, at);
            tx.put(key, &OpenIdentity { issuer, subject, operator: id, since: at })?;
            Operator { id, name, role, os_account: None, user: None, disabled: false, since: at }
        }
    };
    tx.put(layout::operator(admitted.id), &admitted)?;
    access::note_sign_in(tx, admitted.id, &SignIn { at, way: Way::OpenId })?;
    Ok(Admitted::Welcome(admitted))
}
