//! A directory whose people are called like attacks goes through a real engine; then every page that can be reached by links, and every list of
//! the API, is read over a real socket.

use std::collections::{BTreeSet, VecDeque};

use reqwest::StatusCode;
use serde_json::Value as Json;

use super::markup;
use super::site::Site;
use crate::engine::house::Plan;

const PAYLOADS: &str = include_str!("../data/xss.txt");
/// Pages that are read at most.
const PAGES_MAX: usize = 400;
/// Pages whose addresses differ in their query alone, at most: filters make many of them.
const SAME_PATH_MAX: usize = 6;
/// What makes a spreadsheet take a cell for a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A CSV cell.
fn cell(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Half of them wait for an approver, some are rejected with an attack as the comment, the rest are there.
async fn attacked() -> Site {
    let app = "title = \"<script>alert(1)</script>\"\n[assign]\nroles = [\"staff\"]\n[approvals]\ncreate = true\n";
    let site = Site::signed_in(Plan { app, ..Plan::default() }).await;
    let mut people = String::from("key,email,given_name,family_name,display_name,title,roles\n");
    for (number, payload) in PAYLOADS.lines().enumerate() {
        let hostile = cell(payload);
        people.push_str(&format!("k{number},p{number}@example.com,{hostile},{hostile},{hostile},{hostile},staff\n"));
    }
    site.house.import(&people, true).await.unwrap();
    site.house.sync().await;
    let csrf = site.csrf().await;
    let waiting = site.house.pending().await;
    assert_eq!(waiting.len(), 100);
    for (verdict, events) in [("reject", &waiting[..10]), ("approve", &waiting[10..50])] {
        let numbers: Vec<String> = events.iter().map(|event| event.id.to_string()).collect();
        let mut form =
            vec![("csrf", csrf.as_str()), ("verdict", verdict), ("comment", PAYLOADS.lines().next().unwrap())];
        form.extend(numbers.iter().map(|number| ("event", number.as_str())));
        assert_eq!(site.post("/approvals", &form).await.status(), StatusCode::SEE_OTHER);
    }
    site.house.sync().await;
    site
}

/// What is wrong with an answer, whatever it is.
fn wrong(kind: &str, text: &str) -> Vec<String> {
    if kind.starts_with("text/html") {
        let mut wrong = markup::wrong(text, text.contains("name=\"csrf\" content"));
        // The others say nothing to a parser: attributes are in double quotes.
        let harmful = PAYLOADS.lines().filter(|payload| payload.contains(['<', '"']));
        wrong.extend(harmful.filter(|payload| text.contains(*payload)).map(|payload| format!("unescaped: {payload}")));
        return wrong;
    }
    if kind.starts_with("text/csv") {
        let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let cells: Vec<String> =
            rows.records().flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()).collect();
        return cells
            .into_iter()
            .filter(|cell| cell.starts_with(FORMULA))
            .map(|cell| format!("a formula: {cell}"))
            .collect();
    }
    if kind.contains("json") && !kind.contains("ndjson") && serde_json::from_str::<Json>(text).is_err() {
        return vec!["no JSON".to_owned()];
    }
    Vec::new()
}

/// Reads an address and tells what is wrong with it; gives the links of a page.
async fn read(site: &Site, address: &str, told: &mut Vec<String>) -> Option<Vec<String>> {
    let answer = site.get(address).await;
    let header =
        |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (status, kind, policy) = (answer.status(), header("content-type"), header("content-security-policy"));
    if !status.is_success() {
        told.push(format!("{address}: {status}"));
        return None;
    }
    if header("x-content-type-options") != "nosniff"
        || policy.contains("unsafe")
        || !policy.contains("default-src 'none'")
    {
        told.push(format!("{address}: its headers let a browser run what is not ours"));
    }
    let text = answer.text().await.unwrap();
    told.extend(wrong(&kind, &text).into_iter().map(|what| format!("{address}: {what}")));
    let links = markup::tags(&text)
        .into_iter()
        .filter(|tag| tag.name == "a")
        .filter_map(|tag| tag.get("href").map(str::to_owned));
    Some(if kind.starts_with("text/html") {
        links.map(|link| link.replace("&amp;", "&")).collect()
    } else {
        Vec::new()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_attack_in_a_name_survives_on_any_page() {
    let site = attacked().await;
    let (mut told, mut read_well) = (Vec::new(), 0);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut by_path: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    let mut next: VecDeque<String> =
        VecDeque::from(["/".to_owned(), "/approvals?user=%3Cscript%3Ealert(1)%3C/script%3E&page=2".to_owned()]);
    while let Some(address) = next.pop_front() {
        let address = address.split('#').next().unwrap_or_default().to_owned();
        let path = address.split('?').next().unwrap_or_default().to_owned();
        let same = by_path.entry(path).or_default();
        if !address.starts_with('/')
            || seen.len() >= PAGES_MAX
            || *same >= SAME_PATH_MAX
            || !seen.insert(address.clone())
        {
            continue;
        }
        *same += 1;
        if let Some(links) = read(&site, &address, &mut told).await {
            read_well += 1;
            next.extend(links);
        }
    }
    assert!(told.is_empty(), "\n{}", told.join("\n"));
    for least in [
        "/approvals",
        "/approvals/decided",
        "/apps",
        "/apps/app",
        "/apps/app/policies",
        "/apps/app/entitlements",
        "/apps/app/reconcile",
    ] {
        assert!(seen.contains(least), "{least} was not reached: {seen:?}");
    }
    assert!(read_well >= 10, "only {read_well} pages were read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_attack_in_a_name_survives_in_any_list_or_export_of_the_api() {
    let site = attacked().await;
    let described: Json = site.get("/api/v1/openapi.json").await.json().await.unwrap();
    let (mut told, mut lists) = (Vec::new(), 0);
    for (path, methods) in described["paths"].as_object().unwrap() {
        let Some(get) = methods.get("get").filter(|_| !path.contains('{')) else { continue };
        let address = if path.starts_with("/api/") { path.clone() } else { format!("/api/v1{path}") };
        let parameters = get["parameters"].as_array().cloned().unwrap_or_default();
        let mut addresses = vec![address.clone()];
        if parameters.iter().any(|parameter| parameter["name"] == "format") {
            addresses.push(format!("{address}?format=csv"));
        }
        // What needs more than an address is asked for by the tests of that endpoint.
        if parameters.iter().any(|parameter| parameter["required"] == true && parameter["in"] == "query") {
            continue;
        }
        for address in addresses {
            let answer = site.get(&address).await;
            let kind =
                answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
            if kind.starts_with("text/event-stream") {
                continue;
            }
            lists += 1;
            assert!(!kind.starts_with("text/html") || address.ends_with("/docs"), "{address} is {kind}");
            let text = answer.text().await.unwrap();
            told.extend(wrong(&kind, &text).into_iter().map(|what| format!("{address}: {what}")));
        }
    }
    assert!(told.is_empty(), "\n{}", told.join("\n"));
    assert!(lists >= 1, "the description names no list");
}

#[test]
fn a_formula_in_a_cell_and_an_attack_in_a_page_are_seen() {
    assert_eq!(wrong("text/csv", "name,title\n\"=1+1\",x\n").len(), 1);
    assert!(wrong("text/csv", "name,title\n\"'=1+1\",x\n").is_empty());
    assert!(wrong("text/html", "<p><img src=x onerror=alert(1)></p>").iter().any(|what| what.starts_with("unescaped")));
}
