//! Samples of the pages about rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use usher::access::Role;
use usher::clock::Timestamp;
use usher::connector::draft::{Draft, FileChange, compare};
use usher::connector::{Bundle, Revision};
use usher::digest::Digest;
use usher::directory::change::Cause;
use usher::directory::value::Value;
use usher::engine::answer::{Answer, AppPlan, ApplyAnswer, PlanFile, Progress};
use usher::engine::context::{EngineError, Watcher};
use usher::engine::explained::{AccessLine, AccountLine, AttributeLine, EntitlementLine, Explained};
use usher::engine::trial::{Deviation, DraftAnswer, ExampleRun, Mistake, RulesChecked, RulesTried};
use usher::entropy::SeededEntropy;
use usher::id::{AppName, OperatorId, PlanId, RevisionNumber, UserId};
use usher::provision::account::Presence;
use usher::provision::edge::EdgeChange;
use usher::provision::guard::finding::{Finding, FindingKind};
use usher::provision::operation::{Change, Kind, Operation};
use usher::provision::plan::{PlanCounts, PlanSummary, Planned, SkipReason, Skipped, Verdict};
use usher::server::console::layout::Viewer;
use usher::server::console::rules::draft::DraftPage;
use usher::server::console::rules::file::File;
use usher::server::console::rules::files::Files;
use usher::server::console::rules::list::Rules;
use usher::server::console::rules::revision::RevisionPage;
use usher::server::console::rules::revisions::Revisions;
use usher::server::console::rules::trial::Trial;
use usher::server::console::rules::work::Work;
use usher::server::console::rules::{draft, file, list, revision, revisions, trial, work};
use usher::server::jobs::{Aim, Job};
use usher::text::FileError;

use super::Pages;

/// A value that does harm wherever it is not escaped.
pub(crate) const HARMFUL: &str = "<script>alert(1)</script>\"'&";
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_772_366_400_000);

pub(crate) fn viewer(role: Role) -> Viewer {
    Viewer { name: HARMFUL.to_owned(), role, csrf: "form_sample".to_owned() }
}

pub(crate) fn operator() -> OperatorId {
    OperatorId::mint(NOW, &SeededEntropy::new(4))
}

fn user() -> UserId {
    UserId::mint(NOW, &SeededEntropy::new(1))
}

fn text() -> Option<Value> {
    Some(Value::from(HARMFUL))
}

fn bundle(more: &str) -> Bundle {
    let script = format!("// {HARMFUL}\nfn account(user) {{\n    #{{ userName: user.email }}\n}}\n{more}");
    let files = [
        ("rules/crm.rhai", script),
        ("rules/crm.examples.toml", HARMFUL.to_owned()),
        ("apps/crm.toml", HARMFUL.to_owned()),
    ];
    Bundle { files: files.into_iter().map(|(path, text)| (path.to_owned(), text)).collect() }
}

fn revision_of(number: u64) -> Revision {
    let parent = (number > 1).then(|| RevisionNumber(number - 1));
    let number = RevisionNumber(number);
    Revision { number, digest: Digest::default(), parent, author: operator(), comment: HARMFUL.to_owned(), at: NOW }
}

fn checked() -> RulesChecked {
    let mistake = |line: usize| Mistake { file: "rules/crm.rhai".into(), line, column: line, reason: HARMFUL.into() };
    let deviation = |what: &str| Deviation {
        what: what.to_owned(),
        expected: HARMFUL.to_owned(),
        got: HARMFUL.to_owned(),
        sentence: HARMFUL.to_owned(),
    };
    let run = |deviations| ExampleRun {
        rules: "rules/crm.rhai".into(),
        file: "rules/crm.examples.toml".into(),
        name: HARMFUL.into(),
        deviations,
    };
    let examples = vec![run(Vec::new()), run(vec![deviation(HARMFUL), deviation("")])];
    RulesChecked { mistakes: vec![mistake(0), mistake(2)], examples }
}

fn drafted() -> DraftAnswer {
    let (parent, own) = (bundle(""), bundle(HARMFUL));
    DraftAnswer {
        digest: own.digest(),
        changes: compare(&parent, &own),
        draft: Draft { parent: Some(RevisionNumber(1)), bundle: own, at: NOW },
        active: Some(RevisionNumber(2)),
        moved: BTreeMap::from([("apps/crm.toml".to_owned(), FileChange::Changed)]),
    }
}

fn operation(kind: Kind) -> Operation {
    Operation {
        kind,
        app: AppName::new("crm").unwrap(),
        user: user(),
        label: HARMFUL.to_owned(),
        remote_id: Some(HARMFUL.to_owned()),
        user_name: HARMFUL.to_owned(),
        external_id: None,
        changes: vec![Change { path: HARMFUL.to_owned(), old: text(), new: text() }],
        edges: vec![EdgeChange { kind: "group".into(), remote_id: HARMFUL.into(), name: HARMFUL.into(), add: true }],
        released: vec![HARMFUL.to_owned()],
        origin: None,
        generation: 1,
        reason: HARMFUL.to_owned(),
    }
}

fn plan() -> AppPlan {
    let planned = |kind, verdict| Planned {
        operation: Arc::new(operation(kind)),
        findings: vec![Finding::new(FindingKind::ThirdPartyAccount, HARMFUL)],
        verdict,
        payload: Digest::default(),
        cause: Cause::Cycle,
        basis: Digest::default(),
    };
    let mut counts = PlanCounts { pairs: 3, unchanged: 1, skipped: 1, ..PlanCounts::default() };
    let operations: Vec<Planned> = Kind::ALL.into_iter().map(|kind| planned(kind, Verdict::Pending)).collect();
    for kind in Kind::ALL {
        counts.operations.entry(kind).or_default().insert(Verdict::Pending, 1);
    }
    let summary = PlanSummary {
        id: PlanId::mint(NOW, &SeededEntropy::new(3)),
        app: AppName::new("crm").unwrap(),
        app_digest: Digest::default(),
        as_of: NOW,
        counts,
        findings: vec![Finding::new(FindingKind::SourceParked, HARMFUL)],
        held: BTreeMap::new(),
        digest: Digest::default(),
    };
    let reason = SkipReason::Conflict { note: HARMFUL.to_owned() };
    let skipped = vec![Skipped { user: user(), label: HARMFUL.to_owned(), reason }];
    AppPlan { summary, operations, skipped, not_shown: 0, user: None, trouble: Some(HARMFUL.to_owned()) }
}

fn tried() -> RulesTried {
    let attribute = AttributeLine {
        path: HARMFUL.to_owned(),
        desired: text(),
        line: Some("rules/crm.rhai:3".to_owned()),
        pushed: text(),
        pushed_by: None,
        actual: None,
        note: HARMFUL.to_owned(),
        differs: true,
    };
    let entitlement = EntitlementLine {
        kind: "group".to_owned(),
        name: HARMFUL.to_owned(),
        wanted: Some(true),
        line: Some(HARMFUL.to_owned()),
        stands: HARMFUL.to_owned(),
        since: None,
        differs: true,
    };
    let explained = Explained {
        user: user(),
        label: HARMFUL.to_owned(),
        app: AppName::new("crm").unwrap(),
        at: None,
        revision: None,
        access: AccessLine { words: HARMFUL.to_owned(), app_role: Some(HARMFUL.to_owned()), ..AccessLine::default() },
        account: AccountLine {
            presence: Presence::Active,
            words: HARMFUL.to_owned(),
            user_name: Some(HARMFUL.to_owned()),
            remote_id: None,
            since: None,
        },
        attributes: vec![attribute],
        entitlements: vec![entitlement],
        in_the_way: vec![HARMFUL.to_owned()],
        differences: Vec::new(),
        events: Vec::new(),
        unknown: Vec::new(),
    };
    RulesTried {
        draft: true,
        explained,
        active: Some(BTreeMap::from([(format!("{HARMFUL}2"), text())])),
        active_grants: vec![("group".to_owned(), format!("{HARMFUL}2"))],
        protected: Some(HARMFUL.to_owned()),
        plan: plan(),
    }
}

fn work_of(aim: Aim, outcome: Option<Result<Answer, EngineError>>) -> String {
    let job = match outcome {
        Some(outcome) => Job::ended(aim, Some(RevisionNumber(2)), NOW, outcome),
        None => {
            let job = Job::begun(aim, None, NOW);
            job.progress(Progress { app: None, step: HARMFUL.to_owned(), done: 3, total: 9 });
            job
        }
    };
    let (viewer, told) = (viewer(Role::Admin), vec![HARMFUL.to_owned()]);
    work::page(&Work { viewer, told, job: Arc::new(job), draft: Some(drafted()), now: NOW }).into_string()
}

fn works() -> Pages {
    let planned = || {
        Answer::Plan(PlanFile { revision: Digest::default(), draft: true, apps: vec![plan()], ..PlanFile::default() })
    };
    let applied = ApplyAnswer {
        revision: Some(revision_of(3)),
        changes: vec![HARMFUL.to_owned()],
        plan: PlanFile { apps: vec![plan()], ..PlanFile::default() },
        activated: true,
    };
    let error = FileError { file: "rules/crm.rhai".into(), line: 2, column: 3, reason: HARMFUL.to_owned() };
    let whole = FileError { line: 0, ..error.clone() };
    vec![
        ("work that runs", work_of(Aim::Activate, None)),
        ("a plan of a draft", work_of(Aim::Plan(drafted().digest), Some(Ok(planned())))),
        ("a plan of an older draft", work_of(Aim::Plan(Digest::default()), Some(Ok(planned())))),
        ("a plan of going back", work_of(Aim::PlanBack(RevisionNumber(1)), Some(Ok(planned())))),
        ("a draft that is active", work_of(Aim::Activate, Some(Ok(Answer::Applied(applied))))),
        ("a draft that is wrong", work_of(Aim::Activate, Some(Err(EngineError::Files(vec![error, whole]))))),
        ("work that was refused", work_of(Aim::Activate, Some(Err(EngineError::Invalid(HARMFUL.to_owned()))))),
    ]
}

/// One of each page, as an admin and as a viewer see it.
pub(crate) fn pages() -> Pages {
    let told = vec![HARMFUL.to_owned()];
    let files = Files { active: Some(revision_of(2)), bundle: bundle(""), draft: Some(drafted()) };
    let users = BTreeMap::from([("rules/crm.rhai".to_owned(), vec![HARMFUL.to_owned()])]);
    let (author, now) = (HARMFUL.to_owned(), NOW);
    let list = |role, files: Files| {
        let (viewer, told, author) = (viewer(role), told.clone(), author.clone());
        list::page(&Rules { viewer, told, files, author, checked: checked(), users: users.clone(), now }).into_string()
    };
    let file = |role, typed: Option<String>| {
        file::page(&File {
            viewer: viewer(role),
            told: told.clone(),
            path: "rules/crm.rhai".to_owned(),
            text: Some(bundle(HARMFUL).files["rules/crm.rhai"].clone()),
            typed,
            of: HARMFUL.to_owned(),
            change: Some(FileChange::Changed),
            checked: checked(),
            apps: vec![HARMFUL.to_owned()],
        })
        .into_string()
    };
    let drafts = DraftPage {
        viewer: viewer(Role::Admin),
        told: told.clone(),
        draft: drafted(),
        parent: bundle(""),
        active: bundle("// moved\n"),
        checked: checked(),
        now,
    };
    let trials = Trial {
        viewer: viewer(Role::Viewer),
        apps: vec![HARMFUL.to_owned()],
        asked: (HARMFUL.to_owned(), HARMFUL.to_owned()),
        draft: true,
        tried: Some(tried()),
        trouble: Some(HARMFUL.to_owned()),
        near: vec![(user(), HARMFUL.to_owned())],
        mistakes: checked().mistakes,
    };
    let all = Revisions {
        viewer: viewer(Role::Viewer),
        told: told.clone(),
        revisions: vec![revision_of(2), revision_of(1)],
        active: Some(RevisionNumber(2)),
        names: BTreeMap::from([(operator(), HARMFUL.to_owned())]),
        now,
    };
    let one = RevisionPage {
        viewer: viewer(Role::Admin),
        told: told.clone(),
        revision: revision_of(1),
        author: author.clone(),
        bundle: bundle(HARMFUL),
        against: (Some(RevisionNumber(2)), bundle("")),
        active: Some(RevisionNumber(2)),
        now,
    };
    let mut pages = vec![
        ("rules", list(Role::Admin, files.clone())),
        ("rules for a viewer", list(Role::Viewer, Files { draft: None, ..files })),
        ("rules that are not there yet", list(Role::Admin, Files::default())),
        ("a file", file(Role::Admin, None)),
        ("a file that two wrote", file(Role::Admin, Some(HARMFUL.to_owned()))),
        ("a file for a viewer", file(Role::Viewer, None)),
        ("a draft", draft::page(&drafts).into_string()),
        ("a user tried", trial::page(&trials).into_string()),
        ("revisions", revisions::page(&all).into_string()),
        ("a revision", revision::page(&one).into_string()),
    ];
    pages.extend(works());
    pages
}
