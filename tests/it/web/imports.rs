//! Imports over the console: uploaded, looked at, applied or dropped.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use reqwest::{Method, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use usher::access::Role;
use usher::clock::Span;
use usher::engine::{Answer, Command};
use usher::server::Net;
use usher::server::upload::Uploads;

use super::rules::sign_in_as;
use super::site::{COLUMNS, Site};
use crate::engine::house::Plan;

const BOUNDARY: &str = "----boundary-of-a-test";

/// A form with files, as browsers send it.
fn multipart(fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    for (name, bytes) in files {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\nContent-Type: text/csv\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

async fn send(site: &Site, fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Response {
    let request = site.request(Method::POST, "/imports").header("origin", &site.origin);
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    request.header("content-type", kind).body(multipart(fields, files)).send().await.unwrap()
}

async fn upload(site: &Site, full: bool, files: &[(&str, &[u8])]) -> Response {
    // Generations are told apart by their time.
    site.house.advance(Span::from_secs(1));
    let csrf = site.csrf().await;
    let mut fields = vec![("csrf", csrf.as_str()), ("source", "hr")];
    if full {
        fields.push(("full", "yes"));
    }
    send(site, &fields, files).await
}

fn csv(rows: &[&str]) -> Vec<u8> {
    let header = COLUMNS.to_owned();
    std::iter::once(header.as_str())
        .chain(rows.iter().copied())
        .map(|row| format!("{row}\n"))
        .collect::<String>()
        .into_bytes()
}

/// `number` people.
fn crowd(number: usize) -> Vec<u8> {
    let rows: Vec<String> =
        (0..number).map(|n| format!("k{n},p{n}@example.com,G{n},F{n},G{n} F{n},T{n},Sales,staff")).collect();
    csv(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

async fn people_there(site: &Site) -> usize {
    match site.house.ask(Command::Users { search: None, limit: 1_000 }).await.unwrap() {
        Answer::Users(users) => users.len(),
        other => panic!("expected users, got {other:?}"),
    }
}

fn place(answer: &Response) -> String {
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    answer.headers()["location"].to_str().unwrap().to_owned()
}

async fn decide(site: &Site, page: &str, what: &str, expected: &str) -> String {
    let csrf = site.csrf().await;
    let answer = site.post(page, &[("csrf", &csrf), ("what", what), ("expected", expected)]).await;
    assert_eq!(place(&answer), page);
    site.page(page).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_with_bad_rows_are_looked_at_before_they_count() {
    let site = Site::signed_in(Plan::default()).await;
    let good = csv(&[
        "k1,one@example.com,One,Person,<script>alert(1)</script>,Boss,Sales,staff",
        ",nobody@example.com,No,Key,No Key,,,",
        "k2,two@example.com,Two,Person,=cmd|'/C calc'!A0,Clerk,Sales,staff",
        "k3,three@example.com,Three,Person",
    ]);
    let more = csv(&["k4,four@example.com,Four,Person,Four Person,Clerk,Support,staff"]);
    let answer = upload(&site, true, &[("people.csv", &good), ("more.csv", &more)]).await;
    let page = place(&answer);
    let shown = site.page(&page).await;
    for seen in [
        "people.csv",
        "more.csv",
        "Rows that could not be read",
        "Would join",
        "Nothing of it counts yet",
        "two@example.com",
    ] {
        assert!(shown.contains(seen), "{seen}: {shown}");
    }
    assert!(!shown.contains("usher-upload-") && !shown.contains("<script>alert"), "{shown}");
    let rows: Vec<&str> = shown.split("<td>people.csv</td><td class=\"number\">").skip(1).collect();
    let lines: Vec<&str> = rows.iter().map(|row| row.split('<').next().unwrap()).collect();
    assert_eq!(lines, ["3", "5"], "{shown}");
    assert_eq!(people_there(&site).await, 0, "nothing counts before somebody says so");
    assert!(site.page("/imports").await.contains("waits for a decision"));
    let shown = decide(&site, &page, "apply", "").await;
    assert!(shown.contains("Applied: new 3") && shown.contains("Rows that could not be read"), "{shown}");
    assert_eq!(people_there(&site).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_shows_old_and_new_and_may_be_dropped() {
    let site = Site::signed_in(Plan::default()).await;
    let page = place(&upload(&site, true, &[("all.csv", &crowd(5))]).await);
    decide(&site, &page, "apply", "").await;
    let change = b"key,title\nk1,Chief\nk2,Chief\n";
    let page = place(&upload(&site, false, &[("change.csv", change)]).await);
    let shown = site.page(&page).await;
    for seen in ["Would change", "T1", "Chief", "G1 F1", "Changes, by attribute"] {
        assert!(shown.contains(seen), "{seen}: {shown}");
    }
    let shown = decide(&site, &page, "drop", "").await;
    assert!(shown.contains("dropped"), "{shown}");
    let user = site.house.ask(Command::UserShow { user: usher::engine::command::UserRef("k1".into()) }).await.unwrap();
    let Answer::User(user) = user else { panic!("expected a user") };
    assert_eq!(user.user.text("title"), Some("T1"));
    let again = decide(&site, &page, "apply", "").await;
    assert!(again.contains("is dropped, expected one that is parked"), "{again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_lost_people_is_applied_only_with_the_number_that_is_expected() {
    let site = Site::signed_in(Plan::default()).await;
    let page = place(&upload(&site, true, &[("all.csv", &crowd(30))]).await);
    decide(&site, &page, "apply", "").await;
    let page = place(&upload(&site, true, &[("short.csv", &crowd(20))]).await);
    let shown = site.page(&page).await;
    for seen in ["10 users are missing, of 30", "at most; it is 10", "Would leave", "G25 F25"] {
        assert!(shown.contains(seen), "{seen}: {shown}");
    }
    let active = async || {
        let counted = site.house.ask(Command::Users { search: None, limit: 1_000 }).await.unwrap();
        let Answer::Users(users) = counted else { panic!("expected users") };
        users.iter().filter(|user| user.effective_standing() == usher::directory::user::Standing::Active).count()
    };
    assert!(decide(&site, &page, "apply", "").await.contains("type the number of users"));
    assert!(decide(&site, &page, "apply", "3").await.contains("shrinks something by 10, 3 were accepted"));
    assert!(decide(&site, &page, "apply", "many").await.contains("is no number of users"));
    assert_eq!(active().await, 30);
    assert!(decide(&site, &page, "apply", "10").await.contains("Applied: missing 10"));
    assert_eq!(active().await, 20);
}

/// Files by name, and what is said of them.
type Case<'a> = (&'a [(&'a str, &'a [u8])], &'a str);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_is_refused_with_a_reason_and_nothing_is_taken_in() {
    let site = Site::signed_in(Plan::default()).await;
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(crowd(2).into_iter().flat_map(|byte| [byte, 0])).collect();
    let people = crowd(2);
    let cases: [Case<'_>; 7] = [
        (&[("people.csv", b"\x00\x01\x02\xff\xfe\x00binary")], "people.csv"),
        (&[("people.csv", &utf16)], "UTF-16"),
        (&[("people.xlsx", b"PK\x03\x04")], "expected .csv"),
        (&[("people.json", b"{\"broken\": ")], "people.json"),
        (&[("people.csv", b"")], "people.csv"),
        (&[("people.csv", &people), ("people.csv", &people)], "Two of the files are called people.csv"),
        (&[], "No file was chosen"),
    ];
    for (files, reason) in cases {
        let answer = upload(&site, true, files).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{reason}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("Nothing was taken in") && page.contains(reason), "{reason}: {page}");
        assert!(!page.contains("usher-upload-"), "{page}");
    }
    let Answer::Imports(imports) = site.house.ask(Command::Imports { limit: 10 }).await.unwrap() else { panic!() };
    assert!(imports.is_empty(), "{imports:?}");
    let csrf = site.csrf().await;
    let other = send(&site, &[("csrf", &csrf), ("source", "elsewhere")], &[("people.csv", &people)]).await;
    assert!(other.text().await.unwrap().contains("There is no source `elsewhere`"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_forms_and_viewers_bring_nothing() {
    let mut site = Site::signed_in(Plan::default()).await;
    let people = crowd(2);
    let csrf = site.csrf().await;
    let wrong = send(&site, &[("csrf", "guessed"), ("source", "hr")], &[("people.csv", &people)]).await;
    assert_eq!(wrong.status(), StatusCode::FORBIDDEN);
    let without = send(&site, &[("source", "hr")], &[("people.csv", &people)]).await;
    assert_eq!(without.status(), StatusCode::FORBIDDEN);
    let foreign = site.request(Method::POST, "/imports").header("origin", "https://evil.example");
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let body = multipart(&[("csrf", &csrf), ("source", "hr")], &[("people.csv", &people)]);
    let foreign = foreign.header("content-type", kind).body(body).send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let page = place(&upload(&site, true, &[("people.csv", &people)]).await);
    sign_in_as(&mut site, "watcher", Role::Viewer).await;
    assert_eq!(upload(&site, true, &[("people.csv", &people)]).await.status(), StatusCode::FORBIDDEN);
    let shown = site.page(&page).await;
    assert!(shown.contains("Admins decide") && !shown.contains("value=\"apply\""), "{shown}");
    let csrf = site.csrf().await;
    let apply = site.post(&page, &[("csrf", &csrf), ("what", "apply")]).await;
    assert_eq!(apply.status(), StatusCode::FORBIDDEN);
    assert_eq!(people_there(&site).await, 0);
    assert_eq!(site.get("/imports/imp_unknown").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_is_too_large_is_told_so() {
    let site = Site::signed_in(Plan::default()).await;
    let address = site.origin.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let length = (256u64 << 20) + 1;
    let head = format!(
        "POST /imports HTTP/1.1\r\nhost: {address}\r\norigin: {}\r\ncookie: {}\r\ncontent-type: multipart/form-data; boundary=x\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n",
        site.origin,
        site.cookie.as_deref().unwrap()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("more than 256 MiB together"), "{answer}");
}

/// The files of all uploads below a store's folder.
fn lying(store: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).map_or_else(|_| Vec::new(), |all| all.map(|each| each.unwrap().path()).collect())
    };
    entries(&store.join("uploads")).iter().flat_map(|upload| entries(upload)).collect()
}

/// Waits until as many lie there.
async fn until_there_are(number: usize, store: &Path) -> Vec<PathBuf> {
    for _ in 0..1_000 {
        let files = lying(store);
        if files.len() == number {
            return files;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("expected {number}, got {:?}", lying(store));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_lie_below_the_store_and_nobody_else_reads_them() {
    let store = tempfile::tempdir().unwrap();
    let left = store.path().join("uploads/usher-upload-before");
    std::fs::create_dir_all(&left).unwrap();
    std::fs::write(left.join("people.csv"), "key,email").unwrap();
    Uploads::beside(Some(store.path())).sweep().unwrap();
    let net = Net { store: Some(store.path().to_owned()), ..Net::default() };
    let site = Site::open_over(Plan::default(), net).await.set_up().await;
    assert!(!left.exists());
    let address = site.origin.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let csrf = site.csrf().await;
    let file = "x".repeat(2 << 20);
    let body = multipart(&[("csrf", csrf.as_str()), ("source", "hr")], &[("people.csv", file.as_bytes())]);
    let head = format!(
        "POST /imports HTTP/1.1\r\nhost: {address}\r\norigin: {}\r\ncookie: {}\r\n\
         content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {}\r\n\r\n",
        site.origin,
        site.cookie.as_deref().unwrap(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..body.len() - 1]).await.unwrap();
    let files = until_there_are(1, store.path()).await;
    assert_eq!(files[0].file_name().unwrap(), "people.csv");
    let folder = std::fs::metadata(files[0].parent().unwrap()).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700, "nobody else looks into it");
    // The client goes away in the middle.
    drop(stream);
    until_there_are(0, store.path()).await;
}
