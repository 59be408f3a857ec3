//! JSON lines and arrays.

use usher::directory::value::Value;

use super::{problems, read_text, source};

#[test]
fn lines_and_arrays_give_the_same_rows() {
    let hr = source(&[("given_name", "name.given"), ("roles", "roles"), ("custom.level", "level"), ("title", "title")]);
    let one = r#"{"id": 1, "name": {"given": "Ren"}, "roles": ["a;b", "c"], "level": 3, "title": null}"#;
    let two = r#"{"id": "2", "name": {"given": "O \"]\" {"}, "roles": [], "level": true, "title": "x"}"#;
    let lines = read_text(&hr, "p.jsonl", &format!("{one}\n\n{two}\n"), true).unwrap();
    let array = read_text(&hr, "p.json", &format!("[\n {one},\n {two}\n]\n"), true).unwrap();
    let rows = |read: &usher::import::Read| read.rows.iter().map(|at| at.row.clone()).collect::<Vec<_>>();
    assert_eq!(rows(&lines), rows(&array));
    let row = &lines.rows[0].row;
    assert_eq!(row.key, "1");
    assert_eq!(row.roles.clone().unwrap().into_iter().collect::<Vec<_>>(), ["a;b", "c"], "arrays are not split");
    assert_eq!(row.attributes["custom.level"], Some(Value::Integer(3)));
    assert_eq!(row.attributes["title"], None);
    assert_eq!(array.rows[1].line, 3);
}

#[test]
fn bad_records_are_reported_where_they_are() {
    let hr = source(&[("title", "title")]);
    let text = "{\"id\":1,\"title\":\"x\"}\n{\"id\":2,]\n[3]\n{\"id\":4,\"title\":{\"a\":1}}\n";
    let read = read_text(&hr, "p.ndjson", text, true).unwrap();
    assert_eq!(read.rows.len(), 1);
    let problems = problems(&read);
    assert!(problems[0].starts_with("p.ndjson:2:9: not JSON"), "{}", problems[0]);
    assert!(problems[1].contains("p.ndjson:3:1: `[3]` is no JSON object"), "{}", problems[1]);
    assert!(problems[2].starts_with("p.ndjson:4:9: title is one text"), "{}", problems[2]);
}

#[test]
fn a_field_absent_from_one_record_is_no_value_there_and_absent_from_all_is_a_missing_column() {
    let hr = source(&[("title", "title"), ("department", "dept")]);
    let text = "{\"id\":1,\"title\":\"x\"}\n{\"id\":2}\n";
    let read = read_text(&hr, "p.jsonl", text, false).unwrap();
    assert_eq!(read.rows[1].row.attributes["title"], None);
    assert!(!read.rows[1].row.attributes.contains_key("department"));
    assert!(read_text(&hr, "p.jsonl", text, true).unwrap_err().to_string().contains("`dept`"));
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    let hr = source(&[]);
    for cut in ["[{\"id\":1},{\"id\":2", "[{\"id\":1}", "{\"id\":1}\n{\"id\":"] {
        let error = read_text(&hr, "p.json", cut, false).unwrap_err();
        assert!(error.to_string().contains("cut off"), "{cut}: {error}");
    }
    let error = read_text(&hr, "p.json", "[{\"id\":1}] {", false).unwrap_err();
    assert!(error.to_string().contains("follows the array"), "{error}");
}

#[test]
fn a_key_that_cannot_be_read_exactly_is_no_key() {
    let hr = source(&[("title", "title")]);
    let text =
        "{\"id\":100000000000000000000001}\n{\"id\":5.5}\n{\"id\":\"100000000000000000000002\",\"title\":\"x\"}\n";
    let read = read_text(&hr, "p.jsonl", text, true).unwrap();
    assert_eq!(read.rows.len(), 1);
    assert_eq!(read.rows[0].row.key, "100000000000000000000002");
    assert!(problems(&read).iter().all(|problem| problem.contains("write it as text")), "{:?}", problems(&read));
    assert_eq!(read.problem_count, 2);
}
