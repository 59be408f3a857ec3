//! CSV: separators, quoting, broken rows.

use proptest::prelude::*;
use usher::directory::user::Standing;
use usher::directory::value::Value;
use usher::id::AppName;
use usher::import::ReadError;

use super::{problems, read_files, read_text, source};

#[test]
fn every_kind_of_target_is_read_from_its_column() {
    let mut hr = source(&[
        ("email", "mail"),
        ("emails", "mail other"),
        ("display_name", "preferred name"),
        ("custom.skills", "skills"),
        ("state", "state"),
        ("roles", "roles"),
        ("groups", "groups"),
        ("manager", "boss"),
        ("app_role.nulab", "nulab"),
    ]);
    hr.multi_valued.insert("custom.skills".to_owned());
    let text = "\u{feff}id,mail,other,name,preferred,skills,state,roles,groups,boss,nulab,salary\r\n\
                7, a@x.example ,b@x.example;a@x.example,\"Ren, the first\",,rust;sql,On Leave,dev;lead,,1,ADMIN,9\r\n";
    let read = read_text(&hr, "p.csv", text, true).unwrap();
    assert_eq!(read.problems, []);
    let row = &read.rows[0].row;
    assert_eq!(row.key, "7");
    assert_eq!(row.attributes["email"], Some(Value::from("a@x.example")));
    assert_eq!(
        row.attributes["emails"],
        Some(Value::List(vec![Value::from("a@x.example"), Value::from("b@x.example")]))
    );
    assert_eq!(row.attributes["display_name"], Some(Value::from("Ren, the first")));
    assert_eq!(row.attributes["custom.skills"], Some(Value::List(vec![Value::from("rust"), Value::from("sql")])));
    assert_eq!(row.standing, Some(Standing::Suspended));
    assert_eq!(row.roles.clone().unwrap().into_iter().collect::<Vec<_>>(), ["dev", "lead"]);
    assert_eq!(row.groups.clone().unwrap().len(), 0);
    assert_eq!(row.manager, Some(Some("1".to_owned())));
    assert_eq!(row.app_roles[&AppName::new("nulab").unwrap()], Some("ADMIN".to_owned()));
    assert_eq!(row.attributes.len(), 4, "only mapped columns are imported");
}

#[test]
fn an_empty_cell_is_no_value() {
    let read = read_text(&source(&[("title", "title")]), "p.csv", "id,title\n1,\n", true).unwrap();
    assert_eq!(read.rows[0].row.attributes["title"], None);
}

#[test]
fn bad_rows_are_reported_with_line_column_and_value_and_the_others_are_read() {
    let hr = source(&[("title", "title"), ("state", "state")]);
    let text = "id,title,state\n1,\"two\nlines\",active\n2,x\n,y,active\n4,z,napping\n5,ok,left\n";
    let read = read_text(&hr, "p.csv", text, true).unwrap();
    let keys: Vec<&str> = read.rows.iter().map(|at| at.row.key.as_str()).collect();
    assert_eq!(keys, ["1", "5"]);
    let problems = problems(&read);
    assert_eq!(problems[0], "p.csv:4:1: the row has 2 fields, expected 3 as in the header");
    assert!(problems[1].starts_with("p.csv:5:1: the key `id` is empty"), "{}", problems[1]);
    assert!(problems[2].starts_with("p.csv:6:5: `napping` is no known state, expected one of"), "{}", problems[2]);
    assert_eq!(read.unread_keys.iter().collect::<Vec<_>>(), ["2", "4"]);
    assert_eq!(read.unknown_count, 1);
}

#[test]
fn a_row_with_lost_fields_names_nobody_unless_the_key_comes_first() {
    let read = read_text(&source(&[("title", "title")]), "p.csv", "title,id\nx,1\na,b,2\n", false).unwrap();
    assert_eq!((read.unread_keys.len(), read.unknown_count), (0, 1));
}

#[test]
fn a_missing_column_is_an_error_for_full_and_unchanged_for_delta() {
    let hr = source(&[("title", "title"), ("department", "dept"), ("state", "state"), ("roles", "roles")]);
    let text = "id,title\n1,Baker\n";
    let error = read_text(&hr, "p.csv", text, true).unwrap_err();
    assert!(matches!(&error, ReadError::MissingColumns { columns } if columns.len() == 3), "{error}");
    assert!(error.to_string().contains("`dept` (mapped to department)"), "{error}");
    let read = read_text(&hr, "p.csv", text, false).unwrap();
    let at = &read.rows[0];
    assert!(!at.row.attributes.contains_key("department"));
    assert_eq!(at.row.roles, None);
    assert!(at.keeps_standing, "nobody comes back because a column is missing");
    assert_eq!(read.missing_columns.len(), 3);
}

#[test]
fn a_mapped_password_is_refused_by_name() {
    let error = read_text(&source(&[("custom.pw", "user_password")]), "p.csv", "id,user_password\n1,x\n", false);
    let text = error.unwrap_err().to_string();
    assert!(text.contains("`user_password` is mapped to custom.pw") && text.contains("never imported"), "{text}");
}

#[test]
fn a_key_that_appears_twice_is_refused_with_both_places() {
    let hr = source(&[("title", "title")]);
    let error =
        read_files(&hr, &[("a.csv", b"id,title\n1,x\n2,y\n"), ("b.csv", b"id,title\n2,z\n")], false).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`2` at") && text.contains("a.csv:3 and") && text.contains("b.csv:2"), "{text}");
}

#[test]
fn an_empty_export_is_refused() {
    let hr = source(&[]);
    for text in ["", "\n", "id\n"] {
        assert!(read_text(&hr, "p.csv", text, true).is_err(), "{text:?}");
    }
    let error = read_text(&hr, "p.csv", "id,a\n,x\n", true).unwrap_err();
    assert!(matches!(error, ReadError::NoRows { problems, .. } if problems.len() == 1));
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    let hr = source(&[("title", "title")]);
    for cut in ["id,title,x\n1,a,b\n2,c", "id,title\n1,a\n2,\"open\n3,b\n"] {
        let error = read_text(&hr, "p.csv", cut, true).unwrap_err();
        assert!(error.to_string().contains("p.csv:3:1: ") && error.to_string().contains("cut off"), "{error}");
    }
    let read = read_text(&hr, "p.csv", "id,title\n1,a", true).unwrap();
    assert!(read.notes[0].contains("does not end with a line break"));
}

#[test]
fn a_byte_that_is_not_utf8_is_shown_where_it_is() {
    let error = read_files(&source(&[]), &[("p.csv", b"id,name\n1,Andr\xe9\n")], true).unwrap_err();
    assert!(error.to_string().contains("p.csv:2:7: the byte 0xE9 is not UTF-8"), "{error}");
    let error = read_files(&source(&[]), &[("p.csv", b"\xff\xfei\0d\0")], true).unwrap_err();
    assert!(error.to_string().contains("UTF-16"), "{error}");
}

#[test]
fn semicolons_and_tabs_separate_fields_when_the_header_says_so() {
    let hr = source(&[("roles", "roles")]);
    for text in ["id;roles\n1;\"a;b\"\n", "id\troles\n1\ta;b\n"] {
        let read = read_text(&hr, "p.csv", text, true).unwrap();
        assert_eq!(read.rows[0].row.roles.clone().unwrap().len(), 2);
    }
}

#[test]
fn a_header_without_the_key_or_with_a_column_twice_is_refused() {
    let error = read_text(&source(&[]), "p.csv", "ID,name\n1,x\n", true).unwrap_err();
    assert!(error.to_string().contains("no column `id`") && error.to_string().contains("ID, name"), "{error}");
    let error = read_text(&source(&[("title", "t")]), "p.csv", "id,t,t\n1,x,y\n", true).unwrap_err();
    assert!(error.to_string().contains("`t` twice"), "{error}");
}

#[test]
fn values_beyond_the_limits_are_bad_rows() {
    let hr = source(&[("title", "title")]);
    let text = format!("id,title\n1,{}\n2,a\u{0}b\n{},x\n4,fine\n", "x".repeat(20_000), "k".repeat(300));
    let read = read_text(&hr, "p.csv", &text, true).unwrap();
    assert_eq!(read.rows.len(), 1);
    let problems = problems(&read);
    assert!(problems[0].contains("20000 bytes long, the most is 16384"), "{}", problems[0]);
    assert!(problems[1].contains("NUL"), "{}", problems[1]);
    assert!(problems[2].contains("the key is 300 bytes long"), "{}", problems[2]);
}

#[test]
fn an_unknown_format_is_refused() {
    let error = read_text(&source(&[]), "people.xlsx", "x", true).unwrap_err();
    assert!(error.to_string().contains("expected .csv, .jsonl, .ndjson, .json or .ldif"), "{error}");
}

#[test]
fn the_demo_company_reads_without_a_problem() {
    let files = usher::config::demo_files();
    let text = |name: &str| files.iter().find(|(path, _)| *path == name).unwrap().1;
    let config = usher::config::Config::parse("usher.toml".as_ref(), text("usher.toml"), &|_| None).unwrap();
    let hr = &config.sources[0];
    let all = read_text(hr, "people.csv", text("people.csv"), true).unwrap();
    assert_eq!((all.rows.len(), all.problems.len()), (62, 0));
    let keys: Vec<&String> = all.rows.iter().map(|at| &at.row.key).collect();
    for at in &all.rows {
        let manager = at.row.manager.clone().unwrap();
        assert!(manager.is_none_or(|manager| keys.contains(&&manager)), "{} has an unknown manager", at.row.key);
    }
    let changes = read_text(hr, "changes.csv", text("changes.csv"), false).unwrap();
    assert_eq!(changes.rows.len(), 2);
    assert_eq!(changes.rows[1].row.standing, Some(Standing::Deleted));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any values survive a CSV file, and the order of rows and files does not matter.
    #[test]
    fn shuffled_input_gives_the_same_rows(
        people in prop::collection::btree_map("[a-z0-9]{1,8}", ("[^\0\u{feff}]{0,12}", "[a-z]{0,4}"), 1..20),
        split in 0usize..20,
        seed in any::<u64>(),
    ) {
        let hr = source(&[("title", "title"), ("department", "dept")]);
        let line = |(key, (title, dept)): (&String, &(String, String))| {
            format!("{key},\"{}\",{dept}\r\n", title.replace('"', "\"\""))
        };
        let header = "id,title,dept\r\n";
        let straight: String = std::iter::once(header.to_owned()).chain(people.iter().map(line)).collect();
        let mut shuffled: Vec<String> = people.iter().map(line).collect();
        shuffled.sort_by_key(|line| usher::digest::Hasher::new().number(seed).text(line).finish());
        let split = split.min(shuffled.len() - 1);
        let (a, b) = shuffled.split_at(split);
        let (a, b) = (format!("{header}{}", a.concat()), format!("{header}{}", b.concat()));
        let one = read_text(&hr, "p.csv", &straight, true).unwrap();
        let two = read_files(&hr, &[("a.csv", a.as_bytes()), ("b.csv", b.as_bytes())], true).unwrap();
        let rows = |read: usher::import::Read| {
            let mut rows: Vec<_> = read.rows.into_iter().map(|at| at.row).collect();
            rows.sort_by(|x, y| x.key.cmp(&y.key));
            rows
        };
        let one = rows(one);
        for row in &one {
            let expected = people[&row.key].0.trim();
            let found = row.attributes["title"].as_ref().and_then(Value::as_text).unwrap_or("");
            prop_assert_eq!(found, expected);
        }
        prop_assert_eq!(one, rows(two));
    }

    /// No bytes make a reader panic.
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[id,:\"\n \\[\\]{}a-c]{0,60}") {
        let mut hr = source(&[("title", "a"), ("groups", "b"), ("manager", "c")]);
        hr.group_members = vec!["member".to_owned()];
        for name in ["p.csv", "p.json", "p.ldif"] {
            let _ = read_files(&hr, &[(name, &bytes)], true);
            let _ = read_files(&hr, &[(name, text.as_bytes())], false);
        }
    }
}
