//! The API about rules, revisions and plans.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use usher::access::Role;
use usher::access::credential::TokenKind;

use super::caller::Caller;
use super::site::Site;
use crate::engine::house::{Plan, people};

const RULES: &str = "rules/rules.rhai";
const BOSS: &str = "fn account(user) {\n    #{ userName: user.email, title: \"Boss\" }\n}\n";

async fn provisioned() -> Site {
    let site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(2), true).await.unwrap();
    site.house.sync().await;
    site
}

fn draft(text: &str) -> Value {
    json!({"draft": {"files": {RULES: text}}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_is_checked_with_the_place_of_every_mistake() {
    let site = provisioned().await;
    let program = Caller::program(&site).await;
    let wrong = program
        .done(Method::POST, "/rules/validate", &draft("fn account(user) {\n    #{ userName: user.emial }\n}"))
        .await;
    assert_eq!(
        (&wrong["valid"], &wrong["errors"][0]["line"], &wrong["errors"][0]["file"]),
        (&json!(false), &json!(2), &json!(RULES))
    );
    let good = program.done(Method::POST, "/rules/validate", &draft(BOSS)).await;
    assert_eq!((&good["valid"], &good["errors"]), (&json!(true), &json!([])));
    let examples = "[[example]]\nname = \"a boss\"\n[example.user]\nemail = \"a@b.example\"\n\
                    [example.account]\nuserName = \"a@b.example\"\ntitle = \"Chief\"\n";
    let files = json!({"draft": {"files": {RULES: BOSS, "rules/rules.examples.toml": examples}}});
    let differs = program.done(Method::POST, "/rules/validate", &files).await;
    let example = &differs["examples"][0];
    assert_eq!(
        (&differs["valid"], &example["name"], &example["passed"]),
        (&json!(false), &json!("a boss"), &json!(false))
    );
    let problem = &example["problems"][0];
    assert_eq!(
        (&problem["what"], &problem["expected"], &problem["got"]),
        (&json!("title"), &json!("Chief"), &json!("Boss"))
    );
    let elsewhere = json!({"draft": {"files": {"../secrets/token": "x"}}});
    assert_eq!(program.refused(Method::POST, "/rules/validate", &elsewhere).await.0, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_are_tried_on_a_user_and_planned_over_everybody() {
    let site = provisioned().await;
    let program = Caller::program(&site).await;
    let mut trial = draft(BOSS);
    trial["user"] = json!("k0");
    trial["app"] = json!("app");
    let tried = program.done(Method::POST, "/rules/try", &trial).await;
    let title = tried["attributes"].as_array().unwrap().iter().find(|each| each["path"] == "title").unwrap();
    assert_eq!((&title["desired"], &title["pushed"]), (&json!("Boss"), &json!("Title0")));
    let now = program.done(Method::POST, "/rules/try", &json!({"user": "k0", "app": "app"})).await;
    assert_eq!(now["differences"], json!([]), "as it is now, nothing differs");
    let planned = program.done(Method::POST, "/rules/plan", &draft(BOSS)).await;
    assert_eq!(
        (&planned["activated"], &planned["plan"]["apps"][0]["counts"]["operations"]["update"]["queued"]),
        (&json!(false), &json!(2))
    );
    let plan = program.done(Method::POST, "/plans", &json!({"user": "k1", "draft": {"files": {RULES: BOSS}}})).await;
    let operation = &plan["apps"][0]["operations"][0];
    assert_eq!(
        (&plan["draft"], &operation["kind"], &operation["name"]),
        (&json!(true), &json!("update"), &json!("Given1 Family1"))
    );
    let plan = program.done(Method::POST, "/plans", &json!({})).await;
    assert_eq!(plan["apps"][0]["counts"]["unchanged"], 2);
    let wrong = program.post("/rules/plan", &draft("fn account(user) { 1 + }")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(wrong.json()["errors"][0]["file"], RULES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_is_activated_from_the_revision_that_it_was_made_from_and_rolled_back() {
    let site = provisioned().await;
    let (program, person) = (Caller::program(&site).await, Caller::person(&site).await);
    let rules = person.get("/rules").await;
    assert_eq!((rules.header("etag"), &rules.json()["revision"]["active"]), ("\"rev_1\"", &json!(true)));
    let mut activation = draft(BOSS);
    activation["comment"] = json!("bosses all");
    let path = "/rules/activate";
    assert_eq!(person.refused(Method::POST, path, &activation).await, (428, "/problems/base-needed".to_owned()));
    let with =
        |caller: &Caller<'_>, tag: &str| caller.request(Method::POST, path).header("if-match", tag).json(&activation);
    let bot = program.send(with(&program, "\"rev_1\"")).await;
    assert_eq!((bot.status.as_u16(), &bot.json()["type"]), (403, &json!("/problems/approval-needs-a-person")));
    let activated = person.send(with(&person, rules.header("etag"))).await;
    assert_eq!(activated.status, StatusCode::OK, "{}", activated.text);
    assert_eq!(activated.json()["revision"]["number"], "rev_2");
    let late = person.send(with(&person, "\"rev_1\"")).await;
    assert_eq!((late.status.as_u16(), &late.json()["type"]), (412, &json!("/problems/moved")));
    activation["base"] = json!("rev_1");
    assert_eq!(person.refused(Method::POST, path, &activation).await.0, 412, "`base` says the same");
    let all = program.found("/revisions?limit=1").await;
    assert_eq!((&all["items"][0]["comment"], &all["items"][0]["author"]), (&json!("bosses all"), &json!("admin")));
    let older = program.found(&format!("/revisions?cursor={}", all["next"].as_str().unwrap())).await;
    assert_eq!(older["items"][0]["number"], "rev_1");
    assert_eq!(program.found("/revisions/rev_2").await["files"][RULES], BOSS);
    let back = json!({"comment": "no bosses"});
    assert_eq!(person.refused(Method::POST, "/revisions/rev_7/activate", &back).await.0, 404);
    person.done(Method::POST, "/revisions/rev_1/activate", &back).await;
    assert_eq!(person.get("/rules").await.header("etag"), "\"rev_1\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_that_would_carry_a_credential_elsewhere_is_planned_only_for_a_person_who_might_activate_it() {
    let site = provisioned().await;
    let (program, person) = (Caller::program(&site).await, Caller::person(&site).await);
    let viewer = Caller::with_token(&site, TokenKind::Personal, Role::Viewer).await;
    let app = program.found("/rules").await["files"]["apps/app.toml"].as_str().unwrap().to_owned();
    let elsewhere = app.replace("http://127.0.0.1:", "http://127.0.0.2:");
    assert_ne!(app, elsewhere);
    let other_secret = app.replace("env:UNUSED", "env:ANOTHER");
    for text in [elsewhere, other_secret] {
        let files = json!({"apps/app.toml": text});
        for (path, body) in
            [("/plans", json!({"draft": {"files": files}})), ("/rules/plan", json!({"draft": {"files": files}}))]
        {
            let refused = viewer.refused(Method::POST, path, &body).await;
            assert_eq!(refused, (403, "/problems/forbidden".to_owned()), "{path}");
            let refused = program.refused(Method::POST, path, &body).await;
            assert_eq!(refused, (403, "/problems/approval-needs-a-person".to_owned()), "{path}");
            assert_eq!(person.post(path, &body).await.status, StatusCode::OK, "{path}");
        }
    }
    assert_eq!(
        viewer.post("/plans", &draft(BOSS)).await.status,
        StatusCode::OK,
        "other rules are for everybody to look at"
    );
}
