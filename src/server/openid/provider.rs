//! The conversation with the provider: its description and keys, the code against a token, and what the token says.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdToken, CoreJwsSigningAlgorithm,
    CoreProviderMetadata,
};
use openidconnect::url::Url;
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse,
    IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse,
};

use crate::clock::{Span, Timestamp};
use crate::secret::Secret;
use crate::server::openid::claims::Claims;
use crate::server::openid::flows::Begun;
use crate::server::openid::settings::Settings;
use crate::text::printable;

/// How long description and keys of the provider are believed.
const KNOWN_FOR: Span = Span::from_secs(10 * 60);
/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// For connecting, and for an answer as a whole, in seconds.
const WAITS: (u64, u64) = (5, 15);
/// What is repeated of a provider's own words, in characters.
const TOLD_CHARS_MAX: usize = 200;
/// How old a proof may be when the provider was told to ask again, in seconds: the time that the way back takes.
const FRESH_SECS: u64 = 60;

/// Why a sign-in came to nothing; the sentence is for the person who tried.
#[derive(Debug, thiserror::Error)]
pub enum OpenIdError {
    /// The provider does not answer, or not as it should.
    #[error("the provider can't be used: {0}")]
    Provider(String),
    /// The code was not taken.
    #[error("the provider did not take the sign-in's code: {0}")]
    Code(String),
    /// The token does not hold.
    #[error("what the provider said does not hold: {0}")]
    Token(String),
    /// The person was to prove himself now, and did not.
    #[error("the provider did not ask you to prove yourself again")]
    Stale,
}

/// A failure of one request.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RequestError(String);

/// A request under way.
type Sending = Pin<Box<dyn Future<Output = Result<HttpResponse, RequestError>> + Send>>;

/// A provider.
#[derive(Debug)]
pub struct Provider {
    /// Which, and what its claims mean.
    pub settings: Settings,
    client: reqwest::Client,
    known: Mutex<Option<(Timestamp, CoreProviderMetadata)>>,
}

impl Provider {
    /// A provider, not asked yet.
    ///
    /// # Errors
    /// If no HTTP client can be made.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(WAITS.0))
            .timeout(Duration::from_secs(WAITS.1));
        let client = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { settings, client, known: Mutex::new(None) })
    }

    /// Where the browser is sent.
    ///
    /// # Errors
    /// If the provider can't be used.
    pub async fn address(&self, state: &Secret, begun: &Begun, back: &str) -> Result<Url, OpenIdError> {
        let metadata = self.metadata(begun.at, false).await?;
        let client = CoreClient::from_provider_metadata(metadata, self.id(), self.secret()).set_redirect_uri(to(back)?);
        let (state, nonce) = (CsrfToken::new(state.expose().to_owned()), Nonce::new(begun.nonce.expose().to_owned()));
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier(begun));
        let scopes = self.settings.scopes.iter().filter(|scope| *scope != "openid").cloned().map(Scope::new);
        let request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce)
            .add_scopes(scopes)
            .set_pkce_challenge(challenge);
        let request = if begun.again {
            request.add_prompt(CoreAuthPrompt::Login).set_max_age(Duration::from_secs(FRESH_SECS))
        } else {
            request
        };
        Ok(request.url().0)
    }

    /// Takes the code to the provider and checks what it says.
    ///
    /// # Errors
    /// Why it does not count.
    pub async fn finish(&self, code: String, begun: &Begun, back: &str, now: Timestamp) -> Result<Claims, OpenIdError> {
        let metadata = self.metadata(now, false).await?;
        let http = self.http();
        let post_alone = metadata.token_endpoint_auth_methods_supported().is_some_and(|methods| {
            !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
                && methods.contains(&CoreClientAuthMethod::ClientSecretPost)
        });
        let client = CoreClient::from_provider_metadata(metadata.clone(), self.id(), self.secret())
            .set_redirect_uri(to(back)?)
            .set_auth_type(if post_alone { AuthType::RequestBody } else { AuthType::BasicAuth });
        let answer = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| OpenIdError::Provider(error.to_string()))?
            .set_pkce_verifier(verifier(begun))
            .request_async(&http)
            .await
            .map_err(|error| OpenIdError::Code(short(&error.to_string())))?;
        let token = answer.id_token().ok_or_else(|| OpenIdError::Token("it has no id_token".to_owned()))?;
        let nonce = Nonce::new(begun.nonce.expose().to_owned());
        let subject = match self.subject(metadata, token, &nonce, now) {
            // Keys are renewed now and then: one more look at what they are today.
            Err(ClaimsVerificationError::SignatureVerification(_)) => {
                let fresh = self.metadata(now, true).await?;
                self.subject(fresh, token, &nonce, now)
            }
            looked => looked,
        };
        let subject = subject.map_err(|error| OpenIdError::Token(error.to_string()))?;
        let mut claims = Claims::of(&subject, payload(token)?);
        if begun.again && claims.auth_time.is_none_or(|at| at.plus(Span::from_secs(FRESH_SECS)) < begun.at) {
            return Err(OpenIdError::Stale);
        }
        let wanted = [&self.settings.role_claim, &self.settings.name_claim];
        if wanted.iter().any(|claim| !claims.all.contains_key(*claim)) {
            self.ask_more(answer.access_token().secret(), &mut claims, now).await?;
        }
        Ok(claims)
    }

    /// Signature, issuer, audience, times, nonce: whose token it is, if it holds.
    fn subject(
        &self,
        metadata: CoreProviderMetadata,
        token: &CoreIdToken,
        nonce: &Nonce,
        now: Timestamp,
    ) -> Result<String, ClaimsVerificationError> {
        use CoreJwsSigningAlgorithm as Algorithm;
        let client = CoreClient::from_provider_metadata(metadata, self.id(), self.secret());
        let time = move || chrono::DateTime::from_timestamp_millis(now.as_millis()).unwrap_or_default();
        // Only what is signed with a key that the provider alone has.
        let verifier = client.id_token_verifier().set_time_fn(time).set_allowed_algs([
            Algorithm::RsaSsaPkcs1V15Sha256,
            Algorithm::RsaSsaPkcs1V15Sha384,
            Algorithm::RsaSsaPkcs1V15Sha512,
            Algorithm::RsaSsaPssSha256,
            Algorithm::RsaSsaPssSha384,
            Algorithm::RsaSsaPssSha512,
            Algorithm::EcdsaP256Sha256,
            Algorithm::EcdsaP384Sha384,
            Algorithm::EdDsa,
        ]);
        token.claims(&verifier, nonce).map(|claims| claims.subject().as_str().to_owned())
    }

    /// Adds what the provider says at its userinfo endpoint and not in the token; only if it is about the same person.
    async fn ask_more(&self, access: &str, claims: &mut Claims, now: Timestamp) -> Result<(), OpenIdError> {
        let metadata = self.metadata(now, false).await?;
        let Some(url) = metadata.userinfo_endpoint() else { return Ok(()) };
        let wrong = |error: String| OpenIdError::Provider(format!("its userinfo endpoint: {error}"));
        let request = openidconnect::http::Request::get(url.as_str())
            .header("authorization", format!("Bearer {access}"))
            .header("accept", "application/json")
            .body(Vec::new())
            .map_err(|error| wrong(error.to_string()))?;
        let answer = send(self.client.clone(), request).await.map_err(|error| wrong(error.to_string()))?;
        if !answer.status().is_success() {
            return Err(wrong(format!("it answered {}", answer.status())));
        }
        // A signed answer is no JSON: then the token's word is all there is.
        let Ok(serde_json::Value::Object(said)) = serde_json::from_slice(answer.body()) else { return Ok(()) };
        if said.get("sub").and_then(serde_json::Value::as_str) != Some(claims.subject.as_str()) {
            return Err(OpenIdError::Token("the userinfo endpoint speaks of somebody else".to_owned()));
        }
        for (name, value) in said {
            claims.all.entry(name).or_insert(value);
        }
        Ok(())
    }

    /// The provider's description and keys, asked for anew now and then.
    async fn metadata(&self, now: Timestamp, anew: bool) -> Result<CoreProviderMetadata, OpenIdError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, metadata)) = known
            && !anew
            && now < at.plus(KNOWN_FOR)
        {
            return Ok(metadata);
        }
        let issuer = IssuerUrl::new(self.settings.issuer.clone());
        let issuer = issuer.map_err(|error| OpenIdError::Provider(format!("its issuer is no address: {error}")))?;
        let http = self.http();
        let metadata = CoreProviderMetadata::discover_async(issuer, &http).await;
        let metadata = metadata.map_err(|error| OpenIdError::Provider(short(&chain(&error))))?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, metadata.clone()));
        Ok(metadata)
    }

    /// What sends requests for the crate.
    fn http(&self) -> impl Fn(HttpRequest) -> Sending + use<> {
        let client = self.client.clone();
        move |request| Box::pin(send(client.clone(), request))
    }

    fn id(&self) -> ClientId {
        ClientId::new(self.settings.client_id.clone())
    }

    fn secret(&self) -> Option<ClientSecret> {
        self.settings.client_secret.as_ref().map(|secret| ClientSecret::new(secret.expose().to_owned()))
    }
}

/// One request, without redirects; an answer is read up to a limit.
async fn send(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, RequestError> {
    let failed = |error: reqwest::Error| RequestError(chain(&error.without_url()));
    let address = request.uri().to_string();
    if !is_safe(&address) {
        return Err(RequestError(format!("{address} is not https")));
    }
    let request = reqwest::Request::try_from(request).map_err(failed)?;
    let mut answer = client.execute(request).await.map_err(failed)?;
    let mut response = openidconnect::http::Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES_MAX {
            return Err(RequestError(format!("{address} answers with more than {ANSWER_BYTES_MAX} bytes")));
        }
    }
    response.body(body).map_err(|error| RequestError(error.to_string()))
}

/// Whether an address of a provider may be asked: https, or this machine.
pub fn is_safe(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else { return false };
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    url.scheme() == "https" || url.scheme() == "http" && here
}

fn verifier(begun: &Begun) -> PkceCodeVerifier {
    PkceCodeVerifier::new(begun.verifier.expose().to_owned())
}

fn to(back: &str) -> Result<RedirectUrl, OpenIdError> {
    RedirectUrl::new(back.to_owned()).map_err(|error| OpenIdError::Provider(error.to_string()))
}

/// The claims of a token whose signature was checked.
fn payload(token: &CoreIdToken) -> Result<serde_json::Map<String, serde_json::Value>, OpenIdError> {
    let text = token.to_string();
    let part = text.split('.').nth(1).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|error| OpenIdError::Token(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| OpenIdError::Token(error.to_string()))
}

/// What a provider says goes on for as long as it likes: its beginning will do.
pub fn short(text: &str) -> String {
    let line: String = text.lines().next().unwrap_or_default().chars().take(TOLD_CHARS_MAX).collect();
    printable(&line)
}

/// An error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
