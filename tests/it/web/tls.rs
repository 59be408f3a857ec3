//! TLS of our own, and who stands behind a proxy.

use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;
use usher::server::{Metrics, Net, TlsFiles};

use super::site::{PASSWORD, Site};
use crate::engine::house::Plan;

/// A certificate for this machine, signed by itself; returns its PEM.
fn certify(folder: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.pem()
}

fn files(folder: &Path) -> TlsFiles {
    let look_every = Duration::from_millis(50);
    TlsFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem"), look_every }
}

/// A client that trusts one certificate alone.
fn trusting(pem: &str) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(pem.as_bytes()).unwrap();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.tls_certs_only([root]).pool_max_idle_per_host(0).build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_certificate_of_its_own_the_server_speaks_tls_and_takes_a_renewed_one() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let folder = tempfile::tempdir().unwrap();
    let first = certify(folder.path());
    let net = Net { tls: Some(files(folder.path())), ..Net::default() };
    let mut site = Site::open_over(Plan::default(), net).await;
    assert!(site.origin.starts_with("https://"));
    site.client = trusting(&first);
    let answer = site.get("/sign-in").await;
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    let once = site.house.engine.bootstrap().await.unwrap();
    let form = [("token", once.expose()), ("password", PASSWORD), ("again", PASSWORD)];
    let answer = site.post("/set-up", &form).await;
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-usher=") && cookie.contains("Secure") && cookie.contains("Path=/"), "{cookie}");
    site.keep(&answer);
    assert!(site.page("/apps").await.contains("admin · admin"));

    let plain = reqwest::Client::builder().no_proxy().build().unwrap();
    let address = site.origin.replace("https://", "http://");
    assert!(plain.get(format!("{address}/healthz")).send().await.is_err(), "nobody is answered without TLS");

    let second = certify(folder.path());
    let until = tokio::time::Instant::now() + Duration::from_secs(60);
    while trusting(&second).get(format!("{}/healthz", site.origin)).send().await.is_err() {
        assert!(tokio::time::Instant::now() < until, "the renewed certificate is not in use");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    std::fs::write(folder.path().join("cert.pem"), "nonsense").unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let answer = trusting(&second).get(format!("{}/healthz", site.origin)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "what can't be used is not taken");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let open = async || usher::server::tls::Tls::open(files(folder.path())).await.unwrap_err().to_string();
    assert!(open().await.contains("cert.pem"));
    certify(folder.path());
    std::fs::write(folder.path().join("key.pem"), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        .unwrap();
    let error = open().await;
    assert!(error.contains("cert.pem") && error.contains("key.pem") && error.contains("belong together"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_is_what_a_proxy_says_only_behind_one() {
    for (behind_proxy, locked) in [(true, StatusCode::UNAUTHORIZED), (false, StatusCode::TOO_MANY_REQUESTS)] {
        let site = Site::open_over(Plan::default(), Net { behind_proxy, ..Net::default() }).await;
        let try_from = async |name: String, from: &str| {
            let body = serde_json::json!({ "name": name, "password": "wrong wrong wrong", "purpose": "" });
            let request = site.client.post(format!("{}/api/v1/sign-in", site.origin)).body(body.to_string());
            request.header("x-forwarded-for", from).send().await.unwrap().status()
        };
        for number in 0..10 {
            // What the client itself put in front counts nothing.
            try_from(format!("name{number}"), &format!("198.51.100.{number}, 203.0.113.7")).await;
        }
        assert_eq!(try_from("another".into(), "192.0.2.1").await, locked, "behind a proxy: {behind_proxy}");
        let same = try_from("one more".into(), "192.0.2.1, 203.0.113.7").await;
        assert_eq!(same, StatusCode::TOO_MANY_REQUESTS, "behind a proxy: {behind_proxy}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_open_or_off_where_the_workspace_says_so() {
    for (metrics, status) in [(Metrics::Open, StatusCode::OK), (Metrics::Off, StatusCode::NOT_FOUND)] {
        let site = Site::open_over(Plan::default(), Net { metrics, ..Net::default() }).await;
        assert_eq!(site.get("/metrics").await.status(), status, "{metrics:?}");
    }
}
