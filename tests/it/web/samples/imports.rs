//! Samples of the pages about imports.

use std::collections::BTreeMap;

use usher::access::Role;
use usher::directory::value::Value;
use usher::engine::answer::ImportAnswer;
use usher::engine::intake::compare::{Kind, StagedChange};
use usher::entropy::SeededEntropy;
use usher::id::{ImportId, SourceName};
use usher::provision::operation::Change;
use usher::server::console::imports::list::Imports;
use usher::server::console::imports::one::One;
use usher::server::console::imports::{list, one};
use usher::store::query::{Import, ImportState, Preview, Remarks, RowProblem};

use super::Pages;
use super::rules::{HARMFUL, NOW, operator, viewer};

fn import(state: ImportState) -> Import {
    let counted = BTreeMap::from([(HARMFUL.to_owned(), 7)]);
    Import {
        id: ImportId::mint(NOW, &SeededEntropy::new(5)),
        source: SourceName::new("hr").unwrap(),
        full: true,
        files: vec![HARMFUL.to_owned()],
        operator: operator(),
        at: NOW,
        state,
        rows: 12,
        staged: 9,
        preview: Preview {
            added: 1,
            missing: 30,
            missing_sample: vec![HARMFUL.to_owned()],
            losing: counted.clone(),
            emptied: counted,
            findings: vec![HARMFUL.to_owned()],
            shrinks: vec![HARMFUL.to_owned()],
            ..Preview::default()
        },
    }
}

fn parked() -> ImportState {
    ImportState::Parked { reasons: vec![HARMFUL.to_owned()] }
}

fn imported(state: ImportState) -> ImportAnswer {
    let value = Some(Value::from(HARMFUL));
    let change = Change { path: HARMFUL.to_owned(), old: value.clone(), new: value };
    let staged =
        |way| StagedChange { way, label: HARMFUL.to_owned(), key: HARMFUL.to_owned(), changes: vec![change.clone()] };
    let problem = RowProblem {
        file: HARMFUL.to_owned(),
        line: 3,
        column: 4,
        key: Some(HARMFUL.to_owned()),
        reason: HARMFUL.to_owned(),
    };
    let without = RowProblem { key: None, ..problem.clone() };
    ImportAnswer {
        import: import(state),
        problems: vec![HARMFUL.to_owned()],
        notes: vec![HARMFUL.to_owned()],
        remarks: Box::new(Remarks {
            problems: vec![problem, without],
            problem_count: 5,
            notes: vec![HARMFUL.to_owned()],
            touched: BTreeMap::from([(HARMFUL.to_owned(), 2)]),
        }),
        sample: [None, Some(Kind::Changed), Some(Kind::Returned), Some(Kind::Left)].map(staged).into(),
    }
}

/// One of each page, as an admin and as a viewer see it.
pub(crate) fn pages() -> Pages {
    let told = vec![HARMFUL.to_owned()];
    let states = [
        ImportState::Staging,
        parked(),
        ImportState::Committed { applied: 3 },
        ImportState::Applied,
        ImportState::Dropped,
    ];
    let list = |role, trouble: Option<String>, imports: Vec<Import>, sources: Vec<String>| {
        list::page(&Imports {
            viewer: viewer(role),
            told: told.clone(),
            trouble,
            sources,
            chosen: (HARMFUL.to_owned(), true),
            imports,
            names: BTreeMap::from([(operator(), HARMFUL.to_owned())]),
            now: NOW,
        })
        .into_string()
    };
    let one = |role, state| {
        let imported = imported(state);
        one::page(&One { viewer: viewer(role), told: told.clone(), imported, by: HARMFUL.to_owned(), now: NOW })
            .into_string()
    };
    let all: Vec<Import> = states.into_iter().map(import).collect();
    vec![
        ("imports", list(Role::Admin, None, all.clone(), vec![HARMFUL.to_owned()])),
        ("an upload that was refused", list(Role::Admin, Some(HARMFUL.to_owned()), all, vec![HARMFUL.to_owned()])),
        ("no imports", list(Role::Viewer, None, Vec::new(), Vec::new())),
        ("an import that waits", one(Role::Admin, parked())),
        ("an import that waits, for a viewer", one(Role::Viewer, parked())),
        ("an import", one(Role::Admin, ImportState::Applied)),
    ]
}
