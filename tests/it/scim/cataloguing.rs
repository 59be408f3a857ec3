//! Reading what an app can grant, from targets that page badly, list odd objects, or have nothing to list.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value as Json, json};
use usher::clock::ManualClock;
use usher::connector::capability::Learned;
use usher::engine::perform::{CatalogueRead, Context, Throttle, read_catalogue};
use usher::provision::outcome::{Failure, FailureClass};
use usher::scim::target::{Answer, Request, Target, TransportError};

use super::model::{Ledger, instance, spec, start};

/// What is answered to a path with its query.
type Script = fn(&str) -> (u16, Json);

/// A target that answers by a script, and remembers what it was asked.
struct Scripted {
    script: Script,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Target for Scripted {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        assert_eq!(request.method.as_str(), "GET", "a refresh only reads");
        self.asked.lock().unwrap().push(request.path.clone());
        let (status, body) = (self.script)(&request.path);
        let body = match body {
            Json::String(text) => text.into_bytes(),
            other => other.to_string().into_bytes(),
        };
        let content_type = "application/scim+json".to_owned();
        Ok(Answer { status, content_type, retry_after: None, body, elapsed: Duration::ZERO })
    }
}

async fn read(connector: &str, script: Script) -> (Result<CatalogueRead, Failure>, Vec<String>) {
    let target = Scripted { script, asked: Mutex::default() };
    let spec = spec(connector, "https://scim.example/v2");
    let (clock, throttle) = (ManualClock::at(start()), Throttle::unlimited());
    let (learned, ledger) = (Learned::default(), Ledger(Default::default()));
    let cx = Context {
        target: &target,
        spec: &spec,
        learned: &learned,
        clock: &clock,
        owners: &ledger,
        throttle: &throttle,
        instance: instance(),
    };
    let read = read_catalogue(cx).await;
    (read, target.asked.into_inner().unwrap())
}

fn names(read: &CatalogueRead) -> Vec<(&str, &str)> {
    read.seen.iter().map(|(key, name)| (key.remote_id.as_str(), name.as_str())).collect()
}

fn group(id: &str, name: &str) -> Json {
    json!({ "id": id, "displayName": name, "members": null })
}

const TWO: &str = "[paging]\npage_size = 2\n";

#[tokio::test]
async fn pages_are_read_to_the_end_with_the_connectors_parameters() {
    let connector = format!("{TWO}[groups]\npath = \"/Teams\"\nlist_parameters = \"excludedAttributes=members\"");
    let (read, asked) = read(&connector, |path| {
        let page =
            if path.contains("startIndex=1&") { vec![group("a", "A"), group("b", "B")] } else { vec![group("c", "C")] };
        (200, json!({ "totalResults": 3, "Resources": page }))
    })
    .await;
    let read = read.unwrap();
    assert_eq!(names(&read), [("a", "A"), ("b", "B"), ("c", "C")]);
    assert!(read.complete_kinds().contains("group"));
    assert_eq!(
        asked,
        [
            "/Teams?startIndex=1&count=2&excludedAttributes=members",
            "/Teams?startIndex=3&count=2&excludedAttributes=members"
        ]
    );
}

#[tokio::test]
async fn odd_objects_are_left_out_and_end_nothing() {
    let (read, _) = read(TWO, |path| {
        let page = if path.contains("startIndex=1&") {
            json!([{ "displayName": "no id" }, { "id": 7, "displayName": "Seven", "members": null }])
        } else {
            json!([{ "id": "nameless" }, { "id": "e", "displayName": "bad \u{1b}[31m name" }, 12, group("f", "  F ")])
        };
        (200, json!({ "totalResults": 7, "Resources": page }))
    })
    .await;
    let read = read.unwrap();
    assert_eq!(names(&read), [("7", "Seven"), ("nameless", ""), ("e", ""), ("f", "F")]);
    let source = &read.sources[0];
    assert_eq!((source.listed, source.nameless), (4, 2));
    assert!(source.incomplete.as_ref().unwrap().contains("no id"), "{source:?}");
    assert!(read.complete_kinds().is_empty(), "what was not seen may be one of the odd ones");
}

#[tokio::test]
async fn a_list_that_goes_round_in_circles_is_used_as_far_as_it_goes() {
    // startIndex is ignored: the same page for ever.
    let (circle, asked) =
        read(TWO, |_| (200, json!({ "totalResults": 9, "Resources": [group("a", "A"), group("b", "B")] }))).await;
    let circle = circle.unwrap();
    assert_eq!((names(&circle).len(), asked.len(), circle.complete_kinds().len()), (2, 2, 0));
    assert!(circle.sources[0].incomplete.as_ref().unwrap().contains("paging does not work"));
    // Pages overlap by one, without any numbers.
    let (overlap, _) = read(TWO, |path| {
        let at: usize = path.split("startIndex=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
        let all = [group("a", "A"), group("b", "B"), group("c", "C")];
        (200, json!(all.into_iter().skip(at.saturating_sub(2)).take(2).collect::<Vec<_>>()))
    })
    .await;
    let overlap = overlap.unwrap();
    assert_eq!(names(&overlap), [("a", "A"), ("b", "B"), ("c", "C")]);
    assert!(overlap.complete_kinds().is_empty());
    // The total is wrong in either direction.
    for total in [1, 50] {
        let script: Script = if total == 1 {
            |_| (200, json!({ "totalResults": 1, "Resources": [group("a", "A"), group("b", "B")] }))
        } else {
            |path| {
                let page = if path.contains("startIndex=1&") { vec![group("a", "A")] } else { Vec::new() };
                (200, json!({ "totalResults": 50, "Resources": page }))
            }
        };
        let (wrong, _) = read(TWO, script).await;
        assert!(wrong.unwrap().sources[0].incomplete.is_some(), "{total}");
    }
}

#[tokio::test]
async fn a_target_without_groups_loses_nothing_but_groups() {
    let roles = "[[entitlements]]\nkind = \"role\"\npath = \"/Roles\"\nname = \"label\"\n";
    let gone: [Script; 5] = [
        |_| (404, json!({ "detail": "no such path" })),
        |_| (501, json!({})),
        |_| (403, json!({})),
        |_| (405, json!({})),
        |_| (200, json!("<html>Welcome</html>")),
    ];
    for (number, script) in gone.into_iter().enumerate() {
        let (read, _) = read("", script).await;
        let read = read.unwrap();
        assert!(read.seen.is_empty() && read.complete_kinds().is_empty(), "{number}");
        assert!(read.sources[0].incomplete.as_ref().unwrap().contains("/Groups can't be listed"), "{number}");
    }
    let (read, _) = read(roles, |path| match path {
        groups if groups.starts_with("/Groups") => (404, json!({})),
        _ => (200, json!({ "totalResults": 1, "Resources": [{ "id": "r1", "label": "Auditor" }] })),
    })
    .await;
    let read = read.unwrap();
    assert_eq!(
        (names(&read), read.complete_kinds().into_iter().collect::<Vec<_>>()),
        (vec![("r1", "Auditor")], vec!["role".to_owned()])
    );
}

#[tokio::test]
async fn a_target_that_is_not_well_is_a_failure() {
    let ill: [(Script, FailureClass); 3] = [
        (|_| (401, json!({})), FailureClass::Credential),
        (|_| (503, json!({})), FailureClass::Server),
        (|_| (429, json!({})), FailureClass::RateLimited),
    ];
    for (script, class) in ill {
        assert_eq!(read("", script).await.0.unwrap_err().class, class);
    }
}

#[tokio::test]
async fn a_target_that_stumbles_over_paging_is_asked_without() {
    let (read, asked) = read("", |path| match path {
        "/Groups" => (200, json!({ "totalResults": 1, "Resources": [group("a", "A")] })),
        _ => (500, json!({ "detail": "count?" })),
    })
    .await;
    assert_eq!((names(&read.unwrap()), asked.len()), (vec![("a", "A")], 2));
}

#[tokio::test]
async fn canonical_values_are_read_from_the_schema_else_from_the_connector() {
    let connector = "[groups]\nmode = \"none\"\n[[entitlements]]\nkind = \"role\"\nattribute = \"roles\"\n\
        [attributes.roles]\nallowed = [\"FALLBACK\"]\n";
    let full: Script = |_| {
        let sub = json!({ "name": "value", "canonicalValues": ["ADMIN", "GUEST", 3] });
        let user = json!({ "id": "urn:ietf:params:scim:schemas:core:2.0:User", "attributes": [{ "name": "Roles", "subAttributes": [sub] }] });
        (200, json!([{ "id": "urn:ietf:params:scim:schemas:core:2.0:Group", "attributes": [] }, user]))
    };
    let (found, asked) = read(connector, full).await;
    let found = found.unwrap();
    assert_eq!(names(&found), [("ADMIN", "ADMIN"), ("GUEST", "GUEST")]);
    assert_eq!((asked.as_slice(), found.complete_kinds().len()), (&["/Schemas".to_owned()][..], 1));
    for script in [|_: &str| (404, json!({})), |_: &str| (200, json!([]))] as [Script; 2] {
        let (read, _) = read(connector, script).await;
        let read = read.unwrap();
        assert_eq!((names(&read), read.complete_kinds().len()), (vec![("FALLBACK", "FALLBACK")], 0));
        assert!(read.sources[0].incomplete.as_ref().unwrap().contains("those that the connector allows are taken"));
    }
}
