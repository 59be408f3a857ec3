//! Sign-in at an OpenID provider, with a small one that says whatever a test wants it to say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::State;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openidconnect::core::{CoreEdDsaPrivateSigningKey, CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKeyId, PkceCodeChallenge, PkceCodeVerifier, PrivateSigningKey};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use usher::access::Role;
use usher::clock::Span;
use usher::engine::Command;
use usher::secret::Secret;
use usher::server::{SignInSettings, openid};

use super::site::{PASSWORD, Site};
use crate::engine::house::Plan;

/// A key whose private half is made of one byte.
fn key(byte: u8) -> CoreEdDsaPrivateSigningKey {
    let prefix = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let der = [prefix.as_slice(), &[byte; 32]].concat();
    let label = ["PRIVATE", "KEY"].join(" ");
    let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der));
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(JsonWebKeyId::new("one".into()))).unwrap()
}

/// What the provider says next.
struct Said {
    /// The claims of its token.
    claims: Value,
    /// The key it signs with; it publishes that of the byte 1.
    signs: u8,
    /// What PKCE demands.
    challenge: String,
    /// How often a code was taken.
    codes: usize,
}

struct Provider {
    issuer: String,
    said: Arc<Mutex<Said>>,
}

impl Provider {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let said = Said { claims: json!({}), signs: 1, challenge: String::new(), codes: 0 };
        let said = Arc::new(Mutex::new(said));
        let about = json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"), "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/keys"), "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA"],
        });
        let keys = CoreJsonWebKeySet::new(vec![key(1).as_verification_key()]);
        let keys = serde_json::to_value(keys).unwrap();
        let router = axum::Router::new()
            .route("/.well-known/openid-configuration", get(|| async { Json(about) }))
            .route("/keys", get(|| async { Json(keys) }))
            .route("/token", post(token))
            .with_state(Arc::clone(&said));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { issuer, said }
    }

    /// How a house uses it.
    fn settings(&self, passwords: bool) -> SignInSettings {
        let roles = [("chiefs", Role::Admin), ("deciders", Role::Approver)];
        let roles: BTreeMap<String, Role> = roles.map(|(group, role)| (group.to_owned(), role)).into();
        let openid = openid::Settings {
            issuer: self.issuer.clone(),
            title: "Test ID".into(),
            client_id: "usher".into(),
            client_secret: Some(Secret::new("client-secret")),
            scopes: vec!["groups".into()],
            role_claim: "groups".into(),
            roles,
            name_claim: "preferred_username".into(),
        };
        SignInSettings { passwords, openid: Some(openid) }
    }
}

/// The token endpoint.
async fn token(State(said): State<Arc<Mutex<Said>>>, body: String) -> (StatusCode, Json<Value>) {
    let mut said = said.lock().unwrap();
    said.codes += 1;
    let verifier = body.split('&').find_map(|pair| pair.strip_prefix("code_verifier=")).unwrap_or_default();
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.to_owned()));
    if challenge.as_str() != said.challenge {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" })));
    }
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encoded(&json!({ "alg": "EdDSA", "kid": "one" })), encoded(&said.claims));
    let signature = key(said.signs).sign(&CoreJwsSigningAlgorithm::EdDsa, signed.as_bytes()).unwrap();
    let id_token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    (StatusCode::OK, Json(json!({ "access_token": "opaque", "token_type": "Bearer", "id_token": id_token })))
}

/// A house with the provider, and one browser.
struct Scene {
    provider: Provider,
    site: Site,
}

/// What was begun: the state and the nonce that went out, and the cookie that came along.
struct There {
    state: String,
    nonce: String,
    cookie: String,
    address: String,
}

impl Scene {
    async fn open(passwords: bool) -> Self {
        let provider = Provider::start().await;
        let site = Site::open_with(Plan::default(), provider.settings(passwords)).await;
        Self { provider, site }
    }

    async fn there(&self, query: &str) -> There {
        let answer = self.site.get(&format!("/sign-in/openid{query}")).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let address = answer.headers()["location"].to_str().unwrap().to_owned();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Max-Age=600"));
        let value = |name: &str| {
            let pair = address.split(['?', '&']).find_map(|pair| pair.strip_prefix(&format!("{name}=")));
            pair.unwrap_or_else(|| panic!("no {name} in {address}")).to_owned()
        };
        assert_eq!(value("code_challenge_method"), "S256");
        self.provider.said.lock().unwrap().challenge = value("code_challenge");
        let (state, nonce) = (value("state"), value("nonce"));
        There { state, nonce, cookie: cookie.split(';').next().unwrap().to_owned(), address }
    }

    /// Claims that hold.
    fn claims(&self, there: &There, groups: &[&str]) -> Value {
        let now = self.site.house.now().as_millis() / 1_000;
        json!({
            "iss": self.provider.issuer, "sub": "subject-1", "aud": "usher", "exp": now + 300, "iat": now, "auth_time": now as f64 + 0.25,
            "nonce": there.nonce, "groups": groups, "preferred_username": "yuki",
        })
    }

    async fn back(&self, there: &There, claims: Value) -> Response {
        self.provider.said.lock().unwrap().claims = claims;
        let path = format!("/sign-in/openid/back?code=abc&state={}", there.state);
        // As browsers do it: what is bound to this site alone does not come along.
        let request = self.site.client.get(format!("{}{path}", self.site.origin)).header("cookie", &there.cookie);
        request.send().await.unwrap()
    }

    /// The session's cookie of an answer.
    fn keep(&mut self, answer: &Response) {
        let mut cookies = answer.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
        let session = cookies.rfind(|cookie| cookie.starts_with("usher=")).unwrap().to_owned();
        assert!(session.contains("SameSite=Strict"), "{session}");
        self.site.cookie = Some(session.split(';').next().unwrap().to_owned());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_a_group_is_let_in_with_its_role_and_comes_back_to_where_he_was() {
    let mut scene = Scene::open(true).await;
    assert!(scene.site.page("/sign-in").await.contains("Sign in with Test ID"));
    let there = scene.there("?next=/access").await;
    let answer = scene.back(&there, scene.claims(&there, &["others", "deciders"])).await;
    assert_eq!(answer.status(), StatusCode::OK);
    scene.keep(&answer);
    let page = answer.text().await.unwrap();
    assert!(page.contains("http-equiv=\"refresh\" content=\"0; url=/access\""), "a page of ours leads on: {page}");
    let page = scene.site.page("/access").await;
    assert!(page.contains("yuki · approver") && page.contains(&scene.provider.issuer), "{page}");

    let there = scene.there("?next=//evil.example").await;
    let answer = scene.back(&there, scene.claims(&there, &["chiefs", "deciders"])).await;
    scene.keep(&answer);
    assert!(answer.text().await.unwrap().contains("url=/\""), "nobody is sent elsewhere");
    assert!(scene.site.page("/access").await.contains("yuki · admin"), "the role follows the claim");
    let deeds = scene.site.page("/access/history?operator=yuki").await;
    assert!(
        deeds.contains("added `yuki` as approver: signed in at")
            && deeds.contains("made `yuki` admin instead of approver")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_hold_lets_nobody_in() {
    let scene = Scene::open(true).await;
    let now = scene.site.house.now().as_millis() / 1_000;
    let cases: [(&str, Value); 6] = [
        ("nonce", json!("another")),
        ("aud", json!("somebody-else")),
        ("aud", json!(["usher", "somebody-else"])),
        ("iss", json!("https://evil.example")),
        ("exp", json!(now - 1)),
        ("nonce", Value::Null),
    ];
    for (claim, value) in cases {
        let there = scene.there("").await;
        let mut claims = scene.claims(&there, &["chiefs"]);
        claims[claim] = value.clone();
        let answer = scene.back(&there, claims).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{claim} {value}");
        assert!(answer.text().await.unwrap().contains("what the provider said does not hold"), "{claim} {value}");
        // Failures of one address add up; here they are meant.
        scene.site.house.advance(Span::from_secs(16 * 60));
    }
    scene.provider.said.lock().unwrap().signs = 2;
    let there = scene.there("").await;
    assert_eq!(scene.back(&there, scene.claims(&there, &["chiefs"])).await.status(), StatusCode::FORBIDDEN, "the key");
    scene.provider.said.lock().unwrap().signs = 1;

    let there = scene.there("").await;
    scene.provider.said.lock().unwrap().challenge = "of somebody else".into();
    let answer = scene.back(&there, scene.claims(&there, &["chiefs"])).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN, "PKCE");
    let operators = scene.site.house.engine.store().operators().await.unwrap();
    assert_eq!(operators.len(), 1, "nobody was made of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_back_counts_once_in_time_and_for_the_browser_that_went() {
    let scene = Scene::open(true).await;
    let there = scene.there("").await;
    let claims = scene.claims(&there, &["chiefs"]);
    let other = There { cookie: "usher-openid=another".into(), ..scene.there("").await };
    assert_eq!(scene.back(&other, claims.clone()).await.status(), StatusCode::FORBIDDEN, "another browser");
    let foreign = There { state: "state_made_up".into(), cookie: "usher-openid=state_made_up".into(), ..other };
    assert_eq!(scene.back(&foreign, claims.clone()).await.status(), StatusCode::FORBIDDEN, "made up");
    let late = scene.there("").await;
    scene.site.house.advance(Span::from_secs(11 * 60));
    assert_eq!(scene.back(&late, scene.claims(&late, &["chiefs"])).await.status(), StatusCode::FORBIDDEN, "too late");
    assert_eq!(scene.provider.said.lock().unwrap().codes, 0, "no code was taken to the provider for any of them");
    let there = scene.there("").await;
    assert_eq!(scene.back(&there, scene.claims(&there, &["chiefs"])).await.status(), StatusCode::OK);
    assert_eq!(scene.back(&there, claims).await.status(), StatusCode::FORBIDDEN, "once");
    let refused = format!("/sign-in/openid/back?error=access_denied&error_description=%3Cb%3E&state={}", there.state);
    assert_eq!(scene.site.get(&refused).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_group_no_entry_and_a_name_of_somebody_else_is_never_taken_over() {
    let mut scene = Scene::open(true).await;
    let there = scene.there("").await;
    let answer = scene.back(&there, scene.claims(&there, &["others"])).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(answer.text().await.unwrap().contains("gives you a role here"));
    let there = scene.there("").await;
    let mut claims = scene.claims(&there, &["chiefs"]);
    claims["preferred_username"] = json!("admin");
    let answer = scene.back(&there, claims).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(answer.text().await.unwrap().contains("another operator `admin`"));

    let there = scene.there("").await;
    let answer = scene.back(&there, scene.claims(&there, &["chiefs"])).await;
    scene.keep(&answer);
    scene.site.page("/access").await;
    let there = scene.there("").await;
    assert_eq!(scene.back(&there, scene.claims(&there, &[])).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(scene.site.get("/access").await.status(), StatusCode::SEE_OTHER, "his session is over with his groups");
    scene.site.house.ask(Command::OperatorDisable { name: "yuki".into() }).await.unwrap();
    let there = scene.there("").await;
    let answer = scene.back(&there, scene.claims(&there, &["chiefs"])).await;
    assert!(answer.text().await.unwrap().contains("you are disabled here"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_grave_is_proved_again_at_the_provider_by_the_same_person() {
    let mut scene = Scene::open(true).await;
    let there = scene.there("").await;
    let answer = scene.back(&there, scene.claims(&there, &["chiefs"])).await;
    scene.keep(&answer);
    scene.site.house.advance(Span::from_secs(16 * 60));
    let csrf = scene.site.csrf().await;
    let eyes = [("csrf", csrf.as_str()), ("four_eyes", "enforce")];
    let answer = scene.site.post("/access/four-eyes", &eyes).await;
    assert_eq!(answer.headers()["location"], "/sign-in?next=/access&name=yuki");
    let page = scene.site.page("/sign-in?next=/access&name=yuki").await;
    assert!(
        page.contains("Prove yourself with Test ID")
            && page.contains("&amp;again=true")
            && !page.contains("password\""),
        "{page}"
    );

    let there = scene.there("?next=/access&again=true").await;
    assert!(there.address.contains("prompt=login") && there.address.contains("max_age="), "{}", there.address);
    let mut stale = scene.claims(&there, &["chiefs"]);
    stale["auth_time"] = json!(scene.site.house.now().as_millis() / 1_000 - 16 * 60);
    assert_eq!(scene.back(&there, stale).await.status(), StatusCode::FORBIDDEN, "the provider did not ask");
    let there = scene.there("?next=/access&again=true").await;
    let mut other = scene.claims(&there, &["chiefs"]);
    (other["sub"], other["preferred_username"]) = (json!("subject-2"), json!("zoe"));
    let answer = scene.back(&there, other).await;
    assert!(answer.text().await.unwrap().contains("here you are somebody else"));
    let there = scene.there("?next=/access&again=true").await;
    let answer = scene.back(&there, scene.claims(&there, &["chiefs"])).await;
    scene.keep(&answer);
    let csrf = scene.site.csrf().await;
    let eyes = [("csrf", csrf.as_str()), ("four_eyes", "enforce")];
    assert_eq!(scene.site.post("/access/four-eyes", &eyes).await.headers()["location"], "/access");

    // A sign-in that the provider remembers from before is no proof of now.
    let there = scene.there("").await;
    let mut remembered = scene.claims(&there, &["chiefs"]);
    remembered["auth_time"] = json!(scene.site.house.now().as_millis() / 1_000 - 3_600);
    let answer = scene.back(&there, remembered).await;
    scene.keep(&answer);
    let csrf = scene.site.csrf().await;
    let eyes = [("csrf", csrf.as_str()), ("four_eyes", "record")];
    let to = scene.site.post("/access/four-eyes", &eyes).await.headers()["location"].to_str().unwrap().to_owned();
    assert!(to.starts_with("/sign-in?"), "{to}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_can_be_turned_off_where_there_is_a_provider() {
    let scene = Scene::open(false).await;
    let page = scene.site.page("/sign-in").await;
    assert!(page.contains("Sign in with Test ID") && !page.contains("type=\"password\""), "{page}");
    let once = scene.site.house.engine.bootstrap().await.unwrap();
    let form = [("token", once.expose()), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(scene.site.post("/set-up", &form).await.status(), StatusCode::FORBIDDEN);
    let form = [("name", "admin"), ("password", PASSWORD)];
    assert_eq!(scene.site.post("/sign-in", &form).await.status(), StatusCode::FORBIDDEN);
}
