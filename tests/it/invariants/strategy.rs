//! Random worlds: an app with any policies, a connector with any quirks, and pairs in any state that the store can bring about.

use std::fmt;

use proptest::prelude::*;
use usher::directory::{DirectAssignment, Standing, User, Value};
use usher::provision::account::{Observation, Origin, Presence};
use usher::store::query::PairRow;

use crate::plan::world::{AS_OF, CONNECTOR, World, app_name, manager, ours, row, set, user};

/// An app and its pairs.
pub(crate) struct Setting {
    pub(crate) world: World,
    pub(crate) rows: Vec<PairRow>,
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}\n{:?}", self.world.spec.app, self.world.spec.connector.users)?;
        for row in &self.rows {
            writeln!(f, "{row:?}")?;
        }
        Ok(())
    }
}

impl Clone for Setting {
    fn clone(&self) -> Self {
        Self { world: self.world.clone(), rows: self.rows.clone() }
    }
}

const RULES: &str = r#"
fn in_scope(user) {
    if user.title == "bang" { throw "no scope for this title"; }
    user.department != "Contractors"
}
fn account(user) {
    if user.title == "boom" { throw "no account for this title"; }
    let account = #{
        userName: user.email,
        displayName: user.display_name,
        title: user.title,
        timezone: create_only(user.timezone),
        roles: if user.app_role == () { create_only([#{ primary: true, value: "GUEST" }]) }
               else { [#{ primary: true, value: user.app_role }] },
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": #{ manager: #{ value: ref(user.manager) } },
    };
    if user.department != "Quiet" { account.nickName = user.locale; }
    account
}
"#;

fn word(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(words)
}

/// An app with random policies, and a connector with random abilities.
fn world() -> impl Strategy<Value = World> {
    let policies = (
        word(&["hold", "adopt", "skip"]),
        word(&["fill", "overwrite", "observe"]),
        word(&["deactivate", "nothing"]),
        word(&["deactivate", "nothing", "delete"]),
        word(&["deactivate", "nothing", "delete"]),
        word(&["0s", "30d"]),
        any::<[bool; 3]>(),
    );
    let abilities = (word(&["in_place", "replaces", "never"]), word(&["active", "none"]), any::<[bool; 4]>());
    (policies, abilities).prop_map(|((existing, mode, suspend, unassign, delete, after, flags), (change, off, able))| {
        let [adopted, approve, everyone] = flags;
        let assign = if everyone { "everyone = true" } else { "roles = [\"staff\"]\ngroups = [\"crew\"]" };
        let app = format!(
            "on_existing = \"{existing}\"\nadopt_mode = \"{mode}\"\napp_role_order = [\"GUEST\", \"USER\", \"ADMIN\"]\n\
             [leaving]\non_suspend = \"{suspend}\"\non_unassign = \"{unassign}\"\non_delete = \"{delete}\"\n\
             delete_after = \"{after}\"\ndelete_adopted = {adopted}\n[approvals]\nupdate = {approve}\n\
             [guard]\nprivileged = [\"roles:ADMIN\"]\nprotected = [\"group:board\"]\n[assign]\n{assign}\n"
        );
        let [removable, keeps, required, fallback] = able;
        let mut connector = format!(
            "{CONNECTOR}[users]\nusername_change = \"{change}\"\ndeactivate = \"{off}\"\ndelete = {removable}\n\
             keeps_external_id = {keeps}\n[attributes.displayName]\nrequired = {required}\n"
        );
        if fallback {
            connector.push_str("[attributes.title]\nfallback = \"Staff\"\n");
        }
        World::of(&app, &connector, RULES, &[("staff", "user.department == \"Sales\"")])
    })
}

fn person(number: u128) -> impl Strategy<Value = User> {
    let state = (
        prop::sample::select(vec![
            Standing::Active,
            Standing::Active,
            Standing::Active,
            Standing::Suspended,
            Standing::Deleted,
        ]),
        prop::option::weighted(0.1, Just(Standing::Suspended)),
        any::<[bool; 3]>(),
        word(&["", "", "", "GUEST", "USER", "ADMIN", "OTHER"]),
        word(&["", "", "", "", "GUEST", "ADMIN"]),
    );
    let words = (
        // Names collide on purpose, in different case.
        word(&["", "a@example.test", "A@example.test", "own", "own", "own", "own", "own", "own", "other"]),
        word(&["", "Pat", "Pat", "Pat", "Sam", "Sam"]),
        word(&["", "", "Captain", "Captain", "Chief", "Chief", "boom", "bang"]),
        word(&["", "Sales", "Sales", "Quiet", "Quiet", "Contractors"]),
        word(&["", "Asia/Tokyo", "Europe/Amsterdam"]),
        word(&["", "en", "nl"]),
    );
    (state, words).prop_map(
        move |((standing, manual, groups, app_role, direct), (name, display, title, department, zone, locale))| {
            let mut person = user(number);
            person.standing = standing;
            person.manual.standing = manual;
            for (group, is_member) in ["crew", "crew", "board"].iter().zip(groups) {
                if is_member {
                    person.groups.insert((*group).to_owned());
                }
            }
            if !app_role.is_empty() {
                person.app_roles.insert(app_name(), app_role.to_owned());
            }
            if !direct.is_empty() {
                let assignment = DirectAssignment { app_role: Some(direct.to_owned()), ..DirectAssignment::default() };
                person.direct.insert(app_name(), assignment);
            }
            match name {
                "own" => {}
                "other" => set(&mut person, "email", &format!("other{number}@example.test")),
                name => set(&mut person, "email", name),
            }
            for (attribute, value) in [
                ("display_name", display),
                ("title", title),
                ("department", department),
                ("timezone", zone),
                ("locale", locale),
            ] {
                set(&mut person, attribute, value);
            }
            person
        },
    )
}

fn values(number: u128) -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    (
        word(&["own", "OWN", "old"]),
        word(&["", "Pat", "Kim"]),
        word(&["", "Captain", "Boss"]),
        any::<[bool; 2]>(),
        word(&["GUEST", "ADMIN"]),
    )
        .prop_map(move |(name, display, title, [with_id, foreign], role)| {
            let name = match name {
                "own" => format!("u{number}@example.test"),
                "OWN" => format!("U{number}@example.test"),
                _ => format!("old{number}@example.test"),
            };
            let mut values = vec![("userName", Value::from(name))];
            for (path, text) in [("displayName", display), ("title", title)] {
                if !text.is_empty() {
                    values.push((path, Value::from(text)));
                }
            }
            if with_id {
                values.push(("externalId", Value::from(if foreign { "E-7".to_owned() } else { ours(number) })));
            }
            let item = Value::Object([("value".to_owned(), Value::from(role))].into());
            values.push(("roles", Value::List(vec![item])));
            values
        })
}

fn pair(number: u128) -> impl Strategy<Value = PairRow> {
    let there = vec![Presence::Active, Presence::Active, Presence::Deactivated, Presence::Kept, Presence::Unknown];
    let gone = vec![
        Presence::None,
        Presence::None,
        Presence::None,
        Presence::Deleted,
        Presence::Lost,
        Presence::Unlinked,
        Presence::Conflict,
        Presence::Unknown,
    ];
    (
        person(number),
        values(number),
        any::<[bool; 3]>(),
        prop::sample::select(there),
        prop::sample::select(gone),
        0..7_u8,
        0..4_u128,
    )
        .prop_map(move |(person, values, [exists, adopted, managed], there, gone, seen, boss)| {
            let mut pair = row(person);
            let account = &mut pair.account;
            account.generation = 3;
            if exists {
                account.presence = there;
                account.remote_id = Some(format!("r-{number}"));
                account.origin = Some(if adopted { Origin::Adopted } else { Origin::Created });
                account.pushed = values.into_iter().map(|(path, value)| (path.to_owned(), value)).collect();
                account.pushed.insert("nickName".to_owned(), Value::from("nl"));
                if adopted {
                    account.found = account.pushed.keys().filter(|path| *path != "title").cloned().collect();
                }
                account.deactivated_at = (there == Presence::Deactivated).then_some(AS_OF);
            } else {
                account.presence = gone;
                account.observation = observation(number, seen, &values);
            }
            if managed && boss != number {
                pair.manager = Some(manager(boss, None));
            }
            pair
        })
}

fn observation(number: u128, seen: u8, values: &[(&str, Value)]) -> Observation {
    let at = AS_OF;
    let remote_id = format!("t-{number}");
    let flat = values.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect();
    match seen {
        0 => Observation::Unknown,
        1 => Observation::Ours { remote_id, values: flat, at },
        2 => Observation::ThirdParty { remote_id, matched_on: "userName".to_owned(), values: flat, at },
        3 => Observation::OwnedByOther { remote_id, owner: crate::plan::world::id(99), at },
        4 => Observation::Ambiguous { remote_ids: vec![remote_id, "t-other".to_owned()], at },
        _ => Observation::Absent { at },
    }
}

/// A world with up to eight pairs; some have come to rest before something changed again.
pub(crate) fn setting() -> impl Strategy<Value = Setting> {
    let pairs = (0..8_u128).map(|number| pair(number).boxed()).collect::<Vec<_>>();
    let later = prop::collection::vec(word(&["", "", "Quiet", "Captain", "Contractors", "gone"]), 8);
    (world(), pairs, 1..9_usize, any::<bool>(), later).prop_map(|(world, mut rows, keep, rested, later)| {
        rows.truncate(keep);
        if rested {
            for _ in 0..4 {
                let page = world.plan(&rows);
                world.apply(&mut rows, &page);
            }
            for (row, what) in rows.iter_mut().zip(later) {
                change(&mut row.user, what);
            }
        }
        Setting { world, rows }
    })
}

fn change(user: &mut User, what: &str) {
    match what {
        "" => {}
        "gone" => user.standing = user.standing.max(Standing::Suspended),
        "Captain" => set(user, "title", what),
        department => set(user, "department", department),
    }
    user.revision += u64::from(!what.is_empty());
}
