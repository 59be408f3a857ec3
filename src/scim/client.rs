//! [`HttpTarget`]: one app over HTTP/1.1. No redirects, no retries, no proxy, vetted addresses, whole bodies, capped answers.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT,
};

use crate::connector::app::AppSpec;
use crate::scim::address::{AddressPolicy, VettingResolver};
use crate::scim::target::{Answer, Method, Request, Target, TransportError};
use crate::secret::Secret;

/// How long an idle connection is kept: several servers close theirs after 5 to 15 seconds, and a request on a connection that is
/// being closed has an unknown outcome.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why an app's client could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The base URL can't be used.
    #[error("base_url `{url}` can't be used: {why}")]
    BaseUrl {
        /// As configured.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A header value has characters that HTTP does not allow. The value is not repeated: it may be the token.
    #[error("{0} has characters that an HTTP header can't carry (a line break at its end?)")]
    Header(&'static str),
    /// The authorities that the app trusts can't be read.
    #[error("tls_ca can't be used: {0}; expected certificates as PEM")]
    Authority(String),
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up: {0}")]
    Client(String),
}

/// Sends requests to one app. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct HttpTarget {
    client: reqwest::Client,
    base: reqwest::Url,
    content_type: HeaderValue,
    secret: Secret,
}

impl HttpTarget {
    /// A client for `spec` that sends `secret` as bearer token (RFC 6750). Make one per app and keep it: it holds the connections.
    ///
    /// # Errors
    /// [`TargetError`] if the base URL, a header or the TLS set-up can't be used.
    pub fn new(spec: &AppSpec, secret: Secret) -> Result<Self, TargetError> {
        let policy = AddressPolicy { loopback: spec.app.is_loopback(), private: spec.app.allow_private_network };
        let base = checked_base(&spec.app.base_url, policy)?;
        // A second call finds the provider in place: that is what is wanted.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = reqwest::Client::builder();
        if !spec.app.tls_ca.is_empty() {
            // These alone: no other authority speaks for this target.
            builder = builder.tls_certs_only(authorities(&spec.app.tls_ca)?);
        }
        let client = builder
            .default_headers(headers(spec, &secret)?)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .http1_only()
            .https_only(!policy.loopback)
            .dns_resolver(VettingResolver(policy))
            .connect_timeout(Duration::from_secs(spec.app.limits.connect_timeout_secs))
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| TargetError::Client(words(error)))?;
        let content_type = header(&spec.connector.http.content_type, "http.content_type")?;
        Ok(Self { client, base, content_type, secret })
    }

    async fn exchange(&self, request: Request) -> Result<Answer, TransportError> {
        let started = Instant::now();
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut builder = self.client.request(method, self.url(&request.path)).timeout(request.timeout);
        if let Some(body) = request.body {
            builder = builder.header(CONTENT_TYPE, self.content_type.clone()).body(body);
        }
        if let Some(version) = request.if_match {
            builder = builder.header(reqwest::header::IF_MATCH, version);
        }
        let mut response = builder.send().await.map_err(classify)?;
        let mut answer = Answer {
            status: response.status().as_u16(),
            content_type: media_type(response.headers()),
            retry_after: retry_after(response.headers()),
            body: Vec::with_capacity(first_capacity(response.content_length(), request.answer_max_bytes)),
            elapsed: Duration::ZERO,
        };
        // Whatever goes wrong from here on, the target has seen the request.
        let unknown = |error: reqwest::Error| TransportError::Unknown(words(error));
        while let Some(chunk) = response.chunk().await.map_err(unknown)? {
            if answer.body.len() + chunk.len() > request.answer_max_bytes {
                let max = request.answer_max_bytes;
                return Err(TransportError::Unknown(format!("the answer is larger than {max} bytes (decompressed)")));
            }
            answer.body.extend_from_slice(&chunk);
        }
        answer.elapsed = started.elapsed();
        Ok(answer)
    }

    /// The base URL with a path, which may have a query. Scheme, host and port are not read again for each request.
    fn url(&self, path: &str) -> reqwest::Url {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(query);
        url
    }

    /// `answer` without the token, should the target echo it.
    fn scrub(&self, mut answer: Answer) -> Answer {
        let token = self.secret.expose();
        // Shorter "tokens" are test values; blanking them would damage ordinary text.
        const TOKEN_LENGTH_MIN: usize = 8;
        if token.len() >= TOKEN_LENGTH_MIN
            && let Ok(text) = std::str::from_utf8(&answer.body)
            && text.contains(token)
        {
            answer.body = text.replace(token, "[token]").into_bytes();
        }
        answer
    }
}

#[async_trait]
impl Target for HttpTarget {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        self.exchange(request).await.map(|answer| self.scrub(answer))
    }
}

fn checked_base(base_url: &str, policy: AddressPolicy) -> Result<reqwest::Url, TargetError> {
    let wrong = |why: String| TargetError::BaseUrl { url: base_url.to_owned(), why };
    let url = reqwest::Url::parse(base_url).map_err(|error| wrong(error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TargetError::BaseUrl {
            url: url.host_str().unwrap_or_default().to_owned(),
            why: "it carries a user name or password; put the token into the app's credential".to_owned(),
        });
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it has a query or a fragment; expected scheme, host and path".to_owned()));
    }
    if url.scheme() != "https" && !policy.loopback {
        return Err(wrong("it must start with https:// (http:// only for loopback)".to_owned()));
    }
    let host = url.host_str().ok_or_else(|| wrong("it has no host".to_owned()))?;
    // A literal address is never resolved, so it is vetted here.
    if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        policy.check(address).map_err(wrong)?;
    }
    Ok(url)
}

fn authorities(pem: &str) -> Result<Vec<reqwest::Certificate>, TargetError> {
    let read = reqwest::Certificate::from_pem_bundle(pem.as_bytes());
    let read = read.map_err(|error| TargetError::Authority(words(error)))?;
    if read.is_empty() { Err(TargetError::Authority("there is no certificate in it".to_owned())) } else { Ok(read) }
}

fn headers(spec: &AppSpec, secret: &Secret) -> Result<HeaderMap, TargetError> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", secret.expose()))
        .map_err(|_| TargetError::Header("the credential"))?;
    bearer.set_sensitive(true);
    let http = &spec.connector.http;
    Ok(HeaderMap::from_iter([
        (AUTHORIZATION, bearer),
        (ACCEPT, header(&http.accept, "http.accept")?),
        (USER_AGENT, header(&http.user_agent, "http.user_agent")?),
    ]))
}

fn header(value: &str, name: &'static str) -> Result<HeaderValue, TargetError> {
    HeaderValue::from_str(value).map_err(|_| TargetError::Header(name))
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn retry_after(headers: &HeaderMap) -> Option<String> {
    let other = HeaderName::from_static("x-retry-after");
    let value = headers.get(RETRY_AFTER).or_else(|| headers.get(other))?;
    value.to_str().ok().map(str::to_owned)
}

fn first_capacity(announced: Option<u64>, max: usize) -> usize {
    // Announced lengths are believed up to this much; more grows as it arrives.
    const BELIEVED_MAX: usize = 64 * 1024;
    announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(0).min(max).min(BELIEVED_MAX)
}

fn classify(error: reqwest::Error) -> TransportError {
    if error.is_connect() || error.is_builder() {
        TransportError::NotSent(words(error))
    } else {
        TransportError::Unknown(words(error))
    }
}

/// The error and its causes in one line, without the URL (its query may hold personal values).
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    text
}
