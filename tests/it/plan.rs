//! The planner, case by case: what a pair becomes, what is skipped, and what the guards say. The properties over random worlds are
//! in `invariants`.

mod granting;
mod guards;
mod leaving;
mod protection;
pub(crate) mod world;

use std::collections::BTreeSet;

use usher::directory::{DirectAssignment, Value};
use usher::id::{EventId, UserId};
use usher::provision::account::{MuteReason, Observation, Origin, Presence};
use usher::provision::diff::{ABSENCE_HOLDS, needs_lookup};
use usher::provision::event::StatusKind;
use usher::provision::leaving::{Access, Leaving, highest_app_role};
use usher::provision::operation::Kind;
use usher::provision::plan::{SkipReason, Verdict};
use usher::provision::{Account, FindingKind};

use world::{AS_OF, World, changes, filed, has, mute, ours, row, set, third_party, user};

#[test]
fn a_new_user_gets_an_account_with_every_value_and_the_engines_external_id() {
    let world = World::new("");
    let mut fry = user(1);
    set(&mut fry, "timezone", "Europe/Amsterdam");
    let planned = world.operation(&row(fry));
    assert_eq!((planned.operation.kind, planned.verdict), (Kind::Create, Verdict::Queued));
    assert_eq!(planned.operation.external_id, Some(ours(1)));
    let paths: Vec<&str> = planned.operation.changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(paths, ["displayName", "externalId", "roles", "timezone", "userName"]);
    assert!(planned.operation.changes.iter().all(|change| change.old.is_none()));
}

#[test]
fn nothing_is_created_blindly() {
    let world = World::new("");
    let mut pair = row(user(1));
    pair.account.observation = Observation::Unknown;
    assert!(matches!(world.skip(&pair), SkipReason::NotObserved { .. }));
}

#[test]
fn an_absence_is_believed_for_a_day() {
    let world = World::new("");
    let pair = world.judge(row(user(1)));
    assert!(!needs_lookup(&pair.row.account, &pair.access, AS_OF.plus(ABSENCE_HOLDS).plus_millis(-1)));
    assert!(needs_lookup(&pair.row.account, &pair.access, AS_OF.plus(ABSENCE_HOLDS)));
    assert!(!needs_lookup(&pair.row.account, &Access::Leaving(Leaving::Unassigned), AS_OF.plus(ABSENCE_HOLDS)));
}

#[test]
fn one_changed_attribute_is_one_change_and_then_there_is_nothing_to_do() {
    let world = World::new("");
    let mut pair = world.created(user(1));
    assert!(world.is_quiet(&pair));
    set(&mut pair.user, "title", "Captain");
    let planned = world.operation(&pair);
    assert_eq!(planned.operation.kind, Kind::Update);
    assert_eq!(changes(&planned), ["title: - → Captain"]);
    world.succeed(&mut pair, &planned);
    let page = world.plan(std::slice::from_ref(&pair));
    assert!(page.operations.is_empty() && page.unchanged == 1, "an unchanged pair runs no rule: {page:?}");
}

#[test]
fn no_value_clears_what_we_pushed_and_nothing_else() {
    let world = World::new("");
    let mut fry = user(1);
    set(&mut fry, "title", "Captain");
    let mut pair = world.created(fry);
    set(&mut pair.user, "title", "");
    let planned = world.operation(&pair);
    assert_eq!(changes(&planned), ["title: Captain → -"]);
    world.succeed(&mut pair, &planned);
    set(&mut pair.user, "department", "Bridge");
    assert!(world.is_quiet(&pair), "what was never pushed is not cleared");
}

#[test]
fn a_cleared_attribute_goes_back_to_the_connectors_fallback() {
    let connector = format!("{}[attributes.title]\nfallback = \"Staff\"\n", world::CONNECTOR);
    let world = World::of("", &connector, world::RULES, &[]);
    let mut fry = user(1);
    set(&mut fry, "title", "Captain");
    let mut pair = world.created(fry);
    set(&mut pair.user, "title", "");
    let planned = world.operation(&pair);
    assert_eq!(changes(&planned), ["title: Captain → Staff"]);
    world.succeed(&mut pair, &planned);
    set(&mut pair.user, "department", "Bridge");
    assert!(world.is_quiet(&pair));
}

#[test]
fn an_attribute_that_the_rule_no_longer_names_is_released_not_cleared() {
    let before = World::new("");
    let mut fry = user(1);
    set(&mut fry, "title", "Captain");
    let mut pair = before.created(fry);
    let rules =
        "fn account(user) { #{ userName: user.email, displayName: user.display_name, roles: create_only([]) } }";
    let after = World::of("", world::CONNECTOR, rules, &[]);
    assert!(matches!(after.skip(&pair), SkipReason::Released { paths } if paths == ["title"]));
    let page = after.plan(std::slice::from_ref(&pair));
    after.apply(std::slice::from_mut(&mut pair), &page);
    assert!(!pair.account.pushed.contains_key("title") && pair.account.pushed.contains_key("externalId"));
    // With another change in the same breath it is released by that operation.
    let mut pair = before.created({
        let mut fry = user(1);
        set(&mut fry, "title", "Captain");
        fry
    });
    set(&mut pair.user, "display_name", "Philip");
    let planned = after.operation(&pair);
    assert_eq!((changes(&planned).len(), planned.operation.released.clone()), (1, vec!["title".to_owned()]));
}

#[test]
fn create_only_attributes_are_in_no_update_whether_the_rule_or_the_connector_says_so() {
    let connector = format!("{}[attributes.displayName]\ncreate_only = true\n", world::CONNECTOR);
    let world = World::of("", &connector, world::RULES, &[]);
    let mut fry = user(1);
    set(&mut fry, "timezone", "Asia/Tokyo");
    let mut pair = world.created(fry);
    set(&mut pair.user, "timezone", "Europe/Amsterdam");
    set(&mut pair.user, "display_name", "Philip");
    assert!(world.is_quiet(&pair));
    set(&mut pair.user, "title", "Captain");
    assert_eq!(changes(&world.operation(&pair)), ["title: - → Captain"]);
}

#[test]
fn lists_are_compared_as_sets_and_booleans_by_meaning() {
    let rules = r#"fn account(user) { #{ userName: user.email, emails: if user.title == () { [#{ value: "a" }, #{ value: "b" }] } else { [#{ value: "b" }, #{ value: "a" }] } } }"#;
    let world = World::of("", world::CONNECTOR, rules, &[]);
    let mut pair = world.created(user(1));
    set(&mut pair.user, "title", "Captain");
    assert!(world.is_quiet(&pair));
}

#[test]
fn a_changed_user_name_is_a_rename_and_goes_before_other_changes() {
    let world = World::new("");
    let mut pair = world.created(user(1));
    set(&mut pair.user, "email", "new@example.test");
    set(&mut pair.user, "title", "Captain");
    let planned = world.operation(&pair);
    assert_eq!((planned.operation.kind, planned.verdict), (Kind::Rename, Verdict::Queued));
    assert!(has(&planned, FindingKind::Rename));
    assert_eq!(changes(&planned), ["userName: u1@example.test → new@example.test"]);
    world.succeed(&mut pair, &planned);
    assert_eq!(world.operation(&pair).operation.kind, Kind::Update);
}

#[test]
fn a_rename_is_held_where_the_account_is_replaced_and_refused_where_it_is_impossible() {
    for (word, finding, verdict) in [
        ("replaces", FindingKind::RenameReplaces, Verdict::Pending),
        ("never", FindingKind::RenameImpossible, Verdict::Refused),
    ] {
        let connector = format!("{}[users]\nusername_change = \"{word}\"\n", world::CONNECTOR);
        let world = World::of("", &connector, world::RULES, &[]);
        let mut pair = world.created(user(1));
        set(&mut pair.user, "email", "new@example.test");
        let planned = world.operation(&pair);
        assert!(has(&planned, finding), "{word}");
        assert_eq!(planned.verdict, verdict, "{word}");
    }
}

#[test]
fn a_changed_external_id_is_held_on_a_rename_and_on_a_reactivation() {
    let rules = "fn account(user) { #{ userName: user.email, externalId: user.title ?? user.external_id } }";
    let world = World::of("", world::CONNECTOR, rules, &[]);
    let mut pair = world.created(user(1));
    set(&mut pair.user, "title", "E-7");
    let planned = world.operation(&pair);
    assert!(planned.operation.kind == Kind::Rename && has(&planned, FindingKind::ExternalIdChange));
    assert_eq!(planned.verdict, Verdict::Pending);
    pair.account.presence = Presence::Deactivated;
    let planned = world.operation(&pair);
    assert!(planned.operation.kind == Kind::Reactivate && has(&planned, FindingKind::ExternalIdChange));
    assert_eq!(planned.verdict, Verdict::Pending);
}

#[test]
fn a_third_party_account_is_held_adopted_or_left_alone_as_the_app_says() {
    let mut pair = row(user(1));
    pair.account.observation = third_party(&[("userName", "u1@example.test".into())]);
    let held = World::new("").operation(&pair);
    assert_eq!((held.operation.kind, held.verdict), (Kind::Link, Verdict::Pending));
    assert!(has(&held, FindingKind::ThirdPartyAccount) && held.operation.changes.is_empty());
    let adopted = World::new("on_existing = \"adopt\"").operation(&pair);
    assert_eq!((adopted.operation.kind, adopted.verdict), (Kind::Link, Verdict::Queued));
    assert_eq!(adopted.operation.origin, Some(Origin::Adopted));
    assert!(
        matches!(World::new("on_existing = \"skip\"").skip(&pair), SkipReason::Existing { remote_id } if remote_id == "t-1")
    );
}

#[test]
fn an_adoption_fills_overwrites_or_observes() {
    let values = [("userName", Value::from("u1@example.test")), ("title", "Chief".into())];
    let mut fry = user(1);
    set(&mut fry, "title", "Captain");
    for (mode, expected) in [
        ("fill", vec!["displayName", "externalId"]),
        ("overwrite", vec!["displayName", "externalId", "title"]),
        ("observe", vec![]),
    ] {
        let world = World::new(&format!("adopt_mode = \"{mode}\""));
        let mut pair = world.adopted(fry.clone(), &values);
        let page = world.plan(std::slice::from_ref(&pair));
        let written: Vec<String> = page
            .operations
            .iter()
            .flat_map(|planned| planned.operation.changes.iter().map(|change| change.path.clone()))
            .collect();
        assert_eq!(written, expected, "{mode}: {page:?}");
        if mode == "observe" {
            let left = ["displayName", "externalId", "title"].map(str::to_owned).to_vec();
            assert_eq!(page.skipped[0].reason, SkipReason::LeftAlone { paths: left });
        }
        world.apply(std::slice::from_mut(&mut pair), &page);
        assert!(world.plan(std::slice::from_ref(&pair)).operations.is_empty(), "{mode} converges");
    }
}

#[test]
fn what_an_adoption_filled_is_ours_to_change_afterwards() {
    let world = World::new("");
    let mut pair = world.adopted(user(1), &[("userName", "u1@example.test".into()), ("title", "Chief".into())]);
    let planned = world.operation(&pair);
    world.succeed(&mut pair, &planned);
    set(&mut pair.user, "display_name", "Philip");
    set(&mut pair.user, "title", "Captain");
    assert_eq!(changes(&world.operation(&pair)), ["displayName: User 1 → Philip"], "the found title stays as it is");
}

#[test]
fn what_an_adoption_would_overwrite_is_shown_before_it_is_approved() {
    let world = World::new("adopt_mode = \"overwrite\"");
    let mut fry = user(1);
    set(&mut fry, "title", "Captain");
    let mut pair = row(fry);
    pair.account.observation = third_party(&[("userName", "u1@example.test".into()), ("title", "Chief".into())]);
    let told = |planned: &usher::provision::Planned| {
        let found = planned.findings.iter().find(|finding| finding.kind == FindingKind::AdoptionDiffers);
        found.map(|finding| finding.detail.clone()).unwrap_or_default()
    };
    assert_eq!(told(&world.operation(&pair)), "would be overwritten: title: Chief → Captain");
    assert_eq!(told(&World::new("").operation(&pair)), "would be left as they are: title: Chief → Captain");
}

#[test]
fn an_account_of_another_user_is_held_even_where_adoption_is_the_policy() {
    let world = World::new("on_existing = \"adopt\"\n[guard.findings]\nowned_by_other = \"clear\"\n");
    let mut pair = row(user(1));
    pair.account.observation =
        Observation::OwnedByOther { remote_id: "t-1".to_owned(), owner: world::id(2), at: AS_OF };
    let planned = world.operation(&pair);
    assert!(planned.operation.kind == Kind::Link && has(&planned, FindingKind::OwnedByOther));
    assert_eq!(planned.verdict, Verdict::Pending);
}

#[test]
fn several_matches_are_refused() {
    let mut pair = row(user(1));
    pair.account.observation = Observation::Ambiguous { remote_ids: vec!["a".to_owned(), "b".to_owned()], at: AS_OF };
    let planned = World::new("").operation(&pair);
    assert!(planned.verdict == Verdict::Refused && has(&planned, FindingKind::Ambiguous));
}

#[test]
fn an_account_that_was_lost_is_made_again_only_with_approval_and_a_deleted_one_at_once() {
    let world = World::new("");
    let mut pair = row(user(1));
    pair.account.presence = Presence::Lost;
    let planned = world.operation(&pair);
    assert!(planned.verdict == Verdict::Pending && has(&planned, FindingKind::Recreation));
    pair.account.presence = Presence::Deleted;
    let planned = world.operation(&pair);
    assert!(planned.verdict == Verdict::Queued && has(&planned, FindingKind::Rehire));
}

#[test]
fn the_outcome_of_a_create_that_is_not_known_is_waited_for() {
    let mut pair = row(user(1));
    pair.account.presence = Presence::Unknown;
    assert!(matches!(World::new("").skip(&pair), SkipReason::NotObserved { .. }));
}

#[test]
fn unlinked_and_conflicting_pairs_are_left_to_people() {
    let world = World::new("");
    let mut pair = world.created(user(1));
    pair.account.basis = None;
    pair.account.presence = Presence::Conflict;
    pair.account.note = "someone else's".to_owned();
    assert!(matches!(world.skip(&pair), SkipReason::Conflict { note } if note == "someone else's"));
    pair.account.presence = Presence::Unlinked;
    assert!(matches!(world.skip(&pair), SkipReason::Unlinked));
    pair.user.standing = usher::directory::Standing::Deleted;
    assert!(world.plan(&[pair]).operations.is_empty(), "not even for a leaver");
}

#[test]
fn the_same_payload_that_is_open_is_not_filed_again_and_another_one_supersedes_it() {
    let world = World::new("");
    let mut pair = world.created(user(1));
    set(&mut pair.user, "title", "Captain");
    let planned = world.operation(&pair);
    for status in [StatusKind::Pending, StatusKind::Queued] {
        let open = filed(&pair, &planned, status);
        assert!(matches!(world.skip(&open), SkipReason::AlreadyOpen { event } if event == EventId(5)), "{status}");
        let mut moved = open.clone();
        set(&mut moved.user, "title", "Admiral");
        assert_eq!(changes(&world.operation(&moved)), ["title: - → Admiral"]);
    }
    for status in [StatusKind::Running, StatusKind::Verifying] {
        let mut open = filed(&pair, &planned, status);
        set(&mut open.user, "title", "Admiral");
        assert!(matches!(world.skip(&open), SkipReason::InFlight { event } if event == EventId(5)), "{status}");
    }
}

#[test]
fn a_deactivation_takes_the_place_of_what_was_not_sent() {
    let world = World::new("");
    let mut pair = world.created(user(1));
    set(&mut pair.user, "title", "Captain");
    let mut open = filed(&pair, &world.operation(&pair), StatusKind::Pending);
    open.user.standing = usher::directory::Standing::Suspended;
    open.user.revision += 1;
    assert_eq!(world.operation(&open).operation.kind, Kind::Deactivate);
}

#[test]
fn an_open_event_that_nothing_asks_for_any_more_comes_to_rest() {
    let world = World::new("");
    let pair = row(user(1));
    let mut open = filed(&pair, &world.operation(&pair), StatusKind::Pending);
    open.user.standing = usher::directory::Standing::Suspended;
    open.user.revision += 1;
    let page = world.plan(&[open]);
    assert!(page.operations.is_empty());
    assert_eq!(page.quiet.iter().map(|(user, _)| *user).collect::<Vec<UserId>>(), [world::id(1)]);
}

#[test]
fn a_muted_payload_is_skipped_until_payload_or_app_change() {
    let world = World::new("");
    let mut pair = world.created(user(1));
    set(&mut pair.user, "title", "Captain");
    let planned = world.operation(&pair);
    for why in [MuteReason::Failed, MuteReason::Rejected] {
        let mut muted = pair.clone();
        muted.account.mute = Some(mute(&world.spec, &planned.operation, why));
        muted.account.generation += 2;
        assert!(matches!(world.skip(&muted), SkipReason::Muted { event, .. } if event == EventId(9)), "{why:?}");
        set(&mut muted.user, "title", "Admiral");
        assert_eq!(world.operation(&muted).operation.kind, Kind::Update);
        set(&mut muted.user, "title", "Captain");
        let other = World::new("title = \"Another digest\"");
        assert_eq!(other.operation(&muted).operation.kind, Kind::Update, "a changed app lifts the mute");
    }
}

#[test]
fn a_refusal_is_muted_only_as_long_as_the_guard_still_refuses() {
    let strict = format!("{}[attributes.title]\nallowed = [\"Captain\"]\n", world::CONNECTOR);
    let world = World::of("", &strict, world::RULES, &[]);
    let mut pair = world.created(user(1));
    set(&mut pair.user, "title", "Pirate");
    let refused = world.operation(&pair);
    assert_eq!(refused.verdict, Verdict::Refused);
    pair.account.mute = Some(mute(&world.spec, &refused.operation, MuteReason::Refused));
    assert!(matches!(world.skip(&pair), SkipReason::Muted { .. }));
    let mut fine = pair.clone();
    set(&mut fine.user, "title", "Captain");
    let allowed = world.operation(&fine);
    fine.account.mute = Some(mute(&world.spec, &allowed.operation, MuteReason::Refused));
    assert_eq!(world.operation(&fine).verdict, Verdict::Queued, "what made the guard refuse is gone");
}

#[test]
fn a_reference_waits_for_the_managers_account_and_then_follows() {
    let rules = r#"fn account(user) { #{ userName: user.email,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": #{ manager: #{ value: ref(user.manager) } } } }"#;
    let world = World::of("", world::CONNECTOR, rules, &[]);
    let mut pair = row(user(1));
    pair.manager = Some(world::manager(2, None));
    let planned = world.operation(&pair);
    assert!(!changes(&planned).iter().any(|change| change.contains("manager")));
    world.succeed(&mut pair, &planned);
    assert!(world.is_quiet(&pair));
    pair.manager = Some(world::manager(2, Some("r-2")));
    let planned = world.operation(&pair);
    assert!(changes(&planned)[0].ends_with("manager.value: - → r-2"), "{:?}", changes(&planned));
}

#[test]
fn the_highest_of_several_app_roles_wins_and_an_unlisted_one_beside_another_is_refused() {
    let order = ["GUEST", "USER", "ADMIN"].map(str::to_owned).to_vec();
    let assigned = |roles: &[&str]| usher::directory::Assignment {
        grants: Vec::new(),
        app_roles: roles.iter().map(|role| (*role).to_owned()).collect::<BTreeSet<_>>(),
        overrides: std::collections::BTreeMap::new(),
    };
    assert_eq!(highest_app_role(&assigned(&[]), &order), Ok(None));
    assert_eq!(highest_app_role(&assigned(&["OTHER"]), &order), Ok(Some("OTHER")), "a single one needs no order");
    assert_eq!(highest_app_role(&assigned(&["GUEST", "ADMIN", "USER"]), &order), Ok(Some("ADMIN")));
    assert_eq!(highest_app_role(&assigned(&["GUEST", "OTHER"]), &order), Err("OTHER".to_owned()));

    let world = World::new("app_role_order = [\"GUEST\", \"USER\"]");
    let mut fry = user(1);
    fry.app_roles.insert(world::app_name(), "OTHER".to_owned());
    let direct = DirectAssignment { app_role: Some("USER".to_owned()), ..DirectAssignment::default() };
    fry.direct.insert(world::app_name(), direct);
    let planned = world.operation(&row(fry));
    assert!(planned.verdict == Verdict::Refused && has(&planned, FindingKind::UnlistedAppRole));
    assert!(planned.operation.changes.is_empty());
}

#[test]
fn a_ledger_entry_without_origin_or_id_is_not_ours() {
    let mut account = Account::new(world::app_name(), world::id(1));
    account.presence = Presence::Active;
    assert!(!account.is_ours());
    account.origin = Some(Origin::Created);
    assert!(!account.is_ours());
    account.remote_id = Some("r".to_owned());
    assert!(account.is_ours());
    for presence in [Presence::None, Presence::Deleted, Presence::Unlinked, Presence::Conflict, Presence::Lost] {
        account.presence = presence;
        assert!(!account.is_ours(), "{presence:?}");
    }
}
