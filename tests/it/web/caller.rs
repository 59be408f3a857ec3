//! Somebody who calls the API over a real socket. Every answer is held against the description: its status and its media type are there.

use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use usher::access::Role;
use usher::access::credential::TokenKind;
use usher::engine::{Answer, Command};

use super::site::Site;

/// How somebody proves who he is.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    Nobody,
    Token(String),
    /// Cookie and form token.
    Session(String, String),
}

/// Somebody who calls.
pub(crate) struct Caller<'s> {
    pub(crate) site: &'s Site,
    pub(crate) proof: Proof,
    description: Value,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The API's description, as it is served.
pub(crate) fn description() -> Value {
    serde_json::from_str(&usher::server::api::describe::text(&usher::server::api::description())).unwrap()
}

impl<'s> Caller<'s> {
    pub(crate) fn new(site: &'s Site, proof: Proof) -> Self {
        Self { site, proof, description: description() }
    }

    /// With a token of the first admin's, of this kind and role.
    pub(crate) async fn with_token(site: &'s Site, kind: TokenKind, role: Role) -> Self {
        let add = Command::TokenAdd { name: format!("{kind:?} {role}"), role, kind, days: None };
        let Answer::Token(token) = site.house.ask(add).await.unwrap() else { panic!("expected a token") };
        Self::new(site, Proof::Token(token.secret.unwrap().expose().to_owned()))
    }

    /// A program that may do everything but decide.
    pub(crate) async fn program(site: &'s Site) -> Self {
        Self::with_token(site, TokenKind::Service, Role::Admin).await
    }

    /// A person who proved himself just now.
    pub(crate) async fn person(site: &'s Site) -> Self {
        let csrf = site.csrf().await;
        Self::new(site, Proof::Session(site.cookie.clone().unwrap(), csrf))
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.site.client.request(method, format!("{}/api/v1{path}", self.site.origin));
        match &self.proof {
            Proof::Nobody => request,
            Proof::Token(token) => request.bearer_auth(token),
            Proof::Session(cookie, csrf) => request.header("cookie", cookie).header("x-usher-csrf", csrf),
        }
    }

    /// Sends a request, and holds the answer against the description.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let request = request.build().unwrap();
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let answer: Response = self.site.client.execute(request).await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let reply = Reply { status, headers, text: answer.text().await.unwrap() };
        self.check(&method, path.strip_prefix("/api/v1").unwrap(), &reply);
        reply
    }

    fn check(&self, method: &Method, path: &str, reply: &Reply) {
        let Some(operation) = self.operation(method, path) else { return };
        let status = reply.status.as_str();
        let answer = &operation["responses"][status];
        assert!(answer.is_object(), "{method} {path} answers {status}, which is not described: {}", reply.text);
        let named = answer["$ref"].as_str().and_then(|name| name.rsplit('/').next());
        let answer = named.map_or(answer, |name| &self.description["components"]["responses"][name]);
        let media = reply.header("content-type").split(';').next().unwrap().to_owned();
        assert!(answer["content"][&media].is_object(), "{method} {path} answers {status} as {media}: {answer}");
    }

    fn operation(&self, method: &Method, path: &str) -> Option<&Value> {
        let fits = |template: &str| {
            let (one, other): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
            one.len() == other.len() && one.iter().zip(&other).all(|(one, other)| one.starts_with('{') || one == other)
        };
        let paths = self.description["paths"].as_object().unwrap();
        // An address of words goes before one with a part to fill in.
        let mut found: Vec<_> = paths.iter().filter(|(template, _)| fits(template)).collect();
        found.sort_by_key(|(template, _)| template.matches('{').count());
        found.first().and_then(|(_, item)| item.get(method.as_str().to_lowercase()))
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    /// What is there.
    #[track_caller]
    pub(crate) fn found(&self, path: &str) -> impl Future<Output = Value> {
        let path = path.to_owned();
        async move {
            let reply = self.get(&path).await;
            assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text);
            reply.json()
        }
    }

    pub(crate) async fn write(&self, method: Method, path: &str, body: &Value) -> Reply {
        self.send(self.request(method, path).json(body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.write(Method::POST, path, body).await
    }

    /// What was done.
    pub(crate) async fn done(&self, method: Method, path: &str, body: &Value) -> Value {
        let reply = self.write(method.clone(), path, body).await;
        assert_eq!(reply.status, StatusCode::OK, "{method} {path}: {}", reply.text);
        reply.json()
    }

    /// Which problem it is.
    pub(crate) async fn refused(&self, method: Method, path: &str, body: &Value) -> (u16, String) {
        let reply = self.write(method, path, body).await;
        let kind = reply.json()["type"].as_str().unwrap_or_default().to_owned();
        (reply.status.as_u16(), kind)
    }
}
