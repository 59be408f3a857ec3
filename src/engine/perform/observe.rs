//! Looking one user up before planning (`design.md` section 6): by the filters that were proven, in the connector's order.

use crate::connector::capability::FilterProbe;
use crate::directory::value::Value;
use crate::engine::perform::context::Context;
use crate::engine::perform::conversation::Conversation;
use crate::engine::perform::find::{Filtered, Found, Marks};
use crate::engine::perform::lesson::Lesson;
use crate::id::UserId;
use crate::provision::account::Observation;
use crate::provision::desired::Desired;
use crate::provision::outcome::{Failure, FailureClass};
use crate::scim::decode::Resource;

/// What a lookup brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// What is there.
    pub observation: Observation,
    /// What it taught.
    pub lessons: Vec<Lesson>,
}

/// Looks `user` up, who is to have `desired` and whose own externalId is `external_id`. Uses only filters that a probe trusts; if
/// there is none on a matching attribute, reads the list.
///
/// # Errors
/// A [`Failure`] if the target can't be reached or can't be searched: nothing may be created then.
pub async fn lookup(cx: Context<'_>, user: UserId, external_id: &str, desired: &Desired) -> Result<Looked, Failure> {
    let mut talk = Conversation::new(cx);
    let marks = marks_of(cx, external_id, desired);
    let at = cx.clock.now();
    let mut usable = false;
    for (path, value) in &marks.0 {
        let trusted = cx.learned.filters.get(path);
        if !matches!(trusted, Some(FilterProbe::Works | FilterProbe::HalfProven)) {
            continue;
        }
        if let Filtered::Hits(hits) = talk.search(path, value).await? {
            // An account that is not ours bears no externalId of ours: that filter alone says nothing of it.
            usable |= cx.connector().users.match_on.contains(path);
            if !hits.is_empty() {
                let observation = observation(cx, user, path, &hits).await?;
                return Ok(Looked { observation, lessons: talk.lessons });
            }
        }
    }
    if usable {
        return Ok(Looked { observation: Observation::Absent { at }, lessons: talk.lessons });
    }
    let scanned = talk.scan(&marks).await?;
    let observation = match scanned {
        Found::Hits(hits) if hits.is_empty() => Observation::Absent { at },
        Found::Hits(hits) => {
            let borne = |path: &str, value: &str| hits.iter().any(|hit| hit.has(path, value));
            let path = marks.0.iter().find(|(path, value)| borne(path, value)).map_or("userName", |(path, _)| path);
            observation(cx, user, path, &hits).await?
        }
        Found::Unsearchable(why) => return Err(unsearchable(&why)),
    };
    Ok(Looked { observation, lessons: talk.lessons })
}

/// A failure that says: this target can't be searched.
pub fn unsearchable(why: &str) -> Failure {
    Failure {
        class: FailureClass::Refused,
        status: None,
        detail: format!("existing accounts can't be found, so none is created: {why}"),
        retry_after: None,
    }
}

/// What an account of this user would bear: the connector's matching attributes in order, then externalId where it is kept.
pub fn marks_of(cx: Context<'_>, external_id: &str, desired: &Desired) -> Marks {
    let mut marks = Marks::default();
    let own = desired.text("externalId").unwrap_or(external_id);
    for path in &cx.connector().users.match_on {
        match path.as_str() {
            "externalId" => marks.add(path, Some(own)),
            _ => marks.add(path, wanted_text(cx, desired, path).as_deref()),
        }
    }
    if cx.keeps_external_id() {
        marks.add("externalId", Some(own));
    }
    marks
}

/// The text that will be at `path`: of a list the primary item's, as the target takes it.
fn wanted_text(cx: Context<'_>, desired: &Desired, path: &str) -> Option<String> {
    let (name, sub) = match desired.attributes.contains_key(path) {
        true => (path, "value"),
        false => path.rsplit_once('.')?,
    };
    let value = desired.attributes.get(name)?.value.as_ref()?;
    let shaped = crate::scim::encode::shape(cx.connector(), name, value);
    let primary =
        |item: &&Value| matches!(item, Value::Object(parts) if parts.get("primary") == Some(&Value::Boolean(true)));
    let item = match &*shaped {
        Value::List(items) => items.iter().find(primary).or_else(|| items.first())?,
        other => other,
    };
    match item {
        Value::Object(parts) => parts.get(sub).and_then(Value::as_text).map(str::to_owned),
        other => other.as_text().map(str::to_owned),
    }
}

/// What `hits`, found by `matched_on`, mean for `user`: the ledger is asked whose they are.
///
/// # Errors
/// A [`Failure`] if the ledger can't be read.
pub async fn observation(
    cx: Context<'_>,
    user: UserId,
    matched_on: &str,
    hits: &[Resource],
) -> Result<Observation, Failure> {
    let at = cx.clock.now();
    let named = |hit: &Resource| hit.external_id.as_deref().and_then(|id| cx.named_by(id));
    let ours: Vec<&Resource> = hits.iter().filter(|hit| named(hit) == Some(user)).collect();
    let hit = match (ours.as_slice(), hits) {
        ([one], _) => *one,
        ([], [one]) => one,
        _ => {
            let remote_ids = hits.iter().map(|hit| hit.id.clone()).collect();
            return Ok(Observation::Ambiguous { remote_ids, at });
        }
    };
    let owners = cx.owners.owners(&cx.spec.name, vec![hit.id.clone()]).await.map_err(|error| Failure {
        class: FailureClass::Endpoint,
        status: None,
        detail: format!("the ledger could not be read: {error}"),
        retry_after: None,
    })?;
    let owner = owners.into_iter().flatten().next();
    let (remote_id, values) = (hit.id.clone(), hit.values.clone());
    Ok(match (owner, named(hit)) {
        (Some(owner), _) if owner != user => Observation::OwnedByOther { remote_id, owner, at },
        (Some(_), _) => Observation::Ours { remote_id, values, at },
        (None, Some(owner)) if owner != user => Observation::OwnedByOther { remote_id, owner, at },
        (None, Some(_)) => Observation::Ours { remote_id, values, at },
        (None, None) => Observation::ThirdParty { remote_id, matched_on: matched_on.to_owned(), values, at },
    })
}
