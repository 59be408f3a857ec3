//! What becomes of each pending operation when something changes before it is decided: it stands, is superseded, or ends. One
//! row a kind and reason to wait, one column a later change, run through the engine into a sandbox.

use std::collections::BTreeMap;

use usher::clock::Span;
use usher::directory::{Standing, Value};
use usher::engine::Command;
use usher::engine::command::Edit;
use usher::engine::pending::Choice;
use usher::id::AppName;
use usher::provision::event::{Event, StatusKind};
use usher::provision::operation::Kind;

use super::house::{House, Plan};

const RULES: &str = "fn account(user) { #{ userName: user.email, displayName: user.display_name, title: user.title } }\n\
                     fn entitlements(user) { if user.department == \"Crew\" { [grant(\"group\", \"Crew\")] } else { [] } }";
/// Another text, the same results.
const SAME: &str = "fn account(user) { let name = user.email; #{ userName: name, displayName: user.display_name, title: user.title } }\n\
                    fn entitlements(user) { if user.department == \"Crew\" { [grant(\"group\", \"Crew\")] } else { [] } }";
/// Another result for everybody.
const OTHER: &str = "fn account(user) { #{ userName: user.email, displayName: `Dr. ${user.display_name}`, title: user.title } }\n\
                     fn entitlements(user) { if user.department == \"Crew\" { [grant(\"group\", \"Crew\")] } else { [] } }";

/// Changes that concern one user: they share a house, each with a user of its own.
const OF_A_USER: [&str; 12] = [
    "edited",
    "edited back",
    "suspended",
    "restored",
    "unassigned",
    "deleted",
    "re-hired",
    "role added",
    "reconciled",
    "imported again",
    "approved",
    "rejected",
];
/// Changes that concern everybody: each has a house of its own.
const OF_THE_APP: [&str; 6] =
    ["paused", "same result", "other result", "other base URL", "other connector", "time is over"];

/// What is pending.
struct Row {
    kind: Kind,
    /// Only memberships.
    edges: bool,
    /// What the app file says that makes it wait, before its tables and among them.
    app: (&'static str, &'static str),
    /// People bear a role that is protected: everything about them waits.
    guarded: bool,
}

fn app_text(row: &Row) -> String {
    let (top, tables) = row.app;
    format!(
        "{top}\n[assign]\nroles = [\"staff\", \"lead\"]\n[leaving]\non_delete = \"{}\"\ndelete_after = \"0s\"\n\
         [reconcile]\ndefault = \"repair\"\n[guard.blast_radius]\nleave_small = 1000\n\
         leave = {{ count = 1000, percent = 100 }}\nrename = {{ count = 1000, percent = 100 }}\n{tables}",
        if row.kind == Kind::Delete { "delete" } else { "deactivate" },
    )
}

struct Case {
    house: House,
    row: Row,
    app: String,
    /// The event of each user that was pending.
    asked: Vec<Event>,
}

fn key(number: usize) -> String {
    format!("hr:k{number}")
}

fn name() -> AppName {
    AppName::new("app").unwrap()
}

fn set(attribute: &str, value: &str) -> Edit {
    Edit::Set { attribute: attribute.into(), value: Some(Value::from(value)) }
}

fn lift(attribute: &str) -> Edit {
    Edit::Lift { attribute: attribute.into() }
}

impl Row {
    fn roles(&self) -> &'static str {
        if self.guarded { "staff;guarded" } else { "staff" }
    }

    /// Rows of the source for users `from` to `to`, with other roles if need be.
    fn csv(&self, users: std::ops::Range<usize>, roles: &str) -> String {
        let mut csv = String::from("key,email,display_name,title,roles\n");
        for n in users {
            csv.push_str(&format!("k{n},p{n}@example.com,Person {n},Title{n},{roles}\n"));
        }
        csv
    }
}

impl Case {
    /// A house in which the same is pending for each of `people`.
    async fn build(row: Row, people: usize) -> Self {
        let app = app_text(&row);
        let seed = |n| serde_json::json!({ "userName": format!("p{n}@example.com"), "displayName": "Somebody", "active": true });
        let seeds = if row.kind == Kind::Link { (0..people).map(seed).collect() } else { Vec::new() };
        let house = House::build(Plan { app: &app, rules: RULES, seeds, ..Plan::default() }).await;
        house.sandbox.add_group("Crew", &[]);
        house.refresh().await;
        house.import(&row.csv(0..people, row.roles()), true).await.unwrap();
        let mut case = Self { house, row, app, asked: Vec::new() };
        case.house.sync().await;
        if !matches!(case.row.kind, Kind::Link | Kind::Create) {
            case.release().await;
            if case.row.kind == Kind::Reactivate {
                for n in 0..people {
                    case.house.edit(&key(n), Edit::Stand(Standing::Suspended)).await;
                }
                case.house.sync().await;
                case.release().await;
            }
            for n in 0..people {
                case.begin(n).await;
            }
            case.house.sync().await;
        }
        for n in 0..people {
            let event = case.newest(n).await;
            assert_eq!(event.status.kind(), StatusKind::Pending, "{:?}", event.operation);
            let only_edges = event.operation.changes.is_empty() && !event.operation.edges.is_empty();
            assert_eq!((event.operation.kind, only_edges), (case.row.kind, case.row.edges));
            case.asked.push(event);
        }
        case
    }

    /// Brings what waits for a decision to its end.
    async fn release(&self) {
        if !self.house.pending().await.is_empty() {
            self.house.decide_all(true).await;
            self.house.sync().await;
        }
    }

    /// What makes the operation necessary.
    async fn begin(&self, n: usize) {
        let edit = match self.row.kind {
            Kind::Update if self.row.edges => set("department", "Crew"),
            Kind::Update => set("title", "Chief"),
            Kind::Rename => set("email", &format!("new{n}@example.com")),
            Kind::Deactivate => Edit::Stand(Standing::Suspended),
            Kind::Delete => Edit::Stand(Standing::Deleted),
            Kind::Reactivate => Edit::Restore,
            Kind::Link | Kind::Create => unreachable!("nothing but the import"),
        };
        self.house.edit(&key(n), edit).await;
    }

    /// One later change of one user, with what must be planned in between.
    async fn change(&self, what: &str, n: usize) {
        let house = &self.house;
        let user = key(n);
        let one = |roles: &str| self.row.csv(n..n + 1, roles);
        match what {
            "edited" => house.edit(&user, set("display_name", "Other")).await,
            "edited back" => match self.row.kind {
                Kind::Update if self.row.edges => house.edit(&user, lift("department")).await,
                Kind::Update => house.edit(&user, lift("title")).await,
                Kind::Rename => house.edit(&user, lift("email")).await,
                _ => {
                    house.edit(&user, set("display_name", "Other")).await;
                    house.edit(&user, lift("display_name")).await;
                }
            },
            "suspended" => house.edit(&user, Edit::Stand(Standing::Suspended)).await,
            "deleted" => house.edit(&user, Edit::Stand(Standing::Deleted)).await,
            "restored" | "re-hired" => {
                let standing = if what == "restored" { Standing::Suspended } else { Standing::Deleted };
                house.edit(&user, Edit::Stand(standing)).await;
                house.sync().await;
                house.edit(&user, Edit::Restore).await;
            }
            "unassigned" => drop(house.import(&one(&self.row.roles().replace("staff", "other")), false).await.unwrap()),
            "role added" => drop(house.import(&one(&format!("{};lead", self.row.roles())), false).await.unwrap()),
            "imported again" => drop(house.import(&one(self.row.roles()), false).await.unwrap()),
            "reconciled" => {
                let wanted = format!("p{n}@example.com");
                let there = house.sandbox.accounts().into_iter().find(|account| account.user_name == wanted);
                if let Some(account) = there {
                    house
                        .sandbox
                        .tamper(&account.id, |body| drop(body.insert("displayName".into(), "Tampered".into())));
                }
                house.ask(Command::Reconcile { app: name(), last: false }).await.unwrap();
            }
            "approved" | "rejected" => {
                let decided = house.decide(Choice::of(vec![self.asked[n].id]), what == "approved").await;
                assert!(decided.iter().all(|one| one.refused.is_none()), "{decided:?}");
            }
            other => panic!("{other}"),
        }
    }

    /// One later change of everything.
    async fn change_all(&self, what: &str) {
        let house = &self.house;
        let plan = Plan { app: &self.app, rules: RULES, ..Plan::default() };
        match what {
            "paused" => {
                house.ask(Command::AppPause { app: name() }).await.unwrap();
                house.sync().await;
                house.ask(Command::AppResume { app: name() }).await.unwrap();
            }
            "same result" => house.apply(&Plan { rules: SAME, ..plan }).await,
            "other result" => house.apply(&Plan { rules: OTHER, ..plan }).await,
            "other connector" => {
                let quirks = [("rate_max = 50", "rate_max = 7")];
                house.apply(&Plan { quirks: &quirks, ..plan }).await;
            }
            "other base URL" => {
                let mut bundle = house.bundle(&plan);
                let app = bundle.files.get_mut("apps/app.toml").unwrap();
                *app = app.replace("http://127.0.0.1:", "http://localhost:");
                let base = house.engine.store().active_revision().await.unwrap().map(|revision| revision.number);
                let apply = Command::Apply { bundle, base, comment: "moved".into(), dry_run: false };
                house.ask(apply).await.unwrap();
            }
            "time is over" => house.advance(Span::from_hours(73)),
            other => panic!("{other}"),
        }
    }

    async fn newest(&self, n: usize) -> Event {
        let store = self.house.engine.store();
        let user = store.find_users(&format!("k{n}")).await.unwrap().remove(0);
        let account = store.pairs(&name(), vec![user.id]).await.unwrap().remove(0).account;
        store.event(account.last_event.unwrap()).await.unwrap().unwrap()
    }

    /// What became of it, in two words.
    async fn outcome(&self, n: usize) -> String {
        let asked = self.house.engine.store().event(self.asked[n].id).await.unwrap().unwrap();
        let newest = self.newest(n).await;
        let state = match newest.status.kind() {
            StatusKind::Pending if newest.escalated.is_some() => "asked again",
            StatusKind::Pending => "held",
            StatusKind::Succeeded => "sent",
            StatusKind::Superseded => "ended",
            StatusKind::Rejected => "rejected",
            StatusKind::Refused => "blocked",
            other => other.word(),
        };
        match asked.status.kind() {
            StatusKind::Pending => "stands".into(),
            _ if newest.id == asked.id => state.into(),
            StatusKind::Expired => state.into(),
            StatusKind::Superseded if state == "ended" => "ended".into(),
            StatusKind::Superseded => format!("{} {state}", newest.operation.kind),
            StatusKind::Succeeded => format!("sent, then {} {state}", newest.operation.kind),
            other => format!("{other}, then {} {state}", newest.operation.kind),
        }
    }
}

/// Runs a row and compares it with what must come of it.
async fn row(make: impl Fn() -> Row, expected: &str) {
    let mut came: BTreeMap<&str, String> = BTreeMap::new();
    let case = Case::build(make(), OF_A_USER.len()).await;
    for (n, what) in OF_A_USER.into_iter().enumerate() {
        case.change(what, n).await;
    }
    case.house.sync().await;
    for (n, what) in OF_A_USER.into_iter().enumerate() {
        came.insert(what, case.outcome(n).await);
    }
    assert_eq!(case.house.engine.store().verify().await.unwrap().problems, Vec::<String>::new());
    for what in OF_THE_APP {
        let case = Case::build(make(), 1).await;
        case.change_all(what).await;
        case.house.sync().await;
        came.insert(what, case.outcome(0).await);
    }
    let told: Vec<String> = OF_A_USER.iter().chain(&OF_THE_APP).map(|what| format!("{what}: {}", came[what])).collect();
    let wanted: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(told, wanted);
}

/// OneLogin's well-known hole: a change waits for its approval, the user is disabled, and stays provisioned until somebody decides
/// about the change. Here the deactivation goes out at once, and the change can't be approved any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modifying_pending_approval_then_disabled() {
    let make = || Row { kind: Kind::Update, edges: false, app: ("", "[approvals]\nupdate = true\n"), guarded: false };
    let case = Case::build(make(), 1).await;
    case.change("suspended", 0).await;
    case.house.sync().await;
    assert_eq!(case.outcome(0).await, "deactivate sent");
    assert!(!case.house.accounts()["p0@example.com"], "disabled at the target");
    let late = case.house.decide(Choice::of(vec![case.asked[0].id]), true).await;
    assert!(late[0].refused.as_ref().is_some_and(|why| why.contains("superseded")), "{late:?}");
    case.house.sync().await;
    let account = case.house.sandbox.accounts().remove(0);
    assert_eq!((account.active, &account.body["title"]), (false, &serde_json::json!("Title0")));
}

macro_rules! rows {
    ($($test:ident: $kind:ident, $edges:literal, $app:expr, $guarded:literal, $expected:literal;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            row(|| Row { kind: Kind::$kind, edges: $edges, app: $app, guarded: $guarded }, $expected).await;
        }
    )*};
}

/// As shipped a delete of a protected account is refused; here it is held like the rest.
const GUARDED_DELETE: (&str, &str) = (
    "",
    "[guard]\nprotected = [\"role:guarded\"]\n[guard.findings]\ndelete_protected = \"hold\"\n[approvals]\ndelete = false\n",
);
const GUARDED: (&str, &str) = ("", "[guard]\nprotected = [\"role:guarded\"]\n[approvals]\ndelete = false\n");

rows! {
    a_link_that_policy_holds: Link, false, ("on_existing = \"adopt\"", "[approvals]\ntwo = [\"link\"]\n"), false, "
         edited: link held
         edited back: stands
         suspended: ended
         restored: link held
         unassigned: ended
         deleted: ended
         re-hired: link held
         role added: stands
         reconciled: link held
         imported again: stands
         approved: stands
         rejected: rejected
         paused: stands
         same result: stands
         other result: link held
         other base URL: link held
         other connector: link held
         time is over: stands
    ";
    a_link_that_a_finding_holds: Link, false, ("", ""), false, "
         edited: link held
         edited back: stands
         suspended: ended
         restored: link held
         unassigned: ended
         deleted: ended
         re-hired: link held
         role added: stands
         reconciled: link held
         imported again: stands
         approved: sent, then update sent
         rejected: rejected
         paused: stands
         same result: stands
         other result: link held
         other base URL: link held
         other connector: link held
         time is over: stands
    ";
    a_create_that_policy_holds: Create, false, ("", "[approvals]\ncreate = true\n"), false, "
         edited: create held
         edited back: stands
         suspended: ended
         restored: create held
         unassigned: ended
         deleted: ended
         re-hired: create held
         role added: stands
         reconciled: stands
         imported again: stands
         approved: sent
         rejected: rejected
         paused: stands
         same result: stands
         other result: create held
         other base URL: create held
         other connector: create held
         time is over: asked again
    ";
    a_create_that_a_finding_holds: Create, false, GUARDED, true, "
         edited: create held
         edited back: stands
         suspended: ended
         restored: create held
         unassigned: ended
         deleted: ended
         re-hired: create held
         role added: stands
         reconciled: stands
         imported again: stands
         approved: sent
         rejected: rejected
         paused: stands
         same result: stands
         other result: create held
         other base URL: create held
         other connector: create held
         time is over: asked again
    ";
    an_update_that_policy_holds: Update, false, ("", "[approvals]\nupdate = true\n"), false, "
         edited: update held
         edited back: ended
         suspended: deactivate sent
         restored: reactivate held
         unassigned: deactivate sent
         deleted: deactivate sent
         re-hired: reactivate held
         role added: stands
         reconciled: update held
         imported again: stands
         approved: sent
         rejected: rejected
         paused: stands
         same result: stands
         other result: update held
         other base URL: update held
         other connector: update held
         time is over: asked again
    ";
    an_update_that_a_finding_holds: Update, false, GUARDED, true, "
         edited: update held
         edited back: ended
         suspended: deactivate held
         restored: update held
         unassigned: deactivate held
         deleted: deactivate held
         re-hired: update held
         role added: stands
         reconciled: update held
         imported again: stands
         approved: sent
         rejected: rejected
         paused: stands
         same result: stands
         other result: update held
         other base URL: update held
         other connector: update held
         time is over: asked again
    ";
    a_rename_that_policy_holds: Rename, false, ("", "[approvals]\nrename = true\n"), false, "
         edited: stands
         edited back: ended
         suspended: deactivate sent
         restored: reactivate held
         unassigned: deactivate sent
         deleted: deactivate sent
         re-hired: reactivate held
         role added: stands
         reconciled: rename held
         imported again: stands
         approved: sent
         rejected: rejected
         paused: stands
         same result: stands
         other result: stands
         other base URL: rename held
         other connector: rename held
         time is over: asked again
    ";
    a_rename_that_a_finding_holds: Rename, false, GUARDED, true, "
         edited: stands
         edited back: ended
         suspended: deactivate held
         restored: rename held
         unassigned: deactivate held
         deleted: deactivate held
         re-hired: rename held
         role added: stands
         reconciled: rename held
         imported again: stands
         approved: sent
         rejected: rejected
         paused: stands
         same result: stands
         other result: stands
         other base URL: rename held
         other connector: rename held
         time is over: asked again
    ";
    a_deactivation_that_policy_holds: Deactivate, false, ("", "[approvals]\ndeactivate = true\n"), false, "
         edited: stands
         edited back: stands
         suspended: stands
         restored: ended
         unassigned: stands
         deleted: stands
         re-hired: ended
         role added: stands
         reconciled: stands
         imported again: stands
         approved: sent
         rejected: rejected
         paused: stands
         same result: stands
         other result: stands
         other base URL: deactivate held
         other connector: deactivate held
         time is over: stands
    ";
    a_deactivation_that_a_finding_holds: Deactivate, false, GUARDED, true, "
         edited: stands
         edited back: stands
         suspended: stands
         restored: ended
         unassigned: stands
         deleted: stands
         re-hired: ended
         role added: stands
         reconciled: stands
         imported again: stands
         approved: sent
         rejected: rejected
         paused: stands
         same result: stands
         other result: stands
         other base URL: deactivate held
         other connector: deactivate held
         time is over: stands
    ";
    a_reactivation_that_policy_holds: Reactivate, false, ("", "[approvals]\nreactivate = true\n"), false, "
         edited: reactivate held
         edited back: stands
         suspended: ended
         restored: reactivate held
         unassigned: ended
         deleted: ended
         re-hired: reactivate held
         role added: stands
         reconciled: reactivate held
         imported again: stands
         approved: sent
         rejected: rejected
         paused: stands
         same result: stands
         other result: reactivate held
         other base URL: reactivate held
         other connector: reactivate held
         time is over: asked again
    ";
    a_reactivation_that_a_finding_holds: Reactivate, false, GUARDED, true, "
         edited: reactivate held
         edited back: stands
         suspended: ended
         restored: reactivate held
         unassigned: ended
         deleted: ended
         re-hired: reactivate held
         role added: stands
         reconciled: reactivate held
         imported again: stands
         approved: sent
         rejected: rejected
         paused: stands
         same result: stands
         other result: reactivate held
         other base URL: reactivate held
         other connector: reactivate held
         time is over: asked again
    ";
    a_deletion_that_policy_holds: Delete, false, ("", ""), false, "
         edited: stands
         edited back: stands
         suspended: deactivate sent
         restored: reactivate sent
         unassigned: stands
         deleted: stands
         re-hired: ended
         role added: stands
         reconciled: stands
         imported again: stands
         approved: sent
         rejected: rejected
         paused: stands
         same result: stands
         other result: stands
         other base URL: delete held
         other connector: delete held
         time is over: stands
    ";
    a_deletion_that_a_finding_holds: Delete, false, GUARDED_DELETE, true, "
         edited: stands
         edited back: stands
         suspended: deactivate held
         restored: ended
         unassigned: stands
         deleted: stands
         re-hired: ended
         role added: stands
         reconciled: stands
         imported again: stands
         approved: sent
         rejected: rejected
         paused: stands
         same result: stands
         other result: stands
         other base URL: delete held
         other connector: delete held
         time is over: stands
    ";
    memberships_that_policy_holds: Update, true, ("", "[approvals]\nupdate = true\n"), false, "
         edited: update held
         edited back: ended
         suspended: deactivate sent
         restored: reactivate held
         unassigned: deactivate sent
         deleted: deactivate sent
         re-hired: reactivate held
         role added: stands
         reconciled: update held
         imported again: stands
         approved: sent
         rejected: rejected
         paused: stands
         same result: stands
         other result: update held
         other base URL: update held
         other connector: update held
         time is over: asked again
    ";
    memberships_that_a_finding_holds: Update, true, ("", "[guard]\nprotected_groups = [\"Crew\"]\n"), false, "
         edited: update held
         edited back: ended
         suspended: deactivate sent
         restored: reactivate held
         unassigned: deactivate sent
         deleted: deactivate sent
         re-hired: reactivate held
         role added: stands
         reconciled: update held
         imported again: stands
         approved: sent
         rejected: rejected
         paused: stands
         same result: stands
         other result: update held
         other base URL: update held
         other connector: update held
         time is over: asked again
    ";
}
