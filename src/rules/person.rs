//! `user` as a script sees it: a value with getters, of which only what the script asks for is ever built.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, LazyLock};

use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, Map};

use crate::directory::source::STANDARD_ATTRIBUTES;
use crate::directory::{Manager, User, Value};
use crate::rules::shape::Deferred;

/// One user as one app sees him: what a script is evaluated over.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The directory's user.
    pub user: &'a User,
    /// His roles, conditional ones included ([`crate::rules::Rules::roles`]).
    pub roles: &'a BTreeSet<String>,
    /// The app role that won.
    pub app_role: Option<&'a str>,
    /// The engine's externalId, `<instance>:<user uuid>`.
    pub external_id: &'a str,
    /// His manager.
    pub manager: Option<&'a Manager>,
    /// Attribute overrides of a direct assignment; `None` = overridden to *no value*.
    pub overrides: &'a BTreeMap<String, Option<Value>>,
}

/// What `user` has beside the standard attributes.
const EXTRA: &[&str] = &["id", "key", "source", "roles", "groups", "app_role", "external_id", "manager", "custom"];
/// What a role condition cannot ask: it is decided before any app is looked at.
pub(super) const OF_AN_APP: &[&str] = &["app_role", "external_id", "manager"];
/// What `user.manager` has.
pub(super) const OF_A_MANAGER: &[&str] = &["id", "display_name", "email"];
const CUSTOM: &str = "custom.";

/// Every field of `user`, in the order of the slots.
pub(super) fn fields() -> impl Iterator<Item = &'static str> {
    STANDARD_ATTRIBUTES.iter().chain(EXTRA).copied()
}

/// The slot of a field.
pub(super) fn slot(name: &str) -> Option<usize> {
    static SLOTS: LazyLock<BTreeMap<&'static str, usize>> =
        LazyLock::new(|| fields().enumerate().map(|(slot, name)| (name, slot)).collect());
    SLOTS.get(name).copied()
}

/// The fields that a script asks for: others are not built. One bit a slot.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Uses(u64);

impl Uses {
    pub(super) fn add(&mut self, name: &str) {
        if let Some(slot) = slot(name) {
            self.0 |= 1 << slot;
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    fn has(self, slot: usize) -> bool {
        self.0 & (1 << slot) != 0
    }
}

/// `user`: slots by number.
#[derive(Debug, Clone)]
pub(super) struct Person(Arc<[Dynamic]>);

/// `user.custom`.
#[derive(Debug, Clone)]
struct Custom(Arc<Map>);

/// `user.manager`.
#[derive(Debug, Clone)]
pub(super) struct Boss(Arc<Manager>);

impl Person {
    /// Builds the fields that `uses` names.
    pub(super) fn build(subject: &Subject<'_>, uses: Uses) -> Self {
        let standard = STANDARD_ATTRIBUTES.len();
        let slots = (0..standard + EXTRA.len()).map(|slot| match slot {
            _ if !uses.has(slot) => Dynamic::UNIT,
            _ if slot < standard => attribute(subject, STANDARD_ATTRIBUTES[slot]).map_or(Dynamic::UNIT, dynamic),
            _ => extra(subject, EXTRA[slot - standard]),
        });
        Self(slots.collect())
    }

    pub(super) fn slot(&self, slot: usize) -> &Dynamic {
        &self.0[slot]
    }
}

fn attribute<'a>(subject: &Subject<'a>, name: &str) -> Option<&'a Value> {
    match subject.overrides.get(name) {
        Some(overridden) => overridden.as_ref().filter(|value| !value.is_empty()),
        None => subject.user.attribute(name),
    }
}

fn extra(subject: &Subject<'_>, name: &str) -> Dynamic {
    let user = subject.user;
    match name {
        "id" => user.id.to_string().into(),
        "key" => text(&user.key),
        "source" => text(user.source.as_str()),
        "roles" => texts(subject.roles),
        "groups" => texts(&user.groups),
        "app_role" => subject.app_role.filter(|role| !role.is_empty()).map_or(Dynamic::UNIT, text),
        "external_id" => text(subject.external_id),
        "manager" => subject.manager.map_or(Dynamic::UNIT, |manager| Dynamic::from(Boss(Arc::new(manager.clone())))),
        _ => Dynamic::from(Custom(Arc::new(custom(subject)))),
    }
}

fn custom(subject: &Subject<'_>) -> Map {
    // `custom/` is the first text after everything that starts with `custom.`.
    let all = (Bound::Included(CUSTOM), Bound::Excluded("custom/"));
    let mut names: BTreeSet<&str> =
        subject.user.attributes.range::<str, _>(all).map(|(name, _)| name.as_str()).collect();
    names.extend(subject.user.manual.attributes.range::<str, _>(all).map(|(name, _)| name.as_str()));
    names.extend(subject.overrides.range::<str, _>(all).map(|(name, _)| name.as_str()));
    names
        .into_iter()
        .filter_map(|name| Some((name[CUSTOM.len()..].into(), dynamic(attribute(subject, name)?))))
        .collect()
}

fn text(text: &str) -> Dynamic {
    Dynamic::from(ImmutableString::from(text))
}

fn texts(set: &BTreeSet<String>) -> Dynamic {
    Dynamic::from_array(set.iter().map(|item| text(item)).collect())
}

/// A directory value as a script value.
fn dynamic(value: &Value) -> Dynamic {
    match value {
        Value::Text(value) => text(value),
        Value::Integer(number) => (*number).into(),
        Value::Boolean(flag) => (*flag).into(),
        Value::List(items) => Dynamic::from_array(items.iter().map(dynamic).collect()),
        Value::Object(parts) => {
            Dynamic::from_map(parts.iter().map(|(name, part)| (name.as_str().into(), dynamic(part))).collect())
        }
    }
}

fn holds(list: &Dynamic, wanted: &str) -> bool {
    let same = |item: &Dynamic| item.as_immutable_string_ref().is_ok_and(|item| item.as_str() == wanted);
    list.as_array_ref().is_ok_and(|items| items.iter().any(same))
}

/// Registers `user`, `user.custom`, `user.manager`, `has_role`, `in_group` and `ref`.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Person>("user");
    engine.register_type_with_name::<Custom>("user.custom");
    engine.register_type_with_name::<Boss>("user.manager");
    for (slot, name) in fields().enumerate() {
        engine.register_get(name, move |person: &mut Person| person.0[slot].clone());
    }
    engine.register_indexer_get(|custom: &mut Custom, name: ImmutableString| {
        custom.0.get(name.as_str()).cloned().unwrap_or(Dynamic::UNIT)
    });
    engine.register_get("id", |boss: &mut Boss| boss.0.user.to_string());
    engine.register_get("display_name", |boss: &mut Boss| text(&boss.0.label));
    engine.register_get("email", |boss: &mut Boss| boss.0.email.as_deref().map_or(Dynamic::UNIT, text));
    let (roles, groups) = (slot("roles").unwrap_or(0), slot("groups").unwrap_or(0));
    engine.register_fn("has_role", move |person: &mut Person, role: ImmutableString| holds(&person.0[roles], &role));
    engine.register_fn("in_group", move |person: &mut Person, group: ImmutableString| holds(&person.0[groups], &group));
    engine.register_fn("ref", |boss: &mut Boss| match &boss.0.remote_id {
        Some(id) => text(id),
        None => Dynamic::from(Deferred),
    });
    engine.register_fn("ref", |(): ()| Dynamic::UNIT);
    engine.register_fn("ref", |_: ImmutableString| -> Result<Dynamic, Box<EvalAltResult>> {
        Err("ref() takes `user.manager`, not a text".into())
    });
}
