//! Every page, as a desktop and a telephone show it, light and dark: nothing that the policy forbids, nothing logged as an error, nothing that
//! axe finds serious, no page that scrolls sideways. What it looked like is in `target/screenshots`.

use std::path::Path;

use serde_json::Value as Json;
use usher::access::FourEyes;

use super::driver::Browser;
use super::place::Place;

/// Pages of the place, for an admin. A new page adds its address here.
const PAGES: &[(&str, &str)] = &[
    ("home", "/"),
    ("approvals", "/approvals"),
    ("approvals-filtered", "/approvals?app=chat&user=e"),
    ("approvals-decided", "/approvals/decided"),
    ("apps", "/apps"),
    ("app", "/apps/chat"),
    ("app-quarantined", "/apps/mail"),
    ("app-policies", "/apps/chat/policies"),
    ("app-entitlements", "/apps/chat/entitlements"),
    ("app-reconcile", "/apps/docs/reconcile"),
    ("approvals-nothing", "/approvals?user=nobody"),
    ("sign-in", "/sign-in"),
    ("set-up", "/set-up"),
    ("batch", "BATCH"),
    ("users", "/users"),
    ("users-found", "/users?search=p1"),
    ("user", "/users/p1@example.com"),
    ("user-app", "/users/p1@example.com/apps/chat"),
    ("user-rematch", "/users/p3@example.com/apps/docs/rematch"),
    ("user-disassociate", "/users/p3@example.com/apps/docs/disassociate"),
    ("user-provision", "/users/p1@example.com/provision"),
    ("activity", "/activity"),
    ("activity-failed", "/activity?status=failed"),
    ("activity-event", "/activity/evt_1"),
    ("activity-blocked", "/activity/evt_14"),
    ("activity-charts", "/activity/charts"),
    ("activity-leavers", "/activity/leavers"),
    ("rules", "/rules"),
    ("rules-file", "/rules/people.rhai"),
    ("rules-try", "/rules/try?app=docs&user=p3@example.com"),
    ("rules-draft", "/rules/draft"),
    ("rules-revisions", "/rules/revisions"),
    ("rules-revision", "/rules/revisions/1"),
    ("imports", "/imports"),
    ("import", "IMPORT"),
    ("access", "/access"),
    ("access-tokens", "/access/tokens"),
    ("access-secrets", "/access/secrets"),
    ("access-you", "/access/you"),
    ("access-history", "/access/history"),
    ("api-docs", "/api/v1/docs"),
];
/// Widths and schemes.
const LOOKS: [(u32, &str); 4] = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")];
/// Runs axe and gives what is serious or critical, in words.
const AXE: &str = "const done = arguments[arguments.length - 1]; \
    axe.run(document, { resultTypes: ['violations'] }).then(found => done(found.violations \
        .filter(each => ['serious', 'critical'].includes(each.impact)) \
        .flatMap(each => each.nodes.map(node => each.id + ': ' + node.target.join(' ') + ': ' + node.failureSummary))), \
        error => done(['axe failed: ' + error]))";

/// Where the first such link of a page goes.
async fn link(browser: &Browser, page: &str, css: &str) -> String {
    browser.goto(page).await;
    let script = format!("return document.querySelector(\"{css}\").getAttribute('href')");
    browser.run(&script).await.as_str().unwrap().to_owned()
}

/// What is wrong with the page as it is shown.
async fn wrong(browser: &Browser, axe: &str, width: u32) -> Vec<String> {
    let mut wrong = browser.complaints().await;
    let wide = browser.run("return document.documentElement.scrollWidth").await.as_u64().unwrap();
    if wide > u64::from(width) {
        wrong.push(format!("it is {wide} wide"));
    }
    browser.run(axe).await;
    let found = browser.run_async(AXE).await;
    wrong.extend(found.as_array().unwrap().iter().filter_map(Json::as_str).map(str::to_owned));
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_readable_by_everybody_on_every_screen() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("target/peers/axe/node_modules/axe-core/axe.min.js");
    let axe = std::fs::read_to_string(&file).expect("axe-core is not installed; `.ci/run peers` installs it");
    let place = Place::open(FourEyes::Record).await;
    let browser = place.signed_in("ada").await;
    let batch = link(&browser, "/approvals", ".batch .actions a").await;
    let import = link(&browser, "/imports", "th a[href^='/imports/']").await;
    let mut all = Vec::new();
    for (name, path) in PAGES {
        let path = match *path {
            "BATCH" => &batch,
            "IMPORT" => &import,
            path => path,
        };
        for (width, scheme) in LOOKS {
            browser.look(width, scheme).await;
            browser.goto(path).await;
            browser.screenshot(&root.join(format!("target/screenshots/{name}-{width}-{scheme}.png"))).await;
            let found = wrong(&browser, &axe, width).await;
            all.extend(found.into_iter().map(|line| format!("{name} ({path}) at {width}, {scheme}: {line}")));
        }
    }
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}
