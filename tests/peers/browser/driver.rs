//! A browser with a profile of its own, and what a person does with it.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value as Json, json};

/// What the browser is started with: no window, no sandbox (tests run as root in containers), nothing sent anywhere by itself.
const FLAGS: [&str; 11] = [
    "--window-size=1280,900",
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
];

/// A browser that has no time for a picture is asked again: on a busy machine it gives up after a while.
const SCREENSHOT_TRIES: u32 = 3;

/// So often a driver is started until one lives.
const DRIVER_TRIES: u32 = 5;

/// A command of the driver that the WebDriver standard does not have.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Json,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &reqwest::Url, session: Option<&str>) -> Result<reqwest::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &reqwest::Url) -> (reqwest::Method, Option<String>) {
        (reqwest::Method::POST, Some(self.body.to_string()))
    }
}

/// Starts a driver. Returns it with its port, or nothing if it ended: it looks for a free port and takes it a moment later, when another
/// driver may have it.
fn drive() -> Option<(Child, String)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver is not installed; `.ci/run peers` installs Debian's chromium and chromium-driver");
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let said = lines.by_ref().map_while(Result::ok).find_map(|line| {
        line.split_once("successfully on port ").map(|(_, port)| port.trim_end_matches('.').to_owned())
    });
    if said.is_none() {
        driver.wait().unwrap();
    }
    // What it says later is read, so that it never waits for a reader.
    std::thread::spawn(move || lines.for_each(drop));
    said.map(|port| (driver, port))
}

/// A browser. It ends with this.
pub(crate) struct Browser {
    client: Client,
    origin: String,
    profile: tempfile::TempDir,
    driver: Child,
}

impl Browser {
    /// Opens one for the pages of `origin`.
    pub(crate) async fn open(origin: &str) -> Self {
        let (driver, port) =
            (0..DRIVER_TRIES).find_map(|_| drive()).expect("chromedriver ends before it says its port");
        let profile = tempfile::tempdir().unwrap();
        let mut flags: Vec<String> = FLAGS.map(str::to_owned).to_vec();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted = json!({ "goog:chromeOptions": { "args": flags }, "goog:loggingPrefs": { "browser": "ALL" } });
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let client = ClientBuilder::new(connector)
            .capabilities(wanted.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("chromium does not start; `.ci/run peers` installs it");
        Self { client, origin: origin.to_owned(), profile, driver }
    }

    pub(crate) async fn goto(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.origin)).await.unwrap();
    }

    /// The path that is shown, with its query.
    pub(crate) async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    /// What a person reads there.
    pub(crate) async fn text(&self, css: &str) -> String {
        let element = self.client.find(Locator::Css(css)).await;
        element.unwrap_or_else(|error| panic!("{css}: {error}")).text().await.unwrap()
    }

    pub(crate) async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.unwrap().len()
    }

    pub(crate) async fn click(&self, css: &str) {
        let element = self.client.find(Locator::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"));
        element.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let element = self.client.find(Locator::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"));
        element.clear().await.unwrap();
        element.send_keys(text).await.unwrap();
    }

    /// Chooses a file in a form.
    pub(crate) async fn choose(&self, css: &str, file: &Path) {
        let element = self.client.find(Locator::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"));
        element.send_keys(file.to_str().unwrap()).await.unwrap();
    }

    /// Waits until it is there: a page that shows long work looks again by itself.
    pub(crate) async fn until(&self, css: &str) {
        let waiting = self.client.wait().for_element(Locator::Css(css)).await;
        waiting.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Clicks what leaves the page, and waits for the next one.
    pub(crate) async fn leave_by(&self, css: &str) {
        self.run("document.documentElement.dataset.before = 'yes'").await;
        self.click(css).await;
        self.next_page().await;
    }

    /// Waits until the page that [`Browser::leave_by`] marked is gone and the next one is whole.
    async fn next_page(&self) {
        let there = Locator::Css("html:not([data-before]) main");
        self.client.wait().for_element(there).await.unwrap();
    }

    /// Presses keys one after the other, wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let mut actions = KeyActions::new("keys".to_owned());
        for key in keys.chars() {
            actions = actions.then(KeyAction::Down { value: key }).then(KeyAction::Up { value: key });
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Presses Enter, and waits for the next page.
    pub(crate) async fn enter(&self) {
        self.run("document.documentElement.dataset.before = 'yes'").await;
        self.press(&char::from(Key::Enter).to_string()).await;
        self.next_page().await;
    }

    /// Runs a script and gives what it returns.
    pub(crate) async fn run(&self, script: &str) -> Json {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Runs a script that calls its last argument with what it gives.
    pub(crate) async fn run_async(&self, script: &str) -> Json {
        self.client.execute_async(script, Vec::new()).await.unwrap()
    }

    /// As wide as a desktop or a telephone, light or dark.
    pub(crate) async fn look(&self, width: u32, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.inspect("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.inspect("Emulation.setDeviceMetricsOverride", size).await;
    }

    async fn inspect(&self, command: &str, parameters: Json) -> Json {
        let body = json!({ "cmd": command, "params": parameters });
        self.client.issue_cmd(Own { path: "goog/cdp/execute", body }).await.unwrap()
    }

    /// The visible part, as a file.
    pub(crate) async fn screenshot(&self, file: &Path) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        for _ in 1..SCREENSHOT_TRIES {
            if let Ok(picture) = self.client.screenshot().await {
                return std::fs::write(file, picture).unwrap();
            }
        }
        std::fs::write(file, self.client.screenshot().await.unwrap()).unwrap();
    }

    /// What the browser logged as wrong since the last time: violations of the policy are among it.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.client.issue_cmd(Own { path: "se/log", body: json!({ "type": "browser" }) }).await.unwrap();
        let lines = log.as_array().unwrap().iter();
        let bad = lines.filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING");
        bad.map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a browser at {}", self.origin)
    }
}

impl Drop for Browser {
    /// Ends the driver, and the browser that it started.
    fn drop(&mut self) {
        let lock: PathBuf = self.profile.path().join("SingletonLock");
        let owner = std::fs::read_link(lock).ok();
        let pid = owner.as_deref().and_then(Path::to_str).and_then(|owner| owner.rsplit('-').next()?.parse().ok());
        // Both may have ended by themselves.
        let _ended = self.driver.kill().and_then(|()| self.driver.wait());
        if let Some(pid) = pid {
            let _ended = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
}
