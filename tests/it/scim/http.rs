//! [`HttpTarget`] over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request as Incoming;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{any, get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use usher::connector::App;
use usher::scim::target::{Method, Request, Target, TransportError};
use usher::scim::{HttpTarget, TargetError};
use usher::secret::Secret;

use super::model::spec;

const TOKEN: &str = "secret-token-of-the-app";

fn target(address: SocketAddr) -> HttpTarget {
    HttpTarget::new(&spec("", &format!("http://{address}/scim")), Secret::new(TOKEN)).unwrap()
}

fn request(method: Method, path: &str, body: Option<&str>) -> Request {
    Request {
        method,
        path: path.to_owned(),
        if_match: None,
        body: body.map(|body| body.as_bytes().to_vec()),
        timeout: Duration::from_secs(5),
        answer_max_bytes: 64 * 1024,
    }
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Answers every connection with these bytes, then closes it. Counts connections.
async fn raw(answer: &'static [u8], connections: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::SeqCst);
            let mut buffer = [0_u8; 4096];
            if socket.read(&mut buffer).await.is_ok() {
                let _ = socket.write_all(answer).await;
            }
        }
    });
    address
}

#[tokio::test]
async fn requests_bear_token_headers_and_a_content_length() {
    let echo = |headers: HeaderMap| async move {
        let names = ["authorization", "accept", "user-agent", "content-type", "content-length"];
        let found: Vec<String> = names
            .iter()
            .map(|name| headers.get(*name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned())
            .collect();
        assert!(!headers.contains_key("transfer-encoding"));
        assert_eq!(found[0], format!("Bearer {TOKEN}"));
        found[1..].join("|")
    };
    let address = serve(Router::new().route("/scim/Users", post(echo))).await;
    let answer = target(address).send(request(Method::Post, "/Users", Some("{}"))).await.unwrap();
    let agent = concat!("Usher/", env!("CARGO_PKG_VERSION"));
    let expected = format!("application/scim+json, application/json;q=0.9|{agent}|application/scim+json|2");
    assert_eq!(String::from_utf8(answer.body).unwrap(), expected);
    assert_eq!(answer.content_type, "text/plain");
}

#[tokio::test]
async fn a_redirect_is_reported_and_not_followed() {
    let followed = Arc::new(AtomicUsize::new(0));
    let count = followed.clone();
    let router = Router::new()
        .route("/scim/Users", any(|| async { (StatusCode::FOUND, [("location", "/elsewhere")]).into_response() }))
        .route("/elsewhere", any(move || async move { count.fetch_add(1, Ordering::SeqCst).to_string() }));
    let answer = target(serve(router).await).send(request(Method::Get, "/Users", None)).await.unwrap();
    assert_eq!((answer.status, followed.load(Ordering::SeqCst)), (302, 0));
}

#[tokio::test]
async fn an_answer_that_swells_is_cut_off() {
    // A megabyte of zeros in a kilobyte of gzip.
    let bomb: &[u8] = include_bytes!("zeros.gz");
    let router = Router::new().route("/scim/Users", get(move || async move { ([("content-encoding", "gzip")], bomb) }));
    let target = target(serve(router).await);
    let error = target.send(request(Method::Get, "/Users", None)).await.unwrap_err();
    assert!(matches!(&error, TransportError::Unknown(why) if why.contains("larger than 65536 bytes")), "{error}");
    let whole = Request { answer_max_bytes: 2 * 1024 * 1024, ..request(Method::Get, "/Users", None) };
    assert_eq!(target.send(whole).await.unwrap().body.len(), 1024 * 1024);
}

#[tokio::test]
async fn a_broken_off_answer_is_unknown_and_asked_for_once() {
    for answer in [&b"HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{\"id\":"[..], b"", b"HTTP/1.1 2"] {
        let connections = Arc::new(AtomicUsize::new(0));
        let address = raw(answer, connections.clone()).await;
        let error = target(address).send(request(Method::Post, "/Users", Some("{}"))).await.unwrap_err();
        assert!(matches!(error, TransportError::Unknown(_)), "{error}");
        assert_eq!(connections.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_silent_target_is_unknown_and_a_closed_port_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let patience = Request { timeout: Duration::from_millis(100), ..request(Method::Post, "/Users", Some("{}")) };
    let error = target(address).send(patience).await.unwrap_err();
    assert!(matches!(error, TransportError::Unknown(_)), "{error}");
    drop(listener);
    let error = target(address).send(request(Method::Post, "/Users", Some("{}"))).await.unwrap_err();
    assert!(matches!(error, TransportError::NotSent(_)), "{error}");
}

#[tokio::test]
async fn connections_are_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ports = Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let seen = ports.clone();
    let router = Router::new().route(
        "/scim/Users",
        any(move |incoming: Incoming| async move {
            let peer = incoming.extensions().get::<axum::extract::ConnectInfo<SocketAddr>>().unwrap().0;
            seen.lock().unwrap().insert(peer.port());
        }),
    );
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    let target = target(address);
    for _ in 0..5 {
        target.send(request(Method::Get, "/Users", None)).await.unwrap();
    }
    assert_eq!(ports.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_connection_that_the_target_closed_is_replaced_and_nothing_is_sent_twice() {
    let connections = Arc::new(AtomicUsize::new(0));
    let address = raw(b"HTTP/1.1 204 No Content\r\n\r\n", connections.clone()).await;
    let target = target(address);
    let mut answered = 0;
    for _ in 0..5 {
        match target.send(request(Method::Post, "/Users", Some("{}"))).await {
            Ok(_) => answered += 1,
            // The close crossed with the request: whether it arrived is for a look to tell.
            Err(error) => assert!(matches!(error, TransportError::Unknown(_)), "{error}"),
        }
    }
    assert!(answered >= 1);
    assert!(connections.load(Ordering::SeqCst) <= 5);
}

#[tokio::test]
async fn retry_after_is_passed_on_and_the_token_is_not() {
    let router = Router::new().route(
        "/scim/Users",
        get(|headers: HeaderMap| async move {
            let token = headers["authorization"].to_str().unwrap().to_owned();
            (StatusCode::TOO_MANY_REQUESTS, [("x-retry-after", "7")], format!("you sent {token}"))
        }),
    );
    let answer = target(serve(router).await).send(request(Method::Get, "/Users", None)).await.unwrap();
    assert_eq!(answer.retry_after.as_deref(), Some("7"));
    assert!(!String::from_utf8(answer.body).unwrap().contains(TOKEN));
}

#[test]
fn base_urls_that_lead_inside_or_carry_secrets_are_refused() {
    let refused = |url: &str| {
        let mut spec = spec("", "https://scim.example.com");
        spec.app.base_url = url.to_owned();
        HttpTarget::new(&spec, Secret::new(TOKEN)).unwrap_err()
    };
    for url in
        ["https://169.254.169.254/scim", "https://10.0.0.1/scim", "https://[::ffff:10.0.0.1]/", "https://2130706433/"]
    {
        assert!(matches!(refused(url), TargetError::BaseUrl { .. }), "{url}");
    }
    assert!(!refused("https://ann:hunter22@scim.example.com/").to_string().contains("hunter22"));
    assert!(refused("http://scim.example.com/").to_string().contains("https"));
    let line_break = HttpTarget::new(&spec("", "https://scim.example.com"), Secret::new("token\n")).unwrap_err();
    assert!(matches!(line_break, TargetError::Header(_)));
}

/// An authority of this name, and what it certifies for this machine: certificate and key.
fn authority(name: &str) -> (String, (String, String)) {
    let mut own = rcgen::CertificateParams::default();
    own.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    own.distinguished_name.push(rcgen::DnType::CommonName, name);
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = own.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(own, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    (pem, (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_authority_is_trusted_by_the_app_that_names_it_and_by_no_other() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let (pem, (certificate, key)) = authority("Acme");
    let tls = axum_server::tls_rustls::RustlsConfig::from_pem(certificate.into(), key.clone().into()).await.unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let base_url = format!("https://{}/scim", listener.local_addr().unwrap());
    let router = Router::new().route("/scim/Users", get(|| async { "[]" }));
    let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
    tokio::spawn(server.serve(router.into_make_service()));

    let asked = async |tls_ca: &str| {
        let mut spec = spec("", &base_url);
        spec.app.tls_ca = tls_ca.to_owned();
        let target = HttpTarget::new(&spec, Secret::new(TOKEN)).unwrap();
        target.send(request(Method::Get, "/Users", None)).await
    };
    assert_eq!(asked(&pem).await.unwrap().status, 200);
    let (other, _) = authority("Other");
    assert_eq!(asked(&format!("{other}{pem}")).await.unwrap().status, 200, "one of several");
    for untrusted in [asked("").await, asked(&other).await] {
        let error = untrusted.unwrap_err();
        assert!(matches!(error, TransportError::NotSent(_)), "{error}");
        let words = usher::scim::failure::of_transport(&error).detail;
        assert!(words.contains("tls_ca"), "{words}");
    }

    let refused = |tls_ca: &str| {
        let text = format!(
            "connector = \"generic-scim2\"\nbase_url = \"{base_url}\"\ncredential = \"env:X\"\nrules = \"x.rhai\"\n\
             tls_ca = '''\n{tls_ca}'''\n"
        );
        App::parse(std::path::Path::new("apps/x.toml"), &text).unwrap_err().to_string()
    };
    assert!(refused("ca.pem").contains("expected the text of a PEM file"));
    let told = refused(&format!("{pem}{key}"));
    assert!(told.contains("private key") && !told.contains("BEGIN"), "{told}");
    let mut broken = spec("", &base_url);
    broken.app.tls_ca = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_owned();
    let error = HttpTarget::new(&broken, Secret::new(TOKEN)).unwrap_err();
    assert!(error.to_string().contains("tls_ca"), "{error}");
}
