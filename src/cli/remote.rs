//! A command over the network: to a server that `--server` names, with a token.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use reqwest::{Client, RequestBuilder, Response, Url};

use crate::cli::args::Globals;
use crate::cli::connect::environment;
use crate::cli::servers::Servers;
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::context::Watcher;
use crate::secret::Secret;
use crate::server::api::sign_in::{SignIn, SignedIn};
use crate::server::problem::Problem;
use crate::server::socket::{Ask, Reply};
use crate::text::printable;

/// The longest answer that is read: a plan of a hundred thousand operations fits.
const ANSWER_BYTES_MAX: usize = 1 << 30;
/// The longest problem that is read.
const PROBLEM_BYTES_MAX: usize = 1 << 20;
/// A server says something every 15 seconds; one that says nothing for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long it may take to reach it.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// A server.
pub(crate) struct Remote {
    /// Scheme, host and port.
    pub(crate) origin: String,
    token_file: Option<PathBuf>,
    client: Client,
}

/// What an import says of itself.
pub(crate) struct Upload<'a> {
    /// The source's name; the server's only one otherwise.
    pub(crate) source: Option<&'a str>,
    /// The files are everybody.
    pub(crate) full: bool,
    /// The expected number of users who leave.
    pub(crate) accept_shrink: Option<u64>,
    /// Park it whatever the guard says.
    pub(crate) park: bool,
    /// Here.
    pub(crate) files: &'a [PathBuf],
}

impl Remote {
    /// The server that the command line or the environment names, if one does.
    ///
    /// # Errors
    /// If the address is none, or a token would go over the wire for everybody to read.
    pub(crate) fn of(globals: &Globals) -> anyhow::Result<Option<Self>> {
        let Some(typed) = globals.server() else { return Ok(None) };
        if globals.operator.is_some() {
            bail!(
                "--as is for the owner of the workspace, on the machine itself; over the network the token says who you are"
            );
        }
        let wrong = || format!("`{}` is no server; expected https://HOST[:PORT]", printable(typed));
        let url: Url = typed.parse().with_context(wrong)?;
        if !matches!(url.scheme(), "https" | "http") || url.path() != "/" || url.query().is_some() || !url.has_host() {
            bail!(wrong());
        }
        let here = is_loopback(&url);
        if url.scheme() == "http" && !here {
            bail!(
                "{} is reached without TLS: a token would be read by everybody on the way; use https://",
                printable(typed)
            );
        }
        // No redirect: the token is for this server.
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).connect_timeout(CONNECT_MAX);
        let client = client.user_agent(concat!("usher/", env!("CARGO_PKG_VERSION")));
        let client = if here { client.no_proxy() } else { client };
        let client = client.build().context("could not make a client")?;
        let origin = url.origin().ascii_serialization();
        Ok(Some(Self { origin, token_file: globals.token_file.clone(), client }))
    }

    /// Carries a command out there. It goes on even if we leave.
    ///
    /// # Errors
    /// What the server says, or that it can't be reached.
    pub(crate) async fn ask(&self, command: Command, watcher: &dyn Watcher) -> anyhow::Result<Answer> {
        if command.is_for_the_machine() {
            bail!("this reads or writes files of the server's machine; run it there, in the workspace");
        }
        let body = serde_json::to_vec(&Ask { claimed: None, command }).context("could not encode the command")?;
        let request = self.post("commands").header("content-type", "application/json").body(body);
        let response = self.sent(request.bearer_auth(self.token()?.expose())).await?;
        self.answered(response, watcher).await
    }

    /// Sends files to be imported.
    ///
    /// # Errors
    /// As [`Remote::ask`], or a file can't be read.
    pub(crate) async fn import(&self, upload: Upload<'_>, watcher: &dyn Watcher) -> anyhow::Result<Answer> {
        let token = self.token()?;
        let (boundary, body) = form(&upload)?;
        let kind = format!("multipart/form-data; boundary={boundary}");
        let request = self.post("commands").header("content-type", kind).body(body);
        // No end is set: large files over a slow line take as long as they take.
        let response = self.reached(request.bearer_auth(token.expose()).send().await)?;
        self.answered(response, watcher).await
    }

    /// A token for whoever has this password.
    ///
    /// # Errors
    /// If it is wrong, the name is locked, or the server can't be reached.
    pub(crate) async fn sign_in(&self, typed: &SignIn) -> anyhow::Result<SignedIn> {
        let body = serde_json::to_vec(typed).context("could not encode the request")?;
        let request = self.post("sign-in").header("content-type", "application/json").body(body);
        let mut response = self.sent(request).await?;
        if !response.status().is_success() {
            return Err(self.problem(response).await);
        }
        let body = read(&mut response, PROBLEM_BYTES_MAX).await?;
        serde_json::from_slice(&body)
            .context("the answer was not understood; is `usher` of the same version on both sides?")
    }

    /// Revokes the token of a sign-in with itself; one that counts no more is revoked already.
    ///
    /// # Errors
    /// If the server can't be reached, or would not.
    pub(crate) async fn revoke(&self, signed_in: &SignedIn, command: Command) -> anyhow::Result<()> {
        let body = serde_json::to_vec(&Ask { claimed: None, command }).context("could not encode the command")?;
        let request = self.post("commands").header("content-type", "application/json").body(body);
        let response = self.sent(request.bearer_auth(signed_in.token.expose())).await?;
        match response.status() {
            status if status.is_success() || status == reqwest::StatusCode::UNAUTHORIZED => Ok(()),
            _ => Err(self.problem(response).await),
        }
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}/api/v1/{path}", self.origin))
    }

    fn token(&self) -> anyhow::Result<Secret> {
        if let Some(file) = &self.token_file {
            let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            return usable(Secret::new(text.trim()), &file.display().to_string());
        }
        if let Some(token) = environment("USHER_TOKEN").filter(|token| !token.is_empty()) {
            return usable(Secret::new(token.trim()), "USHER_TOKEN");
        }
        let how =
            || format!("`usher sign-in --server {}` gets a token; USHER_TOKEN or --token-file give one", self.origin);
        let servers = Servers::read()?;
        let signed = servers.of(&self.origin).and_then(|known| known.signed_in.as_ref());
        let signed = signed.with_context(|| format!("you are not signed in at {}: {}", self.origin, how()))?;
        if signed.expires_at.parse::<Timestamp>().is_ok_and(|until| until <= SystemClock.now()) {
            bail!("you were signed in at {} until {}: {}", self.origin, signed.expires_at, how());
        }
        Ok(Secret::new(signed.token.expose()))
    }

    async fn sent(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let sent = tokio::time::timeout(SILENCE_MAX, request.send()).await;
        self.reached(sent.with_context(|| format!("{} says nothing", self.origin))?)
    }

    fn reached(&self, sent: reqwest::Result<Response>) -> anyhow::Result<Response> {
        sent.with_context(|| format!("could not reach {}", self.origin))
    }

    async fn answered(&self, mut response: Response, watcher: &dyn Watcher) -> anyhow::Result<Answer> {
        if !response.status().is_success() {
            return Err(self.problem(response).await);
        }
        let (mut line, mut bytes) = (Vec::new(), 0);
        loop {
            let chunk = tokio::time::timeout(SILENCE_MAX, response.chunk()).await;
            let chunk = chunk.context("the server says nothing any more")?.context("the answer broke off")?;
            let Some(chunk) = chunk else {
                bail!("the server went away before it answered; `usher history` shows what was done");
            };
            bytes += chunk.len();
            if bytes > ANSWER_BYTES_MAX {
                bail!("the answer is longer than {} MiB", ANSWER_BYTES_MAX >> 20);
            }
            for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(piece);
                if line.last() != Some(&b'\n') {
                    continue;
                }
                if let Some(answer) = self.line(&line, watcher)? {
                    return Ok(answer);
                }
                line.clear();
            }
        }
    }

    /// One line; an answer if it is the last one. Blank ones keep the connection alive.
    fn line(&self, line: &[u8], watcher: &dyn Watcher) -> anyhow::Result<Option<Answer>> {
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        let reply: Reply<Problem> = serde_json::from_slice(line)
            .context("the answer was not understood; is `usher` of the same version on both sides?")?;
        match reply {
            Reply::Progress(progress) => watcher.progress(progress),
            Reply::Answer(answer) => return Ok(Some(*answer)),
            Reply::Error(problem) => return Err(self.told(&problem)),
        }
        Ok(None)
    }

    async fn problem(&self, mut response: Response) -> anyhow::Error {
        let status = response.status();
        let body = read(&mut response, PROBLEM_BYTES_MAX).await.unwrap_or_default();
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => self.told(&problem),
            Err(_) => anyhow!("{} answered {status}; is it an Usher of this version?", self.origin),
        }
    }

    fn told(&self, problem: &Problem) -> anyhow::Error {
        let kind = problem.kind.rsplit('/').next().unwrap_or_default();
        let detail = match kind {
            "unauthorized" => format!(
                "the token does not count any more, or never did; `usher sign-in --server {}` gets a new one",
                self.origin
            ),
            _ => problem.detail.clone(),
        };
        anyhow!("{} answered {} {kind}", self.origin, problem.status).context(detail)
    }
}

/// A token that can be sent.
fn usable(token: Secret, place: &str) -> anyhow::Result<Secret> {
    if token.expose().is_empty() || !token.expose().bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
        bail!("{place} holds no token; expected one line of printable ASCII, the token alone");
    }
    Ok(token)
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        None => false,
    }
}

/// Some of a body.
async fn read(response: &mut Response, bytes_max: usize) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = tokio::time::timeout(SILENCE_MAX, response.chunk()).await?? {
        body.extend_from_slice(&chunk);
        if body.len() > bytes_max {
            bail!("the answer is too long");
        }
    }
    Ok(body)
}

/// The form of an import: its boundary, and itself.
fn form(upload: &Upload<'_>) -> anyhow::Result<(String, Vec<u8>)> {
    use crate::entropy::{Entropy, SystemEntropy};
    let mut chance = [0; 16];
    SystemEntropy.fill(&mut chance);
    let boundary: String = chance.iter().map(|byte| format!("{byte:02x}")).collect();
    let ask = serde_json::json!({
        "source": upload.source, "full": upload.full, "accept_shrink": upload.accept_shrink, "park": upload.park,
    });
    let mut body =
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"ask\"\r\n\r\n{ask}\r\n").into_bytes();
    for file in upload.files {
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\nContent-Type: application/octet-stream\r\n\r\n",
            quotable(file)
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((boundary, body))
}

/// A file's name between quotes.
fn quotable(file: &Path) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.chars().map(|each| if each == '"' || each == '\\' || each.is_control() { '_' } else { each }).collect()
}
