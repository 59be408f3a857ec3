//! A house with a door to the web, asked as browsers and programs ask it: real sockets, no script.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::{Method, Response, StatusCode};
use usher::server::{House as Web, Net, Settings, SignInSettings, web};

use crate::engine::house::{House, Plan, source};

/// The columns of files that may be uploaded.
pub(crate) const COLUMNS: &str = "key,email,given_name,family_name,display_name,title,department,roles";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A form as browsers send it.
pub(crate) trait Filled {
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
pub(crate) struct Site {
    pub(crate) house: House,
    pub(crate) origin: String,
    pub(crate) client: reqwest::Client,
    pub(crate) cookie: Option<String>,
    stop: tokio::sync::watch::Sender<bool>,
    serving: Option<tokio::task::JoinHandle<std::io::Result<()>>>,
}

impl Site {
    pub(crate) async fn open(plan: Plan<'_>) -> Self {
        Self::open_at(plan, SignInSettings::default(), Net::default()).await
    }

    /// With another way to sign in.
    pub(crate) async fn open_with(plan: Plan<'_>, sign_in: SignInSettings) -> Self {
        Self::open_at(plan, sign_in, Net::default()).await
    }

    /// With something else between the server and those who reach it.
    pub(crate) async fn open_over(plan: Plan<'_>, net: Net) -> Self {
        Self::open_at(plan, SignInSettings::default(), net).await
    }

    async fn open_at(plan: Plan<'_>, sign_in: SignInSettings, net: Net) -> Self {
        let house = House::build(plan).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen: SocketAddr = listener.local_addr().unwrap();
        let origin = format!("{}://{listen}", if net.tls.is_some() { "https" } else { "http" });
        let sources = vec![source(COLUMNS)];
        let settings = Settings { listen, origin: origin.clone(), sources, sign_in, net };
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let serving = tokio::spawn(web::serve(Web::new(Arc::clone(&house.engine), settings), listener, stopped));
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { house, origin, client, cookie: None, stop, serving: Some(serving) }
    }

    /// Stops the server and waits until it has.
    pub(crate) async fn stop(&mut self) {
        self.stop.send(true).unwrap();
        self.serving.take().unwrap().await.unwrap().unwrap();
    }

    /// With the first password set and somebody signed in.
    pub(crate) async fn signed_in(plan: Plan<'_>) -> Self {
        Self::open(plan).await.set_up().await
    }

    /// Sets the first password, and is signed in by it.
    pub(crate) async fn set_up(mut self) -> Self {
        let site = &mut self;
        let once = site.house.engine.bootstrap().await.unwrap();
        let form = [("token", once.expose()), ("password", PASSWORD), ("again", PASSWORD)];
        let answer = site.post("/set-up", &form).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        site.keep(&answer);
        self
    }

    pub(crate) fn keep(&mut self, answer: &Response) {
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.origin));
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub(crate) async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        self.request(Method::POST, path).header("origin", &self.origin).filled(form).send().await.unwrap()
    }

    /// The session's form token, as pages carry it.
    pub(crate) async fn csrf(&self) -> String {
        let page = self.page("/approvals").await;
        page.split("name=\"csrf\" content=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }
}

/// One person whose create waits for an approver.
pub(crate) async fn with_something_pending() -> Site {
    let site =
        Site::signed_in(Plan { app: "[assign]\nroles = [\"staff\"]\n[approvals]\ncreate = true\n", ..Plan::default() })
            .await;
    let people = "key,email,given_name,family_name,display_name,title,roles\n\
                  k1,one@example.com,<b>One</b>,Person,\"<script>alert(1)</script>\",Boss,staff\n";
    site.house.import(people, true).await.unwrap();
    site.house.sync().await;
    site
}
