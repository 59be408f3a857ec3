//! Guards and admission: findings with their verdicts, and the blast radius exactly at its limits.

use std::collections::BTreeMap;

use usher::directory::change::Cause;
use usher::directory::{Standing, Value};
use usher::id::{OperatorId, RevisionNumber};
use usher::provision::guard::admission::{self, Budget};
use usher::provision::guard::finding::Class;
use usher::provision::plan::{Fold, PlanCounts, PlanPage, Verdict};
use usher::provision::{Finding, FindingKind, Severity};

use super::world::{self, World, has, row, set, user};

#[test]
fn the_defaults_of_every_finding_are_those_of_the_reliability_table() {
    use FindingKind as F;
    let held = [
        F::ThirdPartyAccount,
        F::OwnedByOther,
        F::Recreation,
        F::RoleDowngrade,
        F::Privileged,
        F::RenameReplaces,
        F::ExternalIdChange,
        F::ProtectedUser,
    ];
    let refused =
        [F::Ambiguous, F::RequiredMissing, F::ValueNotAllowed, F::DuplicateUserName, F::RuleError, F::DeleteAdopted];
    let told = [F::Rehire, F::Rename];
    assert!(held.iter().all(|kind| kind.default_severity() == Severity::Hold));
    assert!(refused.iter().all(|kind| kind.default_severity() == Severity::Refuse));
    assert!(told.iter().all(|kind| kind.default_severity() == Severity::Clear));
}

#[test]
fn the_gravest_finding_decides() {
    let findings = |kinds: &[FindingKind]| kinds.iter().map(|kind| Finding::new(*kind, "")).collect::<Vec<_>>();
    assert_eq!(admission::verdict(&[]), Verdict::Queued);
    assert_eq!(admission::verdict(&findings(&[FindingKind::Rename])), Verdict::Queued);
    assert_eq!(admission::verdict(&findings(&[FindingKind::Rename, FindingKind::Privileged])), Verdict::Pending);
    assert_eq!(admission::verdict(&findings(&[FindingKind::Privileged, FindingKind::Ambiguous])), Verdict::Refused);
}

#[test]
fn a_required_attribute_without_a_value_is_refused_for_that_user_alone() {
    let connector = format!("{}[attributes.title]\nrequired = true\n", world::CONNECTOR);
    let world = World::of("", &connector, world::RULES, &[]);
    let mut fine = user(2);
    set(&mut fine, "title", "Captain");
    let page = world.plan(&[row(user(1)), row(fine)]);
    assert_eq!(page.operations[0].verdict, Verdict::Refused);
    assert!(has(&page.operations[0], FindingKind::RequiredMissing));
    assert_eq!(page.operations[1].verdict, Verdict::Queued);
}

#[test]
fn a_user_name_is_required_whatever_the_connector_says_of_it() {
    for rule in ["", "[attributes.userName]\nlength_max = 64\n", "[attributes.userName]\nrequired = true\n"] {
        let world = World::of("", &format!("{}{rule}", world::CONNECTOR), world::RULES, &[]);
        let mut nameless = user(1);
        set(&mut nameless, "email", "");
        let planned = world.operation(&row(nameless.clone()));
        assert_eq!(planned.verdict, Verdict::Refused, "create, {rule:?}");
        let mut pair = world.created(user(1));
        set(&mut pair.user, "email", "");
        assert_eq!(world.operation(&pair).verdict, Verdict::Refused, "rename to nothing, {rule:?}");
    }
}

#[test]
fn values_outside_the_allowed_set_are_refused() {
    let connector = format!("{}[attributes.roles]\nallowed = [\"GUEST\", \"USER\"]\n", world::CONNECTOR);
    let world = World::of("", &connector, world::RULES, &[]);
    let mut fry = user(1);
    assert_eq!(world.operation(&row(fry.clone())).verdict, Verdict::Queued);
    fry.app_roles.insert(world::app_name(), "ADMIN".to_owned());
    let planned = world.operation(&row(fry));
    assert!(planned.verdict == Verdict::Refused && has(&planned, FindingKind::ValueNotAllowed));
    assert!(planned.findings[0].detail.contains("`ADMIN`") && planned.findings[0].detail.contains("GUEST, USER"));
}

#[test]
fn values_that_are_too_long_and_names_that_are_no_address_are_refused() {
    let connector =
        format!("{}[users]\nusername_is_email = true\n[attributes.title]\nlength_max = 3\n", world::CONNECTOR);
    let world = World::of("", &connector, world::RULES, &[]);
    let mut fry = user(1);
    set(&mut fry, "title", "äöü");
    assert_eq!(world.operation(&row(fry.clone())).verdict, Verdict::Queued, "characters, not bytes");
    set(&mut fry, "title", "four");
    assert!(has(&world.operation(&row(fry.clone())), FindingKind::ValueNotAllowed));
    set(&mut fry, "title", "");
    set(&mut fry, "email", "fry");
    assert!(has(&world.operation(&row(fry)), FindingKind::ValueNotAllowed));
}

#[test]
fn attributes_that_the_target_lacks_are_refused() {
    let connector = format!("{}[users]\nunsupported = [\"title\"]\n", world::CONNECTOR);
    let world = World::of("", &connector, world::RULES, &[]);
    assert_eq!(world.operation(&row(user(1))).verdict, Verdict::Queued, "no value, nothing to send");
    let mut fry = user(1);
    set(&mut fry, "title", "Captain");
    assert!(has(&world.operation(&row(fry)), FindingKind::UnsupportedAttribute));
}

#[test]
fn two_users_of_one_name_are_both_refused_but_the_linked_one_goes_on() {
    let world = World::new("");
    let mut twin = user(2);
    set(&mut twin, "email", "U1@Example.Test");
    let page = world.plan(&[row(user(1)), row(twin.clone())]);
    assert_eq!(page.operations.len(), 2);
    for planned in &page.operations {
        assert!(planned.verdict == Verdict::Refused && has(planned, FindingKind::DuplicateUserName));
    }
    let mut linked = world.created(user(1));
    set(&mut linked.user, "title", "Captain");
    let page = world.plan(&[linked, row(twin)]);
    assert_eq!(page.operations[0].verdict, Verdict::Queued);
    assert_eq!(page.operations[1].verdict, Verdict::Refused);
}

#[test]
fn two_users_cannot_both_adopt_one_account() {
    let world = World::new("on_existing = \"adopt\"");
    let mut twin = user(2);
    set(&mut twin, "email", "u1@example.test");
    let mut pairs = [row(user(1)), row(twin)];
    for pair in &mut pairs {
        pair.account.observation = world::third_party(&[("userName", "u1@example.test".into())]);
    }
    let page = world.plan(&pairs);
    assert!(page.operations.iter().all(|planned| planned.verdict == Verdict::Refused), "{page:?}");
}

#[test]
fn a_step_down_the_role_order_is_held_and_a_step_up_is_not() {
    let world = World::new("app_role_order = [\"GUEST\", \"USER\", \"ADMIN\"]");
    let with_role = |role: &str| {
        let mut fry = user(1);
        fry.app_roles.insert(world::app_name(), role.to_owned());
        fry.revision += 10;
        fry
    };
    for (from, to, verdict) in [
        ("USER", "GUEST", Verdict::Pending),
        ("ADMIN", "USER", Verdict::Pending),
        ("GUEST", "USER", Verdict::Queued),
        ("USER", "ADMIN", Verdict::Queued),
    ] {
        let mut pair = world.created(with_role(from));
        pair.user = with_role(to);
        pair.user.revision += 1;
        let planned = world.operation(&pair);
        assert_eq!(planned.verdict, verdict, "{from} → {to}");
        assert_eq!(has(&planned, FindingKind::RoleDowngrade), verdict == Verdict::Pending);
    }
}

#[test]
fn privileged_values_are_held_when_they_are_granted_and_when_an_adopted_account_shows_them() {
    let world = World::new("on_existing = \"adopt\"\n[guard]\nprivileged = [\"roles:ADMIN\"]\n");
    let mut fry = user(1);
    fry.app_roles.insert(world::app_name(), "ADMIN".to_owned());
    let planned = world.operation(&row(fry));
    assert!(planned.verdict == Verdict::Pending && has(&planned, FindingKind::Privileged));
    let mut pair = row(user(2));
    let role = Value::Object(BTreeMap::from([("value".to_owned(), Value::from("ADMIN"))]));
    pair.account.observation = world::third_party(&[("roles", Value::List(vec![role]))]);
    let planned = world.operation(&pair);
    assert!(planned.verdict == Verdict::Pending && has(&planned, FindingKind::Privileged));
}

#[test]
fn protected_users_are_held_whatever_happens_to_them() {
    for protected in ["hr:k1", "role:board", "group:board", "department=Board"] {
        let world = World::new(&format!("[guard]\nprotected = [\"{protected}\"]\n"));
        let mut fry = user(1);
        fry.roles.insert("board".to_owned());
        fry.groups.insert("board".to_owned());
        set(&mut fry, "department", "Board");
        let planned = world.operation(&row(fry.clone()));
        assert!(planned.verdict == Verdict::Pending && has(&planned, FindingKind::ProtectedUser), "{protected}");
        let mut pair = row(fry);
        world.succeed(&mut pair, &planned);
        pair.user.standing = Standing::Suspended;
        pair.user.revision += 1;
        let planned = world.operation(&pair);
        assert!(planned.operation.kind.is_leaving() && planned.verdict == Verdict::Pending, "{protected}");
        assert_eq!(world.operation(&row(user(2))).verdict, Verdict::Queued, "{protected}");
    }
}

#[test]
fn approvals_are_asked_per_kind() {
    let world = World::new("[approvals]\ncreate = true\n");
    let planned = world.operation(&row(user(1)));
    assert!(planned.verdict == Verdict::Pending && has(&planned, FindingKind::ApprovalRequired));
}

/// Whether `number` of `class` are held for an app with `base` accounts.
fn held(class: &Class, number: u64, base: u64) -> bool {
    let world = World::new("");
    let counts = PlanCounts { classes: BTreeMap::from([(class.clone(), number)]), ..PlanCounts::default() };
    // Other apps are large enough not to matter.
    let budget = Budget { base, edges: base, everywhere: (0, 1_000_000), ..Budget::default() };
    admission::exceeded(&world.spec, &counts, &budget).contains_key(class)
}

#[test]
fn the_blast_radius_holds_one_more_than_its_limits_and_not_one_less() {
    let title = || "title".to_owned();
    for (class, number, base, expected) in [
        // Fewer than 40 accounts: more than 2.
        (Class::Leave, 2, 39, false),
        (Class::Leave, 3, 39, true),
        (Class::Leave, 3, 40, false),
        // More than 10 and more than 5 %.
        (Class::Leave, 10, 40, false),
        (Class::Leave, 11, 40, true),
        (Class::Leave, 11, 220, false),
        (Class::Leave, 12, 220, true),
        (Class::Leave, 11, 219, true),
        // More than 500 whatever the share.
        (Class::Leave, 500, 1_000_000, false),
        (Class::Leave, 501, 1_000_000, true),
        (Class::Rename, 10, 100, false),
        (Class::Rename, 11, 100, true),
        (Class::Rename, 11, 550, false),
        (Class::EdgeRemoval, 25, 100, false),
        (Class::EdgeRemoval, 26, 100, true),
        (Class::EdgeRemoval, 26, 260, false),
        (Class::Update(title()), 200, 400, false),
        (Class::Update(title()), 201, 400, true),
        (Class::Update(title()), 201, 804, false),
        (Class::Clear(title()), 10, 100, false),
        (Class::Clear(title()), 11, 100, true),
        (Class::Clear(title()), 11, 220, false),
        (Class::Create, 200, 0, false),
        (Class::Create, 201, 0, true),
        (Class::Create, 201, 804, false),
    ] {
        assert_eq!(held(&class, number, base), expected, "{number} {class} of {base}");
    }
}

#[test]
fn what_the_window_has_used_counts_and_the_first_cycle_may_create_without_limit() {
    let world = World::new("");
    let counts = |class, number| PlanCounts { classes: BTreeMap::from([(class, number)]), ..PlanCounts::default() };
    let mut budget = Budget { base: 100, everywhere: (0, 1_000_000), ..Budget::default() };
    budget.used.insert(Class::Leave, 5);
    assert!(admission::exceeded(&world.spec, &counts(Class::Leave, 5), &budget).is_empty());
    assert!(!admission::exceeded(&world.spec, &counts(Class::Leave, 6), &budget).is_empty());
    budget.first_cycle = true;
    assert!(admission::exceeded(&world.spec, &counts(Class::Create, 50_000), &budget).is_empty());
    assert!(!admission::exceeded(&world.spec, &counts(Class::Leave, 6), &budget).is_empty());
}

#[test]
fn over_all_apps_more_than_fifty_leavers_and_five_per_cent_are_held() {
    let world = World::new("");
    let held = |here: u64, elsewhere: u64, accounts: u64| {
        let counts = PlanCounts { classes: BTreeMap::from([(Class::Leave, here)]), ..PlanCounts::default() };
        let budget = Budget { base: 1_000, everywhere: (elsewhere, accounts), ..Budget::default() };
        !admission::exceeded(&world.spec, &counts, &budget).is_empty()
    };
    assert!(!held(10, 40, 1_000));
    assert!(held(10, 41, 1_000));
    assert!(!held(10, 41, 1_020));
}

#[test]
fn rule_errors_hold_the_batch_above_a_tenth_and_at_least_five() {
    for (evaluations, errors, expected) in [(10, 4, false), (49, 5, true), (50, 5, false), (50, 6, true), (5, 5, true)]
    {
        let budget = Budget { rule_errors: (evaluations, errors), ..Budget::default() };
        assert_eq!(admission::too_many_rule_errors(&budget).is_some(), expected, "{errors} of {evaluations}");
    }
}

#[test]
fn too_many_rule_errors_hold_everything_but_leavers_by_state_or_assignment() {
    let world = World::new("");
    let mut suspended = world.created(user(1));
    suspended.user.standing = Standing::Suspended;
    suspended.user.revision += 1;
    let mut out_of_scope = world.created(user(2));
    set(&mut out_of_scope.user, "department", "Contractors");
    let mut page = world.plan(&[suspended, out_of_scope, row(user(3))]);
    let finding = Finding::new(FindingKind::RuleErrors, "6 of 50");
    admission::hold(&mut page, &BTreeMap::new(), Some(&finding));
    let verdicts: Vec<Verdict> = page.operations.iter().map(|planned| planned.verdict).collect();
    assert_eq!(verdicts, [Verdict::Queued, Verdict::Pending, Verdict::Pending]);
}

fn one_leaver(cause: Cause) -> (PlanPage, BTreeMap<Class, Finding>) {
    let world = World::new("");
    let mut pair = world.created(user(1));
    pair.user.standing = Standing::Suspended;
    pair.user.revision += 1;
    let mut page = world.plan(&[pair, row(user(2))]);
    page.operations[0].cause = cause;
    (page, BTreeMap::from([(Class::Leave, Finding::new(FindingKind::BlastRadius, "too many"))]))
}

#[test]
fn a_held_class_holds_its_operations_and_leaves_the_others_alone() {
    let (mut page, held) = one_leaver(Cause::Cycle);
    let payload = page.operations[0].payload;
    assert_eq!(admission::hold(&mut page, &held, None), [Some(Class::Leave), None]);
    assert_eq!((page.operations[0].verdict, page.operations[1].verdict), (Verdict::Pending, Verdict::Queued));
    assert_eq!(page.operations[0].payload, payload, "the hold is about the plan, not about the payload");
}

#[test]
fn an_operators_suspension_of_one_user_counts_but_is_not_held() {
    let (mut page, held) = one_leaver(Cause::Operator(OperatorId(uuid::Uuid::from_u128(1))));
    let mut fold = Fold::default();
    fold.page(&page);
    assert_eq!(fold.finish().0.classes.get(&Class::Leave), Some(&1));
    admission::hold(&mut page, &held, None);
    assert_eq!(page.operations[0].verdict, Verdict::Queued);
}

#[test]
fn updates_of_a_plan_that_an_admin_activated_are_not_held() {
    let world = World::new("");
    let mut pair = world.created(user(1));
    set(&mut pair.user, "title", "Captain");
    let mut page = world.plan(&[pair]);
    let class = Class::Update("title".to_owned());
    let held = BTreeMap::from([(class, Finding::new(FindingKind::BlastRadius, "too many"))]);
    page.operations[0].cause = Cause::Activation(RevisionNumber(2));
    admission::hold(&mut page, &held, None);
    assert_eq!(page.operations[0].verdict, Verdict::Queued);
    page.operations[0].cause = Cause::Cycle;
    admission::hold(&mut page, &held, None);
    assert_eq!(page.operations[0].verdict, Verdict::Pending);
}

#[test]
fn refused_operations_use_up_no_budget() {
    let world = World::new("");
    let mut twin = user(2);
    set(&mut twin, "email", "u1@example.test");
    let mut fold = Fold::default();
    fold.page(&world.plan(&[row(user(1)), row(twin), row(user(3))]));
    assert_eq!(fold.finish().0.classes.get(&Class::Create), Some(&1));
}
