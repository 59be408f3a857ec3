//! LDIF: folding, base64, DNs, groups, and what is refused.

use base64::Engine as _;
use proptest::prelude::*;
use usher::directory::source::Source;
use usher::directory::value::Value;
use usher::import::{Dn, ReadError};

use super::{problems, read_files, read_text, source};

const PEOPLE: &str = include_str!("../data/people.ldif");

fn directory() -> Source {
    let mut ldap = source(&[
        ("email", "mail"),
        ("emails", "mail"),
        ("display_name", "displayName cn"),
        ("family_name", "sn"),
        ("title", "title"),
        ("manager", "manager"),
    ]);
    ldap.key = "uid".to_owned();
    ldap.group_members = vec!["member".to_owned()];
    ldap
}

#[test]
fn a_directory_tree_becomes_users_with_groups_and_managers() {
    let read = read_text(&directory(), "d.ldif", PEOPLE, true).unwrap();
    assert_eq!(problems(&read), [""; 0]);
    let (sora, beatriz) = (&read.rows[0].row, &read.rows[1].row);
    assert_eq!((sora.key.as_str(), beatriz.key.as_str()), ("sora", "beatriz"));
    assert_eq!(sora.attributes["display_name"], Some(Value::from("Sora Asanuma")), "folded");
    assert_eq!(beatriz.attributes["display_name"], Some(Value::from("Montalvão, Beatriz")), "base64, second column");
    assert_eq!(sora.attributes["email"], Some(Value::from("sora.asanuma@tanuki.example")), "the first of two");
    assert!(matches!(&sora.attributes["emails"], Some(Value::List(items)) if items.len() == 2));
    assert_eq!(beatriz.attributes["title"], None);
    assert_eq!(beatriz.manager, Some(Some("sora".to_owned())), "a DN in another spelling");
    assert_eq!(sora.manager, Some(None));
    let groups = |row: &usher::directory::SourceRow| row.groups.clone().unwrap().into_iter().collect::<Vec<_>>();
    assert_eq!(groups(sora), ["makers"]);
    assert_eq!(groups(beatriz), ["admins", "makers"]);
    assert!(!format!("{read:?}").contains("SSHA"), "password hashes are not read");
    assert!(read.notes.iter().any(|note| note.starts_with("1 members of groups are no users")), "{:?}", read.notes);
    assert!(read.notes.iter().any(|note| note.starts_with("1 entries are neither")), "{:?}", read.notes);
}

#[test]
fn one_file_a_person_is_one_generation() {
    let parts: Vec<String> =
        PEOPLE.split("\n\n").filter(|part| part.contains("dn:")).map(|part| format!("{}\n", part.trim_end())).collect();
    let names: Vec<String> = (0..parts.len()).map(|index| format!("{index}.ldif")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(String::as_str).zip(parts.iter().map(String::as_bytes)).collect();
    let apart = read_files(&directory(), &files, true).unwrap();
    let whole = read_text(&directory(), "d.ldif", PEOPLE, true).unwrap();
    let rows = |read: &usher::import::Read| read.rows.iter().map(|at| at.row.clone()).collect::<Vec<_>>();
    assert_eq!(rows(&apart), rows(&whole));
}

#[test]
fn a_delta_without_group_entries_leaves_groups_as_they_are_and_a_full_one_is_refused() {
    let people: String = PEOPLE.split("dn: cn=makers").next().unwrap().to_owned();
    let read = read_text(&directory(), "d.ldif", &people, false).unwrap();
    assert!(read.rows.iter().all(|at| at.row.groups.is_none()));
    let error = read_text(&directory(), "d.ldif", &people, true).unwrap_err();
    assert!(error.to_string().contains("`member` (mapped to groups, by group entries)"), "{error}");
}

#[test]
fn a_delta_with_group_entries_says_which_groups_it_speaks_of() {
    let delta = read_text(&directory(), "d.ldif", PEOPLE, false).unwrap();
    assert_eq!(delta.known_groups.unwrap().into_iter().collect::<Vec<_>>(), ["admins", "makers"]);
    assert_eq!(read_text(&directory(), "d.ldif", PEOPLE, true).unwrap().known_groups, None);
}

#[test]
fn a_manager_who_is_not_in_a_delta_stays() {
    let text = "dn: cn=x,dc=a\nuid: x\nmanager: cn=boss,dc=a\n";
    let read = read_text(&directory(), "d.ldif", text, false).unwrap();
    assert_eq!(read.rows[0].row.manager, None);
}

#[test]
fn changes_and_urls_are_refused_with_their_line() {
    let error = read_text(&directory(), "d.ldif", "dn: cn=x,dc=a\nchangetype: delete\n", false).unwrap_err();
    assert!(error.to_string().contains("d.ldif:2:1: `changetype: delete`"), "{error}");
    let text = "dn: cn=y,dc=a\nuid: y\n\ndn: cn=x,dc=a\nuid: x\nmail:< file:///etc/passwd\n";
    let read = read_text(&directory(), "d.ldif", text, false).unwrap();
    assert!(problems(&read)[0].starts_with("d.ldif:6:6: `mail:<` names another file"), "{:?}", problems(&read));
    assert_eq!(read.unread_keys.iter().collect::<Vec<_>>(), ["x"]);
    let error = read_text(&directory(), "d.ldif", "version: 2\n\ndn: cn=x,dc=a\nuid: x\n", false).unwrap_err();
    assert!(error.to_string().contains("expected 1"), "{error}");
}

#[test]
fn bad_entries_are_reported_and_the_others_are_read() {
    let text = "dn: cn=a,dc=x\nuid: a\nno colon here\n\nuid: b\ncn: b\n\ndn: cn=c,dc=x\nuid: c\nmail:: %%%\n\ndn: cn=d,dc=x\nuid: d\n";
    let read = read_text(&directory(), "d.ldif", text, false).unwrap();
    assert_eq!(read.rows.len(), 1);
    let problems = problems(&read);
    assert!(problems[0].starts_with("d.ldif:3:1: `no colon here` is no LDIF line"), "{problems:?}");
    assert!(problems[1].starts_with("d.ldif:5:1: the entry begins with `uid`, expected `dn`"), "{problems:?}");
    assert!(problems[2].starts_with("d.ldif:10:7: the value of `mail` is no base64"), "{problems:?}");
}

#[test]
fn a_file_that_ends_inside_a_value_is_refused() {
    for cut in [
        "dn: cn=a,dc=x\nuid: a\nmail:: YUB4LmV4YW1w\n bGU",
        "dn: cn=a,dc=x\nuid: a\nmail:: YUB4LmV4YW1wb\n",
        "dn: cn=a,dc=x\nuid: a\ndescription: long\n er",
        "dn: cn=a,dc=x\nuid: a\n\ndn: cn=b,dc=x\n",
        "dn: cn=a,dc=x\nuid: a\nmai",
    ] {
        let error = read_text(&directory(), "d.ldif", cut, false).unwrap_err();
        assert!(matches!(&error, ReadError::Broken(error) if error.reason.contains("cut off")), "{cut:?}: {error}");
    }
}

#[test]
fn names_are_compared_as_directories_compare_them() {
    let same = |a: &str, b: &str| Dn::parse(a).unwrap().normal() == Dn::parse(b).unwrap().normal();
    assert!(same("cn=Amy Wong+sn=Kroker, ou=People", "SN=kroker+CN=amy  wong,OU=people"));
    assert!(same(r"cn=Doe\, Jane,dc=x", r"cn=Doe\2c Jane,dc=x"));
    assert!(same(r#"cn="Doe, Jane",dc=x"#, r"cn=Doe\, Jane,dc=x"));
    assert!(!same("cn=a,cn=b", "cn=b,cn=a"));
    assert!(!same(r"cn=a\,b", "cn=a,dc=b"));
    assert!(Dn::parse("no name").is_none());
}

/// The real directory that `USHER_PLANETEXPRESS` points to is read in the tests against real servers; here only its shapes.
#[test]
fn windows_line_ends_and_upper_case_names_are_read() {
    let text = "DN: cn=x,dc=a\r\nUID: x\r\nMAIL: x@a.example\r\n";
    let read = read_text(&directory(), "d.ldif", text, false).unwrap();
    assert_eq!(read.rows[0].row.attributes["email"], Some(Value::from("x@a.example")));
}

/// One attribute line as RFC 2849 writes it, folded at `width` bytes.
fn folded(name: &str, value: &str, width: usize) -> Vec<u8> {
    let safe = value.is_ascii()
        && !value.starts_with([' ', ':', '<'])
        && !value.ends_with(' ')
        && !value.contains(['\n', '\r', '\0']);
    let line = if safe {
        format!("{name}: {value}")
    } else {
        format!("{name}:: {}", base64::engine::general_purpose::STANDARD.encode(value))
    };
    let mut out = Vec::new();
    for (index, chunk) in line.as_bytes().chunks(width).enumerate() {
        if index > 0 {
            out.extend_from_slice(b"\n ");
        }
        out.extend_from_slice(chunk);
    }
    out.push(b'\n');
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever is written as RFC 2849 says is read as it was.
    #[test]
    fn folded_and_encoded_values_come_back(
        people in prop::collection::btree_map("[a-z0-9]{1,12}", "[^\0]{0,40}", 1..8),
        width in 8usize..80,
    ) {
        let mut text = b"version: 1\n\n".to_vec();
        for (key, title) in &people {
            text.extend(folded("dn", &format!("uid={key},dc=x"), width));
            text.extend(folded("uid", key, width));
            text.extend(folded("title", title, width));
            text.push(b'\n');
        }
        let mut ldap = source(&[("title", "title")]);
        ldap.key = "uid".to_owned();
        let read = read_files(&ldap, &[("d.ldif", &text)], true).unwrap();
        prop_assert_eq!(read.rows.len(), people.len());
        for at in &read.rows {
            let found = at.row.attributes["title"].as_ref().and_then(Value::as_text).unwrap_or("");
            prop_assert_eq!(found, people[&at.row.key].trim());
        }
    }
}

#[test]
fn a_person_without_the_key_is_a_bad_row_and_not_left_out() {
    let entry = |classes: &str| {
        format!("{PEOPLE}\ndn: cn=Nobody,dc=tanuki,dc=example\n{classes}cn: Nobody\nmail: n@tanuki.example\n")
    };
    let person =
        read_text(&directory(), "d.ldif", &entry("objectClass: top\nobjectClass: inetOrgPerson\n"), true).unwrap();
    let told = problems(&person);
    assert!(told.len() == 1 && told[0].contains("is a person") && told[0].contains("`uid`"), "{told:?}");
    assert_eq!(person.unknown_count, 1, "somebody who is missing may be this one");
    for others in [
        "objectClass: person\nobjectClass: contact\n",
        "objectClass: user\nobjectClass: computer\n",
        "objectClass: device\n",
    ] {
        assert_eq!(problems(&read_text(&directory(), "d.ldif", &entry(others), true).unwrap()), [""; 0], "{others}");
    }
}

#[test]
fn whoever_could_not_be_read_keeps_his_place_in_groups_and_above_his_reports() {
    let broken = PEOPLE.replacen("uid: sora\n", "uid: sora\nno line at all\n", 1);
    assert_ne!(broken, PEOPLE);
    let read = read_text(&directory(), "d.ldif", &broken, false).unwrap();
    assert!(read.unread_keys.contains("sora"), "{read:?}");
    let beatriz = read.rows.iter().find(|at| at.row.key == "beatriz").unwrap();
    assert_eq!(beatriz.row.manager, Some(Some("sora".to_owned())));
}
