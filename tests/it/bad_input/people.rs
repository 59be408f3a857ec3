//! Exports that are broken, and exports that are suspiciously small.

use crate::workspace::{COLUMNS, Manner, Target, Workspace, people, person};

fn standings(workspace: &Workspace) -> Vec<String> {
    let users = workspace.json("users list");
    let users = users.as_array().unwrap().iter();
    let lines = users.map(|user| format!("{} {} {}", user["key"], user["attributes"]["title"], user["standing"]));
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

#[test]
fn broken_csv_rows_are_shown_where_they_are_and_the_others_are_read() {
    let workspace = Workspace::new();
    workspace.write("people.csv", &people(1..=5, "Pilot"));
    workspace.usher("import --full people.csv").ends(0);
    let broken = format!(
        "{COLUMNS}{}2,p2@planet.example\n,p9@planet.example,A,B,C,D,active\n{}4,p4@planet.example,G,F,Boss,Crew,dancing\n{}",
        person(1, "Captain"),
        person(3, "Captain"),
        person(5, "Captain"),
    );
    workspace.write("broken.csv", &broken);
    workspace.usher("import broken.csv").ends(3).says(&[
        "broken.csv:3:1: the row has 2 fields, expected 7 as in the header",
        "broken.csv:4:1: the key `employee_number` is empty",
        "broken.csv:6:35: `dancing` is no known state, expected one of",
    ]);
    let title = |key: u32| {
        let title = if [1, 3, 5].contains(&key) { "Captain" } else { "Pilot" };
        format!("\"{key}\" \"{title}\" \"active\"")
    };
    assert_eq!(standings(&workspace), (1..=5).map(title).collect::<Vec<_>>());
}

#[test]
fn an_export_that_is_cut_off_empty_or_has_a_key_twice_is_refused_whole() {
    let workspace = Workspace::new();
    workspace.write("people.csv", &people(1..=5, "Pilot"));
    workspace.usher("import --full people.csv").ends(0);
    let before = standings(&workspace);
    let whole = people(1..=5, "Captain");
    let cut = format!("{COLUMNS}1,\"p1@planet.example,Given1,Family1,Captain,Crew,active\n");
    let twice = format!("{whole}{}", person(2, "Admiral"));
    let cases = [
        (cut.as_str(), vec!["people.csv:2:", "cut off"]),
        (COLUMNS, vec!["no user was found in"]),
        ("", vec!["people.csv"]),
        (&twice, vec!["the same key appears more than once", "`2` at", "people.csv:3", "people.csv:7"]),
        ("employee_number,email\n1,p1@planet.example\n", vec!["a full import needs every mapped column", "`title`"]),
    ];
    for (text, words) in cases {
        workspace.write("people.csv", text);
        workspace.usher("import --full people.csv").ends(1).says(&words);
        assert_eq!(standings(&workspace), before, "nothing was taken over of {text:?}");
    }
}

#[test]
fn broken_ldif_says_the_line_and_nothing_is_taken_over() {
    let workspace = Workspace::new();
    let source = "[[sources]]\nname = \"ldap\"\nkey = \"employeeNumber\"\n[sources.mapping]\nemail = \"mail\"\ngiven_name = \"givenName\"\n";
    workspace.write("usher.toml", source);
    let entry = |number: u32| {
        format!(
            "dn: uid=p{number},ou=people,dc=planet,dc=example\nobjectClass: inetOrgPerson\nemployeeNumber: {number}\nmail: p{number}@planet.example\ngivenName: G\n\n"
        )
    };
    workspace.write("good.ldif", &[entry(1), entry(2)].concat());
    workspace.usher("import good.ldif").ends(0);
    let before = standings(&workspace);
    let cases = [
        (entry(3) + "dn: uid=p4,dc=planet,dc=example\nobjectClass inetOrgPerson\n", vec!["bad.ldif:8:"]),
        (entry(3) + "dn: uid=p4,dc=planet,dc=example\nmail:: n#t-base64\n", vec!["bad.ldif:8:", "base64"]),
    ];
    for (text, words) in cases {
        workspace.write("bad.ldif", &text);
        workspace.usher("import bad.ldif").says(&words);
        assert!(standings(&workspace).starts_with(&before), "those who were there stay");
    }
}

#[test]
fn a_shrunken_full_import_is_parked_until_somebody_applies_it() {
    let target = Target::start(&Manner::default());
    let workspace = Workspace::new();
    workspace.app(&target.base_url, "");
    workspace.write("people.csv", &people(1..=30, "Pilot"));
    workspace.usher("import --full people.csv").ends(0);
    workspace.usher("sync").ends(0);
    let before = standings(&workspace);
    workspace.write("people.csv", &people(1..=25, "Pilot"));
    workspace.usher("import --full people.csv").ends(3).says(&["parked", "5 users are missing", "usher imports apply"]);
    assert_eq!(standings(&workspace), before);
    workspace.usher("sync").ends(0);
    assert_eq!(target.active().len(), 30, "nobody lost an account");
    let imports = workspace.json("imports list");
    let id = imports[0]["id"].as_str().unwrap();
    let preview = &imports[0]["preview"];
    assert_eq!((preview["missing"].as_u64(), preview["missing_sample"].as_array().unwrap().len()), (Some(5), 5));
    workspace.usher(&format!("imports apply {id} --accept-shrink 5")).ends(0);
    let suspended = standings(&workspace).iter().filter(|each| each.ends_with("\"suspended\"")).count();
    assert_eq!(suspended, 5);
    // The target has its own guard: five of thirty accounts wait for an approver.
    workspace.usher("sync").ends(0).says(&["5"]);
    assert_eq!(target.active().len(), 30);
    let batch = workspace.json("approvals list")[0]["batch"].as_str().unwrap().to_owned();
    workspace.usher(&format!("approvals approve --batch {batch} --comment leavers")).ends(0);
    workspace.usher("sync").ends(0);
    assert_eq!(target.active().len(), 25);
}
