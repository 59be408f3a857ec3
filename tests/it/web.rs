//! The web server, asked as browsers and programs ask it: real sockets, no script.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::{Method, Response, StatusCode};
use usher::access::Role;
use usher::access::credential::TokenKind;
use usher::clock::Span;
use usher::engine::{Answer, Command};
use usher::provision::event::StatusKind;
use usher::server::{House as Web, Settings, web};

use crate::engine::house::{House, Plan};

const PASSWORD: &str = "correct horse battery staple";

/// A form as browsers send it.
trait Filled {
    fn filled(self, form: &[(&str, &str)]) -> Self;
}

impl Filled for reqwest::RequestBuilder {
    fn filled(self, form: &[(&str, &str)]) -> Self {
        let escaped = |text: &str| -> String {
            let each = |byte: u8| match char::from(byte) {
                plain if plain.is_ascii_alphanumeric() => plain.to_string(),
                _ => format!("%{byte:02X}"),
            };
            text.bytes().map(each).collect()
        };
        let pairs: Vec<String> =
            form.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
        self.header("content-type", "application/x-www-form-urlencoded").body(pairs.join("&"))
    }
}

/// The engine's house with a door to the web.
struct Site {
    house: House,
    origin: String,
    client: reqwest::Client,
    cookie: Option<String>,
    _stop: tokio::sync::watch::Sender<bool>,
}

impl Site {
    async fn open(plan: Plan<'_>) -> Self {
        let house = House::build(plan).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen: SocketAddr = listener.local_addr().unwrap();
        let origin = format!("http://{listen}");
        let settings = Settings { listen, origin: origin.clone() };
        let (stop, stopped) = tokio::sync::watch::channel(false);
        tokio::spawn(web::serve(Web::new(Arc::clone(&house.engine), settings), listener, stopped));
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { house, origin, client, cookie: None, _stop: stop }
    }

    /// With the first password set and somebody signed in.
    async fn signed_in(plan: Plan<'_>) -> Self {
        let mut site = Self::open(plan).await;
        let once = site.house.engine.bootstrap().await.unwrap();
        let form = [("token", once.expose()), ("password", PASSWORD), ("again", PASSWORD)];
        let answer = site.post("/set-up", &form).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        site.keep(&answer);
        site
    }

    fn keep(&mut self, answer: &Response) {
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.origin));
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        self.request(Method::POST, path).header("origin", &self.origin).filled(form).send().await.unwrap()
    }

    /// The session's form token, as pages carry it.
    async fn csrf(&self) -> String {
        let page = self.page("/approvals").await;
        page.split("name=\"csrf\" content=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }
}

/// One person whose create waits for an approver.
async fn with_something_pending() -> Site {
    let site =
        Site::signed_in(Plan { app: "[assign]\nroles = [\"staff\"]\n[approvals]\ncreate = true\n", ..Plan::default() })
            .await;
    let people = "key,email,given_name,family_name,display_name,title,roles\n\
                  k1,one@example.com,<b>One</b>,Person,\"<script>alert(1)</script>\",Boss,staff\n";
    site.house.import(people, true).await.unwrap();
    site.house.sync().await;
    site
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sees_a_page_without_signing_in_and_comes_back_to_it_afterwards() {
    let mut site = Site::open(Plan::default()).await;
    let answer = site.get("/approvals").await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()["location"], "/sign-in?next=/approvals");
    let once = site.house.engine.bootstrap().await.unwrap();
    let form = [("token", once.expose()), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(site.post("/set-up", &form).await.status(), StatusCode::SEE_OTHER);
    let again = site.post("/set-up", &form).await;
    assert_eq!(again.status(), StatusCode::UNPROCESSABLE_ENTITY, "the token counts once");
    let wrong = site.post("/sign-in", &[("name", "admin"), ("password", "not the password at all")]).await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let right = site.post("/sign-in", &[("name", "admin"), ("password", PASSWORD), ("next", "/apps")]).await;
    assert_eq!((right.status(), &right.headers()["location"]), (StatusCode::SEE_OTHER, &"/apps".parse().unwrap()));
    site.keep(&right);
    assert!(site.page("/apps").await.contains("admin · admin"));
    let elsewhere =
        site.post("/sign-in", &[("name", "admin"), ("password", PASSWORD), ("next", "//evil.example")]).await;
    assert_eq!(elsewhere.headers()["location"], "/", "nobody is sent elsewhere");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_when_it_is_idle_old_or_left() {
    let mut site = Site::signed_in(Plan::default()).await;
    site.house.advance(Span::from_secs(29 * 60));
    site.page("/apps").await;
    site.house.advance(Span::from_secs(31 * 60));
    assert_eq!(site.get("/apps").await.status(), StatusCode::SEE_OTHER, "idle");
    let form = [("name", "admin"), ("password", PASSWORD)];
    let answer = site.post("/sign-in", &form).await;
    site.keep(&answer);
    for _ in 0..25 {
        site.house.advance(Span::from_secs(29 * 60));
        site.get("/apps").await;
    }
    assert_eq!(site.get("/apps").await.status(), StatusCode::SEE_OTHER, "twelve hours");
    let answer = site.post("/sign-in", &form).await;
    site.keep(&answer);
    let csrf = site.csrf().await;
    site.post("/sign-out", &[("csrf", &csrf)]).await;
    assert_eq!(site.get("/apps").await.status(), StatusCode::SEE_OTHER, "left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_wrong_passwords_lock_the_name_for_a_while() {
    let site = Site::signed_in(Plan::default()).await;
    for _ in 0..10 {
        site.post("/sign-in", &[("name", "admin"), ("password", "wrong wrong wrong")]).await;
    }
    let right = [("name", "admin"), ("password", PASSWORD)];
    assert_eq!(site.post("/sign-in", &right).await.status(), StatusCode::TOO_MANY_REQUESTS);
    site.house.advance(Span::from_secs(16 * 60));
    assert_eq!(site.post("/sign-in", &right).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approver_sees_the_change_and_approves_it() {
    let site = with_something_pending().await;
    let page = site.page("/approvals").await;
    for seen in ["one@example.com", "Boss", "this kind of operation needs an approval", "import"] {
        assert!(page.contains(seen), "{seen} is not on the page");
    }
    assert!(!page.contains("<script>alert"), "names are escaped");
    let csrf = site.csrf().await;
    let form = [("csrf", csrf.as_str()), ("event", "evt_1"), ("verdict", "approve"), ("comment", "known")];
    assert_eq!(site.post("/approvals", &form).await.status(), StatusCode::SEE_OTHER);
    let page = site.page("/approvals").await;
    assert!(page.contains("evt_1") && page.contains(": approved"), "{page}");
    site.house.sync().await;
    assert_eq!(site.house.accounts().len(), 1);
    assert!(site.page("/approvals").await.contains("Nothing waits for a decision"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejection_with_a_comment_is_in_the_history() {
    let site = with_something_pending().await;
    let csrf = site.csrf().await;
    let form = [("csrf", csrf.as_str()), ("event", "evt_1"), ("verdict", "reject"), ("comment", "not him")];
    site.post("/approvals", &form).await;
    let event = site.house.engine.store().event(usher::id::EventId(1)).await.unwrap().unwrap();
    assert_eq!((event.status.kind(), event.decisions[0].comment.as_str()), (StatusKind::Rejected, "not him"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_from_elsewhere_decides_nothing() {
    let site = with_something_pending().await;
    let csrf = site.csrf().await;
    let decide = |csrf: &str| {
        let form = [("csrf", csrf), ("event", "evt_1"), ("verdict", "approve")];
        site.request(Method::POST, "/approvals").filled(&form)
    };
    let without = decide("guessed").header("origin", &site.origin).send().await.unwrap();
    assert_eq!(without.status(), StatusCode::FORBIDDEN);
    let foreign = decide(&csrf).header("origin", "https://evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let foreign = decide(&csrf).header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let event = site.house.engine.store().event(usher::id::EventId(1)).await.unwrap().unwrap();
    assert_eq!(event.status.kind(), StatusKind::Pending);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_asks_for_the_password_once_more_when_the_last_time_was_long_ago() {
    let mut site = with_something_pending().await;
    site.house.advance(Span::from_secs(16 * 60));
    let csrf = site.csrf().await;
    let form = [("csrf", csrf.as_str()), ("event", "evt_1"), ("verdict", "approve"), ("comment", "known")];
    let answer = site.post("/approvals", &form).await;
    assert_eq!(answer.headers()["location"], "/sign-in?next=/approvals&name=admin");
    let before = site.cookie.clone();
    let answer = site.post("/sign-in", &[("name", "admin"), ("password", PASSWORD), ("next", "/approvals")]).await;
    site.keep(&answer);
    assert_ne!(site.cookie, before, "the session gets a new id");
    let csrf = site.csrf().await;
    site.post("/approvals", &[("csrf", &csrf), ("event", "evt_1"), ("verdict", "approve"), ("comment", "known")]).await;
    let event = site.house.engine.store().event(usher::id::EventId(1)).await.unwrap().unwrap();
    assert_eq!(event.status.kind(), StatusKind::Queued);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_reads_over_the_api_and_a_program_never_decides() {
    let site = with_something_pending().await;
    let add = |name: &str, kind, role| Command::TokenAdd { name: name.into(), role, kind, days: None };
    let Answer::Token(service) = site.house.ask(add("report", TokenKind::Service, Role::Admin)).await.unwrap() else {
        panic!("expected a token")
    };
    let secret = service.secret.unwrap();
    let api = |path: &str, token: Option<&str>| {
        let request = site.client.get(format!("{}/api/v1{path}", site.origin));
        token.map_or(request.try_clone().unwrap(), |token| request.bearer_auth(token)).send()
    };
    let apps: serde_json::Value = api("/apps", Some(secret.expose())).await.unwrap().json().await.unwrap();
    assert_eq!(apps["items"][0]["name"], "app");
    assert_eq!(api("/apps/app", Some(secret.expose())).await.unwrap().status(), StatusCode::OK);
    let missing = api("/apps/nowhere", Some(secret.expose())).await.unwrap();
    assert_eq!(missing.headers()["content-type"], "application/problem+json");
    assert_eq!(missing.json::<serde_json::Value>().await.unwrap()["type"], "/problems/not-found");
    assert_eq!(api("/apps", None).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(api("/apps", Some("ush_unknown")).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let token = usher::secret::Secret::new(secret.expose());
    let actor = site.house.engine.actor_of_token(&token).await.unwrap().unwrap();
    let choice = usher::engine::waiting::Choice::of(vec![usher::id::EventId(1)]);
    let decide = Command::Decide { choice, shown: None, approve: true, comment: "bot".into(), dry_run: false };
    let denied = site.house.engine.answer(&actor, decide, &usher::engine::context::Unwatched).await.unwrap_err();
    assert!(denied.to_string().contains("need a person"), "{denied}");
    site.house.ask(Command::TokenRevoke { id: service.token.id }).await.unwrap();
    assert_eq!(api("/apps", Some(secret.expose())).await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_says_what_a_browser_may_load_and_the_api_describes_itself() {
    let site = Site::open(Plan::default()).await;
    for path in ["/sign-in", "/api/v1/openapi.json", "/api/v1/docs", "/healthz", "/readyz", "/nowhere"] {
        let answer = site.get(path).await;
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
    }
    let description: serde_json::Value = site.get("/api/v1/openapi.json").await.json().await.unwrap();
    assert_eq!(description["openapi"], "3.1.0");
    assert!(description["paths"]["/apps/{app}"]["get"]["responses"]["404"].is_object());
}
