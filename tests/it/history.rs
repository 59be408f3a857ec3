//! `usher history` and `usher explain` through the real binary: what people and programs see.

use crate::workspace::{COLUMNS, Manner, Target, Workspace};

/// Somebody whose name is a formula, and somebody whose name turns text around.
fn hostile() -> String {
    format!(
        "{COLUMNS}1,p1@planet.example,=1+cmd|'/c calc'!A1,Given,\u{202e}Boss,Crew,active\n2,p2@planet.example,Amy,\u{1b}[31mWong,Intern,Crew,active\n"
    )
}

#[test]
fn exports_are_safe_for_spreadsheets_and_terminals_and_heads_prove_the_past() {
    let workspace = Workspace::new();
    let target = Target::start(&Manner::default());
    workspace.write("people.csv", &hostile());
    workspace.app(&target.base_url, "");
    workspace.usher("import people.csv --full").ends(0);
    workspace.usher("apply").ends(0);
    workspace.usher("sync").ends(0);
    for words in ["history", "history evt_1", "explain 1 app", "explain 1 app --json", "history --json", "users list"] {
        let ran = workspace.usher(words).ends(0);
        assert!(!ran.out.contains(['\u{202e}', '\u{1b}']), "{words}: {:?}", ran.out);
    }
    workspace.usher("explain 2 app").ends(0).says(&[
        "should have it",
        "rules/generic.rhai:",
        "evt_2",
        "nothing differs",
    ]);

    let csv = workspace.usher("history export --format csv --full").ends(0).out;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    for cell in rows.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        assert!(!cell.chars().any(|c| c.is_control() || c == '\u{202e}'), "{cell:?}");
    }
    let name = columns.iter().position(|column| column == "name").unwrap();
    assert!(rows[1][name].starts_with("'=1+cmd"), "{:?}", &rows[1]);
    let caused = columns.iter().position(|column| column == "caused_by").unwrap();
    assert!(!rows[0][caused].is_empty());

    workspace.usher("history export --full --out all.jsonl").ends(0);
    let text = std::fs::read_to_string(workspace.root().join("all.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), lines[0]["event"]["id"].is_null()), (2, false));
    assert!(lines[0]["entries"].as_array().unwrap().len() >= 4);
    workspace.usher("history export --out all.jsonl").ends(1).says(&["could not create"]);

    workspace.usher("history head --out heads.jsonl").ends(0).says(&["head"]);
    workspace.usher("store verify --head heads.jsonl").ends(0).says(&["whole"]);
    let head = std::fs::read_to_string(workspace.root().join("heads.jsonl")).unwrap();
    let place = head.find("\"hash\":\"").unwrap() + 8;
    let other = if &head[place..=place] == "0" { "1" } else { "0" };
    workspace.write("heads.jsonl", &format!("{}{other}{}", &head[..place], &head[place + 1..]));
    workspace.usher("store verify --head heads.jsonl").ends(3).says(&["another hash"]);
    workspace.usher("history erase --user 1").ends(0).says(&["no values any more"]);
    workspace.usher("history evt_1").ends(0).says(&["(erased)"]);
    workspace.usher("store verify").ends(0);
    workspace.usher("history prune --dry-run").ends(0).says(&["No event ended before"]);
    workspace.keeps_no_secret();
}

#[test]
fn pages_say_how_to_go_on_in_both_directions() {
    let workspace = Workspace::new();
    let target = Target::start(&Manner::default());
    workspace.write("people.csv", &crate::workspace::people(1..=5, "Engineer"));
    workspace.app(&target.base_url, "");
    workspace.usher("import people.csv --full").ends(0);
    workspace.usher("sync").ends(0);
    workspace.usher("history --limit 2").ends(0).says(&["evt_5", "evt_4", "Older ones: --before evt_4"]);
    let middle = workspace.usher("history --limit 2 --before evt_4").ends(0);
    middle.says(&["evt_3", "evt_2", "Older ones: --before evt_2", "Newer ones: --after evt_3"]);
    let back = workspace.usher("history --limit 2 --after evt_3").ends(0);
    back.says(&["evt_5", "evt_4", "Older ones: --before evt_4"]);
    workspace.usher("history --operator nobody").ends(1).says(&["there is no operator `nobody`"]);
    workspace.write("usher.toml", "[history]\nkeep = \"soon\"\n");
    workspace.usher("history").ends(1).says(&["usher.toml:2:8", "no length of time"]);
}
