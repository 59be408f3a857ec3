//! The guards that are not about values: who is protected and by what, names that look alike, what comes back, what follows from an
//! import that shrank.

use std::collections::BTreeMap;

use usher::directory::Standing;
use usher::directory::change::Cause;
use usher::engine::plan::page::{contest, fold_name};
use usher::engine::plan::{PageInput, plan_page};
use usher::id::ImportId;
use usher::provision::account::{Observation, Origin, Presence};
use usher::provision::guard::finding::Class;
use usher::provision::guard::{admission, checks};
use usher::provision::operation::Kind;
use usher::provision::plan::{Planned, Verdict};
use usher::provision::{Finding, FindingKind, Severity};
use usher::store::query::PairRow;

use super::world::{self, AS_OF, CONNECTOR, RULES, World, has, id, row, set, user};

fn with_rule(body: &str) -> World {
    World::of("", CONNECTOR, &format!("{RULES}\nfn is_protected(user) {{ {body} }}\n"), &[])
}

fn gone(mut pair: PairRow) -> PairRow {
    pair.user.standing = Standing::Suspended;
    pair.user.revision += 1;
    pair
}

fn protection(planned: &Planned) -> Vec<&str> {
    let kinds = planned.findings.iter().filter(|finding| finding.kind == FindingKind::ProtectedUser);
    kinds.map(|finding| finding.detail.as_str()).collect()
}

#[test]
fn a_rule_protects_with_true_or_with_a_reason_and_does_not_with_false_or_nothing() {
    for (body, expected) in [
        ("user.title == \"CEO\"", Some("by rules/mine.rhai: fn is_protected")),
        (
            "if user.title == \"CEO\" { \"the board decides\" } else { () }",
            Some("by rules/mine.rhai: the board decides"),
        ),
        ("user.title == \"Clerk\"", None),
        ("()", None),
        ("\"\"", None),
    ] {
        let world = with_rule(body);
        let mut chief = user(1);
        set(&mut chief, "title", "CEO");
        let planned = world.operation(&row(chief));
        assert_eq!(protection(&planned), expected.into_iter().collect::<Vec<_>>(), "{body}");
        assert_eq!(planned.verdict == Verdict::Pending, expected.is_some(), "{body}");
        assert!(world.operation(&row(user(2))).verdict == Verdict::Queued, "{body}: somebody else");
    }
}

#[test]
fn a_rule_that_fails_or_returns_something_else_protects() {
    for (body, words) in [
        ("throw \"no idea\"", "the rule failed"),
        ("let x = 0; while true { x += 1; } false", "the rule failed"),
        ("42", "not true, false or a reason"),
    ] {
        let planned = with_rule(body).operation(&row(user(1)));
        assert_eq!(planned.verdict, Verdict::Pending, "{body}");
        assert!(protection(&planned)[0].contains(words), "{body}: {:?}", planned.findings);
    }
}

#[test]
fn a_rule_protects_leavers_although_no_other_rule_runs_for_them() {
    let world = with_rule("user.title == \"CEO\"");
    let mut pair = world.created(user(1));
    set(&mut pair.user, "title", "CEO");
    let planned = world.operation(&gone(pair));
    assert!(planned.operation.kind == Kind::Deactivate && planned.verdict == Verdict::Pending, "{planned:?}");
}

#[test]
fn a_protected_account_is_never_deleted() {
    let app = "[leaving]\non_delete = \"delete\"\ndelete_after = \"0s\"\n[approvals]\ndelete = false\n";
    let deleted = |guard: &str| {
        let world = World::new(&format!("{app}[guard]\n{guard}"));
        let mut pair = row(user(1));
        pair.account.presence = Presence::Active;
        pair.account.origin = Some(Origin::Created);
        pair.account.remote_id = Some("r-1".to_owned());
        pair.user.standing = Standing::Deleted;
        world.operation(&pair)
    };
    assert_eq!(deleted("").verdict, Verdict::Queued);
    let planned = deleted("protected = [\"hr:k1\"]");
    assert_eq!((planned.operation.kind, planned.verdict), (Kind::Delete, Verdict::Refused));
    assert!(has(&planned, FindingKind::DeleteProtected) && has(&planned, FindingKind::ProtectedUser));
}

#[test]
fn a_role_taken_away_is_a_step_down_too_and_a_connector_may_know_the_order() {
    let connector = format!("{CONNECTOR}app_role_order = [\"GUEST\", \"USER\", \"ADMIN\"]\n");
    let rules =
        "fn account(user) { #{ userName: user.email, roles: if user.app_role == () { () } else { [user.app_role] } } }";
    let world = World::of("", &connector, rules, &[]);
    let mut before = user(1);
    before.app_roles.insert(world::app_name(), "USER".to_owned());
    for (role, detail) in [(Some("GUEST"), Some("USER → GUEST")), (None, Some("USER → (none)")), (Some("ADMIN"), None)]
    {
        let mut pair = world.created(before.clone());
        pair.user.app_roles.clear();
        pair.user.app_roles.extend(role.map(|role| (world::app_name(), role.to_owned())));
        pair.user.revision += 1;
        let planned = world.operation(&pair);
        let found = planned.findings.iter().find(|finding| finding.kind == FindingKind::RoleDowngrade);
        assert_eq!(found.map(|finding| finding.detail.as_str()), detail, "{role:?}");
        assert_eq!(planned.verdict == Verdict::Pending, detail.is_some(), "{role:?}");
    }
}

#[test]
fn the_connector_of_nulab_knows_that_guest_is_less_than_user() {
    let (_, text) = usher::connector::builtin().into_iter().find(|(file, _)| *file == "nulab-pass.toml").unwrap();
    let connector = usher::connector::Connector::parse(std::path::Path::new("nulab-pass.toml"), text).unwrap();
    assert_eq!(connector.app_role_order, ["GUEST", "USER", "ADMIN"]);
}

#[test]
fn who_comes_back_is_noted_and_let_through() {
    let world = World::new("");
    let mut pair = gone(world.created(user(1)));
    let planned = world.operation(&pair);
    world.succeed(&mut pair, &planned);
    pair.user.standing = Standing::Active;
    pair.user.revision += 1;
    let planned = world.operation(&pair);
    assert_eq!((planned.operation.kind, planned.verdict), (Kind::Reactivate, Verdict::Queued));
    assert!(has(&planned, FindingKind::Rehire));
    let mut anew = row(user(2));
    anew.account.presence = Presence::Deleted;
    let planned = world.operation(&anew);
    assert_eq!((planned.operation.kind, planned.verdict), (Kind::Create, Verdict::Queued));
    assert!(has(&planned, FindingKind::Rehire));
}

#[test]
fn who_was_lost_at_the_target_is_made_again_only_with_consent() {
    let mut pair = row(user(1));
    pair.account.presence = Presence::Lost;
    let planned = World::new("").operation(&pair);
    assert!(planned.verdict == Verdict::Pending && has(&planned, FindingKind::Recreation));
}

#[test]
fn a_hit_under_another_or_former_user_is_held_whatever_the_policy_says() {
    let world = World::new("on_existing = \"adopt\"\n[guard.findings]\nowned_by_other = \"clear\"\n");
    let mut pair = row(user(1));
    pair.account.observation = Observation::OwnedByOther { remote_id: "t-1".to_owned(), owner: id(9), at: AS_OF };
    let planned = world.operation(&pair);
    assert!(planned.verdict == Verdict::Pending && has(&planned, FindingKind::OwnedByOther));
}

#[test]
fn several_matches_are_refused() {
    let mut pair = row(user(1));
    let remote_ids = vec!["t-1".to_owned(), "t-2".to_owned()];
    pair.account.observation = Observation::Ambiguous { remote_ids, at: AS_OF };
    let planned = World::new("").operation(&pair);
    assert!(planned.verdict == Verdict::Refused && has(&planned, FindingKind::Ambiguous));
}

#[test]
fn a_changed_external_id_is_held() {
    let rules = "fn account(user) { #{ userName: user.email, externalId: user.title } }";
    let world = World::of("", CONNECTOR, rules, &[]);
    let mut before = user(1);
    set(&mut before, "title", "E-1");
    let mut pair = world.created(before);
    set(&mut pair.user, "title", "E-2");
    let planned = world.operation(&pair);
    assert_eq!((planned.operation.kind, planned.verdict), (Kind::Rename, Verdict::Pending));
    assert!(has(&planned, FindingKind::ExternalIdChange));
}

#[test]
fn a_rename_is_noted_held_or_refused_as_the_target_can() {
    for (how, kind, verdict) in [
        ("in_place", FindingKind::Rename, Verdict::Queued),
        ("replaces", FindingKind::RenameReplaces, Verdict::Pending),
        ("never", FindingKind::RenameImpossible, Verdict::Refused),
    ] {
        let connector = format!("{CONNECTOR}[users]\nusername_change = \"{how}\"\n");
        let world = World::of("", &connector, RULES, &[]);
        let mut pair = world.created(user(1));
        set(&mut pair.user, "email", "new@example.test");
        let planned = world.operation(&pair);
        assert!(planned.verdict == verdict && has(&planned, kind), "{how}: {planned:?}");
    }
}

#[test]
fn names_are_compared_as_people_read_them() {
    for (one, other) in [
        ("ada@x.test", "ADA@X.test"),
        // Full width, ligature, decomposed, sharp s, final sigma, Kelvin sign.
        ("\u{ff41}da@x.test", "ada@x.test"),
        ("o\u{fb03}ce@x.test", "office@x.test"),
        ("jos\u{e9}@x.test", "jose\u{301}@x.test"),
        ("STRASSE@x.test", "stra\u{df}e@x.test"),
        ("\u{3bf}\u{3b4}\u{3bf}\u{3c2}", "\u{39f}\u{394}\u{39f}\u{3a3}"),
        ("\u{212a}im@x.test", "kim@x.test"),
    ] {
        assert_eq!(fold_name(one), fold_name(other), "{one} {other}");
    }
    assert_ne!(fold_name("p\u{430}ul@x.test"), fold_name("paul@x.test"), "another alphabet is another name");
    let world = World::new("");
    let (mut one, mut other) = (user(1), user(2));
    set(&mut one, "email", "jos\u{e9}@example.test");
    set(&mut other, "email", "JOSE\u{301}@example.test");
    let page = world.plan(&[row(one), row(other)]);
    assert!(page.operations.iter().all(|planned| planned.verdict == Verdict::Refused), "{page:?}");
}

#[test]
fn the_first_of_two_on_different_pages_is_refused_too_and_the_linked_one_is_not() {
    let world = World::new("");
    let rivals = BTreeMap::from([(id(1), id(2))]);
    let mut page = world.plan(&[row(user(1)), row(user(3))]);
    let payload = page.operations[0].payload;
    contest(&mut page, &rivals, (&world.spec, world.connector()));
    assert!(has(&page.operations[0], FindingKind::DuplicateUserName));
    assert_eq!((page.operations[0].verdict, page.operations[1].verdict), (Verdict::Refused, Verdict::Queued));
    assert_ne!(page.operations[0].payload, payload, "the finding is part of the payload");
    let mut linked = world.created(user(1));
    set(&mut linked.user, "title", "Captain");
    let mut page = world.plan(&[linked]);
    contest(&mut page, &rivals, (&world.spec, world.connector()));
    assert_eq!(page.operations[0].verdict, Verdict::Queued);
}

#[test]
fn what_is_taken_away_after_an_import_that_shrank_bears_a_note_that_names_it() {
    let world = World::new("");
    let import = ImportId(uuid::Uuid::from_u128(3));
    let mut leaver = world.judge(gone(world.created(user(1))));
    let mut newcomer = world.judge(row(user(2)));
    for judged in [&mut leaver, &mut newcomer] {
        judged.cause = Cause::Import(import);
    }
    let shrunk = BTreeMap::from([(import, "6 users are missing, of 7 (85 %)".to_owned())]);
    let (pairs, owners, unseen, none) = ([leaver, newcomer], BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let plan = |shrunk| {
        let (app, connector, catalogue) = (&world.spec, world.connector(), &world.catalogue);
        let (pairs, owners, unseen) = (&pairs[..], &owners, &unseen);
        plan_page(&PageInput { as_of: AS_OF, app, connector, pairs, catalogue, owners, unseen, shrunk })
    };
    let (with, without) = (plan(&shrunk), plan(&none));
    let note = with.operations[0].findings.iter().find(|finding| finding.kind == FindingKind::SourceShrunk).unwrap();
    assert!(note.detail.contains(&import.to_string()) && note.detail.contains("85 %"), "{note}");
    assert!(note.to_string().contains("usher imports show"), "{note}");
    assert_eq!(
        (with.operations[0].verdict, has(&with.operations[1], FindingKind::SourceShrunk)),
        (Verdict::Queued, false)
    );
    assert_eq!(with.operations[0].payload, without.operations[0].payload, "a note on the plan, not on the payload");
}

#[test]
fn an_app_decides_of_each_finding_within_its_bounds() {
    for (said, verdict) in [("clear", Verdict::Queued), ("hold", Verdict::Pending), ("refuse", Verdict::Refused)] {
        let guard = format!("[guard]\nprotected = [\"hr:k1\"]\n[guard.findings]\nprotected_user = \"{said}\"\n");
        assert_eq!(World::new(&guard).operation(&row(user(1))).verdict, verdict, "{said}");
    }
}

#[test]
fn groups_are_protected_and_privileged_by_name_and_by_id() {
    for listed in ["Board", "board", "g-7"] {
        let world =
            World::new(&format!("[guard]\nprotected_groups = [\"{listed}\"]\nprivileged = [\"group:{listed}\"]\n"));
        let mut pair = world.created(user(1));
        set(&mut pair.user, "title", "Captain");
        let mut operation = (*world.operation(&pair).operation).clone();
        operation.edges = vec![usher::provision::edge::EdgeChange {
            kind: "group".into(),
            remote_id: "g-7".into(),
            name: "Board".into(),
            add: true,
        }];
        let deed = checks::Deed { app: &world.spec, account: &pair.account, operation: &operation };
        let kinds: Vec<FindingKind> = checks::again(deed).iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, [FindingKind::Privileged, FindingKind::ProtectedGroup], "{listed}");
    }
}

#[test]
fn an_operation_of_two_held_classes_shows_both() {
    let world = World::new("");
    let mut pair = world.created(user(1));
    set(&mut pair.user, "title", "Captain");
    set(&mut pair.user, "display_name", "Philip");
    let mut page = world.plan(&[pair]);
    let class = |path: &str| (Class::Update(path.to_owned()), Finding::new(FindingKind::BlastRadius, path));
    let held = BTreeMap::from([class("title"), class("displayName")]);
    admission::hold(&mut page, &held, None);
    let shown = page.operations[0].findings.iter().filter(|finding| finding.kind == FindingKind::BlastRadius).count();
    assert_eq!((shown, page.operations[0].verdict), (2, Verdict::Pending));
}

#[test]
fn every_finding_that_asks_for_something_says_what_to_do() {
    let told = Finding::new(FindingKind::UnknownEntitlement, "no group “A”");
    assert!(told.to_string().contains("→"), "{told}");
    assert!(!Finding::new(FindingKind::Rename, "a → b").to_string().contains("approve"));
    let cleared = Finding { severity: Severity::Clear, ..Finding::new(FindingKind::Privileged, "roles ADMIN") };
    assert_eq!(cleared.to_string(), "a privileged value is granted: roles ADMIN", "nothing is asked");
}
