//! What is written and read: filters, ids, answers of any shape, failures, redaction, addresses.

use std::time::Duration;

use proptest::prelude::*;
use scim_v2::filter::{AttrExp, CompValue, CompareOp, Filter};
use usher::clock::{Span, Timestamp};
use usher::connector::descriptor::Http;
use usher::provision::outcome::FailureClass;
use usher::scim::address::AddressPolicy;
use usher::scim::decode::{self, DecodeError};
use usher::scim::failure::{of_answer, retry_after};
use usher::scim::filter::{resource_path, search_path};
use usher::scim::redact::{KEPT_MAX_BYTES, redact};
use usher::scim::target::Answer;

use super::model::{decoded, start};

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        content_type: String::new(),
        retry_after: None,
        body: body.as_bytes().to_vec(),
        elapsed: Duration::ZERO,
    }
}

proptest! {
    #[test]
    fn a_filter_reads_back_as_what_was_meant(value in any::<String>()) {
        let path = search_path("/Users", "userName", &value, "");
        let query = path.strip_prefix("/Users?filter=").unwrap();
        prop_assert!(query.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
        let filter: Filter = decoded(query).parse().unwrap();
        let Filter::Attr(AttrExp::Comparison(path, CompareOp::Eq, CompValue::Str(read))) = filter else {
            return Err(TestCaseError::fail("another kind of filter"));
        };
        prop_assert_eq!(path.name, "userName");
        prop_assert_eq!(read, value);
    }

    #[test]
    fn an_id_stays_one_part_of_a_path(id in "\\PC{1,40}") {
        let path = resource_path("/Users", &id);
        let part = path.strip_prefix("/Users/").unwrap();
        prop_assert!(!part.contains(['/', '?', '#']) && !matches!(part, "." | ".."));
    }

    #[test]
    fn any_answer_is_read_or_refused(body in any::<Vec<u8>>(), status in 100_u16..600) {
        let answer = Answer { body, ..answer(status, "") };
        let _ = decode::resource(&answer);
        let _ = decode::list(&answer);
        prop_assert!(of_answer(&answer, &Http::default(), start()).detail.len() <= KEPT_MAX_BYTES);
    }

    #[test]
    fn any_retry_after_is_read_or_ignored(text in any::<String>()) {
        let _ = retry_after(&text, start());
    }

    #[test]
    fn a_password_never_stays(before in "[ -~]{0,3000}", secret in "[a-zA-Z0-9]{12,40}") {
        let body = format!("{{\"x\":{},\"password\": \"{secret}\"}}", serde_json::Value::from(before.clone()));
        prop_assume!(!before.contains(&secret));
        prop_assert!(!redact(body.as_bytes()).contains(&secret));
        let header = format!("{before} Authorization: Bearer {secret} rest");
        prop_assert!(!redact(header.as_bytes()).contains(&secret));
    }
}

#[test]
fn resources_are_read_as_they_come() {
    let body = r#"{"ID": 42, "username": "ann", "active": "True", "meta": null, "externalId": "",
        "name": {"givenName": "Ann", "familyName": null}, "emails": [{"value": "a@x", "type": null}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales"}}"#;
    let resource = decode::resource(&answer(200, body)).unwrap();
    assert_eq!((resource.id.as_str(), resource.user_name.as_deref(), resource.active), ("42", Some("ann"), Some(true)));
    assert_eq!(resource.external_id, None);
    assert!(resource.has("emails", "A@X") && resource.has("emails.value", "a@x"));
    assert!(!resource.values.contains_key("name.familyName"));
    let department = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
    assert_eq!(resource.values[department], "Sales".into());
}

#[test]
fn a_resource_without_a_usable_id_is_none() {
    for body in [r#"{"userName":"a"}"#, r#"{"id":""}"#, r#"{"id":".."}"#, r#"{"id":{}}"#, "[]", "7"] {
        assert!(matches!(decode::resource(&answer(200, body)), Err(DecodeError::NotScim(_))), "{body}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(decode::resource(&answer(200, &deep)), Err(DecodeError::NotScim(_))));
}

#[test]
fn lists_are_read_as_they_come() {
    let rows = |body: &str| decode::list(&answer(200, body)).map(|page| (page.rows, page.total));
    assert_eq!(rows(r#"[{"id":"a"}]"#), Ok((1, None)));
    assert_eq!(rows(r#"{"totalResults":"0"}"#), Ok((0, Some(0))));
    assert_eq!(rows(r#"{"schemas":[],"Resources":null}"#), Ok((0, None)));
    assert!(rows(r#"{"hello":"world"}"#).is_err());
}

#[test]
fn error_bodies_of_any_shape_are_classified_and_quoted() {
    let cases = [
        (401, "", FailureClass::Credential, "401"),
        (400, r#"{"scimType":"uniqueness","status":409}"#, FailureClass::Conflict, "uniqueness"),
        (409, r#"{"error":{"message":"dup"}}"#, FailureClass::Conflict, "dup"),
        (422, r#"{"errors":["too long"]}"#, FailureClass::Refused, "too long"),
        (413, "", FailureClass::Refused, "413"),
        (500, "<html><h1>Oops</h1></html>", FailureClass::Server, "Oops"),
        (302, "", FailureClass::NotScim, "redirect"),
        (429, "slow down", FailureClass::RateLimited, "slow down"),
        (501, "", FailureClass::Refused, "501"),
    ];
    for (status, body, class, words) in cases {
        let failure = of_answer(&answer(status, body), &Http::default(), start());
        assert_eq!(failure.class, class, "{status}");
        assert!(failure.detail.contains(words), "{}", failure.detail);
    }
}

#[test]
fn what_a_connector_calls_too_many_requests_is_that() {
    let http = Http {
        rate_limit_statuses: vec![403, 500],
        rate_limit_words: vec!["REQUEST_LIMIT_EXCEEDED".to_owned()],
        ..Http::default()
    };
    let class = |status, body| of_answer(&answer(status, body), &http, start()).class;
    assert_eq!(class(500, r#"{"detail":"request_limit_exceeded"}"#), FailureClass::RateLimited);
    assert_eq!(class(500, "{}"), FailureClass::Server);
    assert_eq!(class(403, "no"), FailureClass::Refused);
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let seconds = |text: &str| retry_after(text, start()).map(|at| at.millis_since(start()) / 1000);
    assert_eq!((seconds("30"), seconds(" 1.5 "), seconds("soon"), seconds("-4")), (Some(30), Some(1), None, None));
    let date: Timestamp = retry_after("Sun, 01 Mar 2026 09:01:00 GMT", start()).unwrap();
    assert_eq!(date, start().plus(Span::from_secs(60)));
}

#[test]
fn control_characters_do_not_reach_the_history() {
    let kept = redact("a\u{1b}[31mred\u{202e}".as_bytes());
    assert!(!kept.contains('\u{1b}') && !kept.contains('\u{202e}'));
    assert!(redact(&vec![b'x'; 1_000_000]).len() <= KEPT_MAX_BYTES);
}

#[test]
fn only_addresses_where_a_target_can_be_are_dialled() {
    let open = AddressPolicy { loopback: false, private: false };
    let inside = AddressPolicy { loopback: false, private: true };
    let local = AddressPolicy { loopback: true, private: false };
    let may = |policy: AddressPolicy, address: &str| policy.check(address.parse().unwrap()).is_ok();
    for public in ["93.184.216.34", "2606:2800:220:1::1"] {
        assert!(may(open, public) && may(inside, public) && !may(local, public), "{public}");
    }
    for private in ["10.0.0.1", "192.168.1.1", "172.16.0.1", "fd12::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"] {
        assert!(!may(open, private) && may(inside, private), "{private}");
    }
    for never in
        ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "fd00:ec2::254", "127.0.0.1"]
    {
        assert!(!may(open, never) && !may(inside, never), "{never}");
    }
    assert!(may(local, "127.0.0.1") && may(local, "::1"));
}
