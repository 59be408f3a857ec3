//! Leavers: who leaves, what the policies make of it, and what no fault may stop.

use usher::clock::Span;
use usher::directory::{Standing, User};
use usher::provision::FindingKind;
use usher::provision::account::{MuteReason, Origin, Presence};
use usher::provision::operation::Kind;
use usher::provision::plan::{SkipReason, Verdict};
use usher::store::query::PairRow;

use super::world::{self, AS_OF, World, has, mute, row, set, user};

fn leaving(how: &str) -> impl Fn(&mut User) + '_ {
    move |user: &mut User| {
        user.revision += 1;
        match how {
            "suspend" => user.standing = Standing::Suspended,
            "delete" => user.standing = Standing::Deleted,
            "unassign" => user.groups.clear(),
            _ => unreachable!(),
        }
    }
}

/// A member of the group that grants the app, with an account, who then leaves.
fn leaver(world: &World, how: &str) -> PairRow {
    let mut fry = user(1);
    fry.groups.insert("crew".to_owned());
    let mut pair = world.created(fry);
    leaving(how)(&mut pair.user);
    pair
}

const CREW: &str = "[assign]\ngroups = [\"crew\"]\n";

#[test]
fn every_reason_to_leave_follows_its_own_policy() {
    for how in ["suspend", "unassign", "delete"] {
        for (policy, expected) in
            [("nothing", None), ("deactivate", Some(Kind::Deactivate)), ("delete", Some(Kind::Deactivate))]
        {
            if (how, policy) == ("suspend", "delete") {
                continue;
            }
            let world = World::new(&format!("[leaving]\non_{how} = \"{policy}\"\n{CREW}"));
            let pair = leaver(&world, how);
            let page = world.plan(std::slice::from_ref(&pair));
            assert_eq!(page.operations.first().map(|planned| planned.operation.kind), expected, "{how} {policy}");
            assert_eq!(page.kept.len(), usize::from(expected.is_none()), "{how} {policy}");
        }
    }
}

#[test]
fn a_delete_without_delay_comes_at_once_and_waits_for_its_approval() {
    let world = World::new(&format!("[leaving]\non_delete = \"delete\"\ndelete_after = \"0s\"\n{CREW}"));
    let planned = world.operation(&leaver(&world, "delete"));
    assert_eq!((planned.operation.kind, planned.verdict), (Kind::Delete, Verdict::Pending));
    assert!(has(&planned, FindingKind::ApprovalRequired));
}

#[test]
fn a_delete_comes_when_its_time_has_come_and_not_before() {
    let world = World::new(&format!("[leaving]\non_delete = \"delete\"\ndelete_after = \"30d\"\n{CREW}"));
    let mut pair = leaver(&world, "delete");
    let planned = world.operation(&pair);
    world.succeed(&mut pair, &planned);
    let due = AS_OF.plus(Span::from_days(30));
    assert!(matches!(world.skip(&pair), SkipReason::NotYet { due: at } if at == due));
    assert!(world.plan_at(std::slice::from_ref(&pair), due.plus_millis(-1)).operations.is_empty());
    let page = world.plan_at(std::slice::from_ref(&pair), due);
    assert_eq!(page.operations[0].operation.kind, Kind::Delete);
}

#[test]
fn an_adopted_account_is_deactivated_and_its_deletion_refused_unless_the_app_says_otherwise() {
    let policy = "on_delete = \"delete\"\ndelete_after = \"0s\"";
    let world = World::new(&format!("[leaving]\n{policy}\n{CREW}"));
    let mut pair = leaver(&world, "delete");
    pair.account.origin = Some(Origin::Adopted);
    let planned = world.operation(&pair);
    assert_eq!(planned.operation.kind, Kind::Deactivate);
    world.succeed(&mut pair, &planned);
    let planned = world.operation(&pair);
    assert!(planned.verdict == Verdict::Refused && has(&planned, FindingKind::DeleteAdopted));
    let generous = World::new(&format!("[leaving]\n{policy}\ndelete_adopted = true\n{CREW}"));
    let planned = generous.operation(&pair);
    assert_eq!((planned.operation.kind, planned.verdict), (Kind::Delete, Verdict::Pending));
}

#[test]
fn a_stronger_reason_is_planned_although_the_account_is_deactivated_already() {
    let world = World::new(&format!("[leaving]\non_delete = \"delete\"\ndelete_after = \"0s\"\n{CREW}"));
    let mut pair = leaver(&world, "suspend");
    let planned = world.operation(&pair);
    world.succeed(&mut pair, &planned);
    assert!(world.is_quiet(&pair));
    leaving("delete")(&mut pair.user);
    assert_eq!(world.operation(&pair).operation.kind, Kind::Delete);
}

#[test]
fn a_kept_account_gets_no_updates_and_goes_on_when_the_user_returns() {
    let world = World::new(&format!("[leaving]\non_suspend = \"nothing\"\n{CREW}"));
    let mut pair = leaver(&world, "suspend");
    let page = world.plan(std::slice::from_ref(&pair));
    world.apply(std::slice::from_mut(&mut pair), &page);
    assert_eq!(pair.account.presence, Presence::Kept);
    set(&mut pair.user, "title", "Captain");
    assert!(world.plan(std::slice::from_ref(&pair)).operations.is_empty());
    pair.user.standing = Standing::Active;
    pair.user.revision += 1;
    assert_eq!(world.operation(&pair).operation.kind, Kind::Update);
}

#[test]
fn whoever_returns_is_brought_up_to_date_and_activated_in_one() {
    let world = World::new(CREW);
    let mut pair = leaver(&world, "suspend");
    let planned = world.operation(&pair);
    world.succeed(&mut pair, &planned);
    pair.user.standing = Standing::Active;
    set(&mut pair.user, "title", "Captain");
    let planned = world.operation(&pair);
    assert_eq!((planned.operation.kind, planned.verdict), (Kind::Reactivate, Verdict::Queued));
    assert_eq!(world::changes(&planned), ["title: - → Captain"]);
    world.succeed(&mut pair, &planned);
    assert!(world.is_quiet(&pair));
}

#[test]
fn a_target_that_cannot_deactivate_is_told_to_people() {
    let connector = format!("{}[users]\ndeactivate = \"none\"\n", world::CONNECTOR);
    let world = World::of(CREW, &connector, world::RULES, &[]);
    assert!(matches!(world.skip(&leaver(&world, "suspend")), SkipReason::NotPossible { .. }));
}

#[test]
fn whoever_never_had_an_account_leaves_nothing_behind() {
    let world = World::new("");
    let mut pair = row(user(1));
    pair.user.standing = Standing::Deleted;
    assert!(world.is_quiet(&pair));
    pair.account.observation = world::third_party(&[("userName", "u1@example.test".into())]);
    assert!(world.is_quiet(&pair), "someone else's account is not deactivated");
}

#[test]
fn in_scope_false_is_an_assignment_lost() {
    let world = World::new("[leaving]\non_unassign = \"deactivate\"\non_suspend = \"nothing\"\n");
    let mut pair = world.created(user(1));
    set(&mut pair.user, "department", "Contractors");
    let planned = world.operation(&pair);
    assert_eq!(planned.operation.kind, Kind::Deactivate);
    assert!(has(&planned, FindingKind::OutOfScope), "and it says that a rule did it");
}

#[test]
fn a_rule_error_blocks_and_removes_nothing() {
    let world = World::new("");
    let mut pair = world.created(user(1));
    set(&mut pair.user, "title", "boom");
    let planned = world.operation(&pair);
    assert_eq!(planned.verdict, Verdict::Refused);
    assert!(has(&planned, FindingKind::RuleError) && planned.operation.changes.is_empty());
    assert!(!planned.operation.kind.is_leaving());
}

#[test]
fn no_policy_lets_a_rule_error_through() {
    for word in ["clear", "hold"] {
        let world = World::new(&format!("[guard.findings]\nrule_error = \"{word}\"\n"));
        let mut fry = user(1);
        set(&mut fry, "title", "boom");
        assert_eq!(world.operation(&row(fry)).verdict, Verdict::Refused, "{word}");
    }
}

#[test]
fn a_leaver_leaves_although_every_rule_fails() {
    let rules = "fn in_scope(user) { throw \"no\"; } fn account(user) { throw \"no\"; }";
    let roles = [("broken", "user.title.len() > 3")];
    let healthy = World::new("");
    let broken = World::of("", world::CONNECTOR, rules, &roles);
    for standing in [Standing::Suspended, Standing::Deleted] {
        let mut pair = healthy.created(user(1));
        pair.user.standing = standing;
        pair.user.revision += 1;
        let planned = broken.operation(&pair);
        assert_eq!((planned.operation.kind, planned.verdict), (Kind::Deactivate, Verdict::Queued), "{standing:?}");
    }
}

#[test]
fn an_entitlement_rule_that_fails_lets_attributes_flow() {
    let rules = format!("{}\nfn entitlements(user) {{ throw \"no\"; }}", world::RULES);
    let world = World::of("", world::CONNECTOR, &rules, &[]);
    let judged = world.judge(row(user(1)));
    assert!(judged.entitlement_fault.is_some() && judged.fault.is_none());
    let planned = world.operation(&row(user(1)));
    assert_eq!((planned.operation.kind, planned.verdict), (Kind::Create, Verdict::Queued));
    assert!(planned.operation.edges.is_empty());
}

#[test]
fn a_rejected_leaver_is_told_as_still_active() {
    let world = World::new("");
    let mut pair = world.created(user(1));
    pair.user.standing = Standing::Suspended;
    pair.user.revision += 1;
    let planned = world.operation(&pair);
    pair.account.mute = Some(mute(&world.spec, &planned.operation, MuteReason::Rejected));
    assert!(matches!(world.skip(&pair), SkipReason::Muted { why, .. } if why.contains("still active")));
}

#[test]
fn a_manual_suspension_wins_unless_the_source_says_something_stronger() {
    let mut fry = user(1);
    fry.manual.standing = Some(Standing::Suspended);
    assert_eq!(fry.effective_standing(), Standing::Suspended);
    fry.standing = Standing::Deleted;
    assert_eq!(fry.effective_standing(), Standing::Deleted);
}

#[test]
fn leavers_come_first_on_a_page() {
    let world = World::new("");
    let mut late = world.created(user(9));
    late.user.standing = Standing::Suspended;
    late.user.revision += 1;
    let page = world.plan(&[row(user(1)), late, row(user(2))]);
    let order: Vec<_> = page.operations.iter().map(|planned| planned.operation.user).collect();
    assert_eq!(order, [world::id(9), world::id(1), world::id(2)]);
}
