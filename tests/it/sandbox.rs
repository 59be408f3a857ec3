//! The sandbox over real sockets: it enforces what a connector says, and its faults are the ones seen in the wild.

mod groups;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use usher::clock::{ManualClock, Timestamp};
use usher::connector::{Connector, builtin};
use usher::sandbox::{Faults, Options, Sandbox, SandboxError, Seed, Settings, serve_minimal};
use usher::secret::Secret;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const TOKEN: &str = "sandbox-token";

fn shipped(name: &str) -> Connector {
    let (file, text) = builtin().into_iter().find(|(file, _)| file.starts_with(name)).unwrap();
    Connector::parse(Path::new(file), text).unwrap()
}

fn connector(extra: &str) -> Connector {
    Connector::parse(Path::new("mine.toml"), &format!("name = \"mine\"\ntitle = \"Mine\"\n{extra}")).unwrap()
}

/// A sandbox that is being served, and a client of it.
struct Served {
    sandbox: Sandbox,
    origin: String,
    client: reqwest::Client,
}

impl Served {
    async fn new(connector: Connector, change: impl FnOnce(&mut Settings)) -> Self {
        // Every test installs it; the first one wins.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_770_000_000_000)));
        let mut settings = Settings::new(clock);
        settings.token = Some(Secret::new(TOKEN));
        change(&mut settings);
        let sandbox = Sandbox::new(connector, settings).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(sandbox.clone().serve(listener, std::future::pending()));
        Self { sandbox, origin, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    async fn plain(name: &str) -> Self {
        Self::new(shipped(name), |_| {}).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}/scim/v2{path}", self.origin)).bearer_auth(TOKEN)
    }

    async fn send(&self, method: Method, path: &str, body: &Json) -> (StatusCode, Json) {
        let request = self.request(method, path).header("Content-Type", "application/scim+json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        (status, if text.is_empty() { Json::Null } else { serde_json::from_str(&text).unwrap() })
    }

    async fn post(&self, user: Json) -> (StatusCode, Json) {
        self.send(Method::POST, "/Users", &with_schema(user)).await
    }

    async fn created(&self, user: Json) -> String {
        let (status, body) = self.post(user).await;
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    async fn patch(&self, id: &str, operations: Json) -> (StatusCode, Json) {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
        self.send(Method::PATCH, &format!("/Users/{id}"), &body).await
    }

    async fn get(&self, path: &str) -> (StatusCode, Json) {
        let answer = self.request(Method::GET, path).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn search(&self, filter: &str) -> (StatusCode, Json) {
        let answer = self.request(Method::GET, "/Users").query_filter(filter).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    fn faults(&self, specs: &[&str]) {
        self.sandbox.set_faults(Faults::parse(specs).unwrap());
    }
}

trait QueryFilter {
    fn query_filter(self, filter: &str) -> Self;
}

impl QueryFilter for reqwest::RequestBuilder {
    fn query_filter(self, filter: &str) -> Self {
        let escaped: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (client, request) = self.build_split();
        let mut request = request.unwrap();
        request.url_mut().set_query(Some(&format!("filter={escaped}")));
        Self::from_parts(client, request)
    }
}

fn with_schema(mut user: Json) -> Json {
    user["schemas"] = json!([USER]);
    user
}

fn nulab_user(name: &str) -> Json {
    json!({ "userName": name, "displayName": name, "externalId": format!("x:{name}"), "active": true })
}

#[tokio::test]
async fn a_created_account_is_read_listed_and_found_as_it_was_sent() {
    let served = Served::plain("generic-scim2").await;
    let sent = json!({
        "userName": "Leela@planet.example",
        "externalId": "ins_1:usr_1",
        "name": { "givenName": "Turanga", "familyName": "Leela" },
        "emails": [{ "value": "leela@planet.example", "type": "work", "primary": true }],
        "active": true,
        ENTERPRISE: { "department": "Crew" },
    });
    let (status, body) = served.post(sent.clone()).await;
    assert_eq!(status, 201);
    for (name, value) in sent.as_object().unwrap() {
        assert_eq!(&body[name], value, "{name}");
    }
    assert_eq!(body["schemas"], json!([USER, ENTERPRISE]));
    assert_eq!(body["meta"]["resourceType"], "User");
    let id = body["id"].as_str().unwrap();
    assert_eq!(body["meta"]["location"], format!("{}/scim/v2/Users/{id}", served.origin));

    assert_eq!(served.get(&format!("/Users/{id}")).await, (StatusCode::OK, body.clone()));
    for filter in [
        "userName eq \"leela@PLANET.example\"",
        "externalId eq \"ins_1:usr_1\"",
        "name.familyName sw \"lee\" and active eq true",
        "emails[type eq \"work\" and value co \"planet\"]",
        "not (title pr)",
        &format!("{ENTERPRISE}:department eq \"crew\""),
    ] {
        let (status, list) = served.search(filter).await;
        assert_eq!(
            (status, &list["totalResults"], &list["Resources"]),
            (StatusCode::OK, &json!(1), &json!([body])),
            "{filter}"
        );
    }
    assert_eq!(served.search("externalId eq \"INS_1:usr_1\"").await.1["totalResults"], 0);
    assert_eq!((served.sandbox.writes(), served.sandbox.requests()), (1, 9));
}

#[tokio::test]
async fn a_taken_user_name_is_a_conflict_in_any_case() {
    let served = Served::plain("generic-scim2").await;
    served.created(json!({ "userName": "Fry@planet.example" })).await;
    let (status, body) = served.post(json!({ "userName": "fry@PLANET.example" })).await;
    assert_eq!(status, 409);
    assert_eq!((&body["scimType"], &body["status"]), (&json!("uniqueness"), &json!("409")));
    assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
}

#[tokio::test]
async fn a_request_without_the_token_is_refused_and_changes_nothing() {
    let served = Served::plain("generic-scim2").await;
    let request = served.client.post(format!("{}/scim/v2/Users", served.origin)).bearer_auth("another");
    let answer = request.header("Content-Type", "application/json").body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(answer.headers().contains_key("www-authenticate"));
    assert!(served.sandbox.accounts().is_empty());
}

#[tokio::test]
async fn patch_follows_rfc_7644_with_value_paths() {
    let served = Served::plain("generic-scim2").await;
    let id = served
        .created(json!({ "userName": "a", "title": "x", "emails": [{ "type": "work", "value": "a@x.example", "primary": true }] }))
        .await;
    let (status, body) = served
        .patch(
            &id,
            json!([
                { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "b@x.example" },
                { "op": "add", "path": "emails", "value": [{ "type": "home", "value": "c@x.example", "primary": true }] },
                { "op": "add", "path": "emails[type eq \"other\"].value", "value": "d@x.example" },
                { "op": "replace", "path": "name.givenName", "value": "A" },
                { "op": "replace", "value": { "displayName": "AA", "name": { "familyName": "B" }, "active": false } },
                { "op": "remove", "path": "title" },
                { "op": "add", "path": format!("{ENTERPRISE}:department"), "value": "D" },
            ]),
        )
        .await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        body["emails"],
        json!([
            { "type": "work", "value": "b@x.example" },
            { "type": "home", "value": "c@x.example", "primary": true },
            { "type": "other", "value": "d@x.example" },
        ])
    );
    assert_eq!(body["name"], json!({ "givenName": "A", "familyName": "B" }));
    assert_eq!((&body["displayName"], &body["active"], &body["title"]), (&json!("AA"), &json!(false), &Json::Null));
    assert_eq!(body[ENTERPRISE], json!({ "department": "D" }));

    let (_, body) = served.patch(&id, json!([{ "op": "remove", "path": "emails[type eq \"home\"]" }])).await;
    assert_eq!(body["emails"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_patch_that_fails_in_the_middle_changes_nothing() {
    let served = Served::plain("generic-scim2").await;
    let id = served.created(json!({ "userName": "a", "title": "x" })).await;
    let cases = [
        (json!({ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "v" }), "noTarget"),
        (json!({ "op": "replace", "path": "id", "value": "v" }), "mutability"),
        (json!({ "op": "replace", "path": "groups", "value": [] }), "mutability"),
        (json!({ "op": "replace", "path": "name..x", "value": "v" }), "invalidPath"),
        (json!({ "op": "replace", "path": "active", "value": "True" }), "invalidValue"),
        (json!({ "op": "replace", "value": { "name.givenName": "A" } }), "invalidPath"),
        (json!({ "op": "remove" }), "noTarget"),
        (json!({ "op": "remove", "path": "userName" }), "invalidValue"),
        (json!({ "op": "move", "path": "title", "value": "v" }), "invalidSyntax"),
    ];
    for (operation, scim_type) in cases {
        let (status, body) =
            served.patch(&id, json!([{ "op": "replace", "path": "title", "value": "y" }, operation])).await;
        assert_eq!((status, &body["scimType"]), (StatusCode::BAD_REQUEST, &json!(scim_type)), "{operation}: {body}");
    }
    assert_eq!(served.get(&format!("/Users/{id}")).await.1["title"], "x");
}

#[tokio::test]
async fn put_replaces_the_whole_account_but_not_what_is_read_only() {
    let served = Served::plain("generic-scim2").await;
    let id = served.created(json!({ "userName": "a", "title": "x", "displayName": "A" })).await;
    let user = with_schema(json!({ "userName": "a", "displayName": "B", "groups": [{ "value": "g" }], "meta": {} }));
    let (status, body) = served.send(Method::PUT, &format!("/Users/{id}"), &user).await;
    assert_eq!(
        (status, &body["displayName"], &body["title"], &body["groups"]),
        (StatusCode::OK, &json!("B"), &Json::Null, &Json::Null)
    );
    assert_eq!(body["id"], id);
}

#[tokio::test]
async fn lists_are_paged_and_never_larger_than_the_connector_says() {
    let served = Served::new(shipped("nullplatform"), |settings| settings.seed = Seed::Count(450)).await;
    let (_, first) = served.get("/Users?count=1000").await;
    assert_eq!(
        (&first["totalResults"], &first["itemsPerPage"], &first["startIndex"]),
        (&json!(450), &json!(200), &json!(1))
    );
    let (_, last) = served.get("/Users?startIndex=401&count=200").await;
    assert_eq!((&last["itemsPerPage"], &last["startIndex"]), (&json!(50), &json!(401)));
    assert_eq!(served.get("/Users?count=0").await.1["itemsPerPage"], 0);
    let (_, names) = served.get("/Users?attributes=userName&count=1").await;
    let keys: Vec<&String> = names["Resources"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "schemas", "userName"]);
}

#[tokio::test]
async fn filters_beyond_what_the_connector_says_are_refused() {
    let served = Served::plain("nullplatform").await;
    let (status, body) = served.search("userName eq \"a\" and active eq true").await;
    assert_eq!((status, &body["scimType"]), (StatusCode::BAD_REQUEST, &json!("invalidFilter")));
    assert_eq!(served.search("userName eq \"a\"").await.0, 200);

    let served = Served::plain("nulab-pass").await;
    for filter in ["externalId eq \"a\"", "userName sw \"a\"", "userName eq", "not (userName eq \"a\")"] {
        let (status, body) = served.search(filter).await;
        assert_eq!((status, &body["scimType"]), (StatusCode::BAD_REQUEST, &json!("invalidFilter")), "{filter}");
    }
}

#[tokio::test]
async fn nulab_pass_demands_its_attributes_and_gives_guest_to_whoever_has_no_role() {
    let served = Served::plain("nulab-pass").await;
    let refused = [
        (json!({ "userName": "a@x.example" }), "displayName"),
        (json!({ "userName": "nobody", "displayName": "A" }), "e-mail"),
        (json!({ "userName": "a@x.example", "displayName": "A", "title": "T" }), "title"),
        (json!({ "userName": "a@x.example", "displayName": "A", "name": { "givenName": "A" } }), "name.givenName"),
        (json!({ "userName": "a@x.example", "displayName": "A", "roles": [{ "value": "OWNER" }] }), "OWNER"),
    ];
    for (user, word) in refused {
        let (status, body) = served.post(user.clone()).await;
        assert_eq!(status, 400, "{user}");
        assert!(body["detail"].as_str().unwrap().contains(word), "{body}");
    }
    let id = served.created(nulab_user("a@x.example")).await;
    let (_, body) = served.get(&format!("/Users/{id}")).await;
    assert_eq!(body["roles"], json!([{ "value": "GUEST", "primary": true }]));

    let path = r#"roles[primary eq "True"].value"#;
    let (status, body) = served.patch(&id, json!([{ "op": "replace", "path": path, "value": "USER" }])).await;
    assert_eq!((status, &body["roles"]), (StatusCode::OK, &json!([{ "value": "USER", "primary": true }])));
    let (_, body) = served.patch(&id, json!([{ "op": "remove", "path": "roles" }])).await;
    assert_eq!(body["roles"][0]["value"], "GUEST");
    assert_eq!(served.get("/Groups").await.0, 404);
}

#[tokio::test]
async fn nulab_pass_ignores_create_only_attributes_on_update() {
    let served = Served::plain("nulab-pass").await;
    let mut user = nulab_user("a@x.example");
    user["timezone"] = json!("Asia/Tokyo");
    let id = served.created(user).await;
    let (status, body) = served
        .patch(
            &id,
            json!([
                { "op": "replace", "path": "timezone", "value": "Europe/Amsterdam" },
                { "op": "replace", "path": "preferredLanguage", "value": "nl" },
                { "op": "replace", "path": "displayName", "value": "New" },
            ]),
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!((&body["timezone"], &body["displayName"]), (&json!("Asia/Tokyo"), &json!("New")));
    assert_eq!(body["preferredLanguage"], Json::Null);
}

#[tokio::test]
async fn nulab_pass_replaces_the_account_when_its_user_name_changes() {
    let served = Served::plain("nulab-pass").await;
    let old = served.created(nulab_user("old@x.example")).await;
    let rename = |to: &str| json!([{ "op": "replace", "path": "userName", "value": to }]);
    let (status, body) = served.patch(&old, rename("new@x.example")).await;
    assert_eq!((status, &body["id"], &body["active"]), (StatusCode::OK, &json!(old), &json!(false)));

    let (_, found) = served.search("userName eq \"new@x.example\"").await;
    let new = &found["Resources"][0];
    assert_ne!(new["id"], json!(old));
    assert_eq!((&new["active"], &new["externalId"]), (&json!(true), &json!("x:old@x.example")));

    let again = json!([{ "op": "replace", "path": "active", "value": true }]);
    assert_eq!(served.patch(&old, again).await.0, 403);
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    assert_eq!(served.patch(&old, off).await.0, 200);
    let views = served.sandbox.accounts();
    assert_eq!(
        views.iter().map(|view| (view.active, view.invalid)).collect::<Vec<_>>(),
        [(false, true), (true, false)]
    );
    // The old name is free again.
    let new = new["id"].as_str().unwrap();
    assert_eq!(served.patch(new, rename("old@x.example")).await.0, 200);
}

#[tokio::test]
async fn nulab_pass_does_not_delete_and_protects_the_token_issuer() {
    let served = Served::new(shipped("nulab-pass"), |settings| {
        settings.token_issuer = Some("issuer@x.example".to_owned());
    })
    .await;
    let id = served.created(nulab_user("a@x.example")).await;
    assert_eq!(served.request(Method::DELETE, &format!("/Users/{id}")).send().await.unwrap().status(), 501);
    let mut issuer = nulab_user("Issuer@x.example");
    issuer["roles"] = json!([{ "value": "ADMIN", "primary": true }]);
    let issuer = served.created(issuer).await;
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    let demote = json!([{ "op": "replace", "path": "roles[primary eq \"True\"].value", "value": "USER" }]);
    assert_eq!(served.patch(&issuer, off.clone()).await.0, 403);
    assert_eq!(served.patch(&issuer, demote).await.0, 403);
    assert_eq!(served.patch(&id, off).await.0, 200);
}

#[tokio::test]
async fn nullplatform_refuses_what_it_lacks_and_computes_its_groups() {
    let served = Served::plain("nullplatform").await;
    for lacking in ["timezone", "locale"] {
        let (status, body) = served.post(json!({ "userName": "a@x.example", lacking: "v" })).await;
        assert_eq!((status, &body["scimType"]), (StatusCode::BAD_REQUEST, &json!("invalidPath")), "{lacking}");
    }
    let id = served.created(json!({ "userName": "a@x.example", "groups": [{ "value": "g" }] })).await;
    assert_eq!(served.get(&format!("/Users/{id}")).await.1["groups"], Json::Null);
    served.sandbox.add_group("developers", &[&id]);
    let (_, body) = served.get(&format!("/Users/{id}")).await;
    assert_eq!(body["groups"][0]["display"], "developers");
    assert_eq!(served.get("/Groups").await.1["totalResults"], 1);
    let group = json!({ "schemas": [GROUP], "displayName": "mine" });
    assert_eq!(served.send(Method::POST, "/Groups", &group).await.0, 405);
}

#[tokio::test]
async fn groups_of_a_full_target_take_and_lose_members_one_by_one() {
    let served = Served::plain("generic-scim2").await;
    let (a, b) = (served.created(json!({ "userName": "a" })).await, served.created(json!({ "userName": "b" })).await);
    let group = json!({ "schemas": [GROUP], "displayName": "crew", "members": [{ "value": a }] });
    let (status, body) = served.send(Method::POST, "/Groups", &group).await;
    assert_eq!(status, 201);
    let path = format!("/Groups/{}", body["id"].as_str().unwrap());
    let patch = |operations: Json| json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
    let add = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": a }, { "value": b }] }]));
    let (_, body) = served.send(Method::PATCH, &path, &add).await;
    assert_eq!(body["members"].as_array().unwrap().len(), 2);
    assert_eq!(served.get(&format!("/Users/{b}")).await.1["groups"][0]["display"], "crew");
    let gone = patch(json!([{ "op": "remove", "path": format!("members[value eq \"{a}\"]") }]));
    let (_, body) = served.send(Method::PATCH, &path, &gone).await;
    assert_eq!(body["members"], json!([{ "value": b, "type": "User" }]));
    let stranger = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": "nobody" }] }]));
    assert_eq!(served.send(Method::PATCH, &path, &stranger).await.0, 400);
    assert_eq!(served.request(Method::DELETE, &format!("/Users/{b}")).send().await.unwrap().status(), 204);
    assert_eq!(served.get(&path).await.1["members"], Json::Null);
}

#[tokio::test]
async fn the_forms_of_renaming_and_deactivating_are_the_connectors() {
    let never =
        Served::new(connector("[users]\nusername_change = \"never\"\ndeactivate = \"delete\"\ndelete = false"), |_| {})
            .await;
    let id = never.created(json!({ "userName": "a" })).await;
    let (status, body) = never.patch(&id, json!([{ "op": "replace", "path": "userName", "value": "b" }])).await;
    assert_eq!((status, &body["scimType"]), (StatusCode::BAD_REQUEST, &json!("mutability")));
    assert_eq!(never.patch(&id, json!([{ "op": "replace", "path": "active", "value": false }])).await.0, 400);
    assert_eq!(never.request(Method::DELETE, &format!("/Users/{id}")).send().await.unwrap().status(), 204);
    assert!(!never.sandbox.accounts()[0].active);

    let in_place = Served::plain("generic-scim2").await;
    let id = in_place.created(json!({ "userName": "a" })).await;
    let (_, body) = in_place.patch(&id, json!([{ "op": "replace", "path": "userName", "value": "b" }])).await;
    assert_eq!((&body["id"], &body["userName"]), (&json!(id), &json!("b")));
    assert_eq!(in_place.search("userName eq \"a\"").await.1["totalResults"], 0);
}

#[tokio::test]
async fn the_form_of_updates_is_the_connectors() {
    let put = Served::new(connector("[users]\nupdate = \"put\"\nid_in_body = true"), |_| {}).await;
    let id = put.created(json!({ "userName": "a" })).await;
    assert_eq!(put.patch(&id, json!([{ "op": "remove", "path": "title" }])).await.0, 501);
    let path = format!("/Users/{id}");
    assert_eq!(put.send(Method::PUT, &path, &with_schema(json!({ "userName": "a" }))).await.0, 400);
    assert_eq!(put.send(Method::PUT, &path, &with_schema(json!({ "userName": "a", "id": id }))).await.0, 200);

    let two = json!([{ "op": "replace", "path": "title", "value": "x" }, { "op": "replace", "path": "nickName", "value": "x" }]);
    let single = Served::new(connector("[users]\npatch_style = \"single\""), |_| {}).await;
    let id = single.created(json!({ "userName": "a" })).await;
    assert_eq!(single.patch(&id, two.clone()).await.0, 400);
    let bare = Served::new(connector("[users]\npatch_style = \"no_path\""), |_| {}).await;
    let id = bare.created(json!({ "userName": "a" })).await;
    assert_eq!(bare.patch(&id, two).await.0, 400);
    assert_eq!(bare.patch(&id, json!([{ "op": "replace", "value": { "title": "x", "nickName": "x" } }])).await.0, 200);
}

#[tokio::test]
async fn discovery_says_what_the_connector_says() {
    let served = Served::plain("nullplatform").await;
    let (_, config) = served.get("/ServiceProviderConfig").await;
    assert_eq!((&config["filter"]["maxResults"], &config["patch"]["supported"]), (&json!(200), &json!(true)));
    assert_eq!((&config["bulk"]["supported"], &config["sort"]["supported"]), (&json!(false), &json!(false)));
    assert_eq!(served.get("/ResourceTypes").await.1["totalResults"], 2);
    assert_eq!(served.get("/ResourceTypes/User").await.1["endpoint"], "/Users");
    let (_, schema) = served.get(&format!("/Schemas/{USER}")).await;
    let names: Vec<&str> =
        schema["attributes"].as_array().unwrap().iter().filter_map(|each| each["name"].as_str()).collect();
    assert!(names.contains(&"userName") && names.contains(&"name") && !names.contains(&"locale"), "{names:?}");
    assert_eq!(served.get("/Nothing").await.0, 404);
}

#[tokio::test]
async fn third_party_accounts_are_there_from_the_start_and_their_bytes_show_any_change() {
    let accounts = vec![json!({ "id": "odd id@1", "userName": "legacy@x.example", "displayName": "Legacy" })];
    let served = Served::new(shipped("nulab-pass"), |settings| settings.seed = Seed::Accounts(accounts)).await;
    let before = served.sandbox.third_party();
    assert_eq!(before.keys().collect::<Vec<_>>(), ["odd id@1"]);
    served.created(nulab_user("a@x.example")).await;
    assert_eq!(served.get("/Users/odd%20id%401").await.1["userName"], "legacy@x.example");
    assert_eq!(served.sandbox.third_party(), before);
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Other" }]);
    assert_eq!(served.patch("odd%20id%401", rename).await.0, 200);
    assert_ne!(served.sandbox.third_party(), before);

    let answer = served.client.get(format!("{}/_sandbox/accounts", served.origin)).send().await.unwrap();
    let seen: Json = answer.json().await.unwrap();
    assert_eq!((&seen[0]["third_party"], &seen[1]["third_party"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn every_shipped_connector_accepts_made_up_third_parties() {
    for (file, text) in builtin() {
        let connector = Connector::parse(Path::new(file), text).unwrap();
        let served = Served::new(connector, |settings| settings.seed = Seed::Count(3)).await;
        assert_eq!(served.sandbox.third_party().len(), 3, "{file}");
    }
}

#[tokio::test]
async fn a_seed_account_that_the_connector_refuses_is_named() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
    let mut settings = Settings::new(clock);
    settings.seed = Seed::Accounts(vec![json!({ "userName": "a@x.example" })]);
    let error = Sandbox::new(shipped("nulab-pass"), settings).err().unwrap();
    assert!(matches!(error, SandboxError::Refused { number: 1, .. }), "{error}");
    assert!(error.to_string().contains("displayName"), "{error}");
}

#[tokio::test]
async fn external_id_can_be_accepted_and_forgotten() {
    let served = Served::new(shipped("generic-scim2"), |settings| settings.drop_external_id = true).await;
    let (status, body) = served.post(json!({ "userName": "a", "externalId": "x" })).await;
    assert_eq!((status, &body["externalId"]), (StatusCode::CREATED, &Json::Null));
    assert_eq!(served.search("externalId eq \"x\"").await.1["totalResults"], 0);
}

#[tokio::test]
async fn a_target_without_unique_names_takes_a_name_twice() {
    let served = Served::new(connector("[users]\nusername_unique = false"), |_| {}).await;
    served.created(json!({ "userName": "a" })).await;
    served.created(json!({ "userName": "a" })).await;
    assert_eq!(served.search("userName eq \"a\"").await.1["totalResults"], 2);
}

#[tokio::test]
async fn a_dropped_connection_gives_no_answer_whether_or_not_the_account_was_made() {
    let served = Served::plain("generic-scim2").await;
    for (fault, accounts) in [("drop-before:#1", 0), ("drop-after-commit:#1", 1)] {
        served.faults(&[fault]);
        let user = with_schema(json!({ "userName": "a" })).to_string();
        let request = served.request(Method::POST, "/Users").header("Content-Type", "application/json").body(user);
        let error = request.send().await.unwrap_err();
        assert!(!error.is_connect() && !error.is_timeout(), "{fault}: {error:?}");
        assert_eq!(served.sandbox.accounts().len(), accounts, "{fault}");
    }
}

#[tokio::test]
async fn a_truncated_body_has_a_head_and_ends_in_the_middle() {
    let served = Served::plain("generic-scim2").await;
    served.faults(&["truncated-body:#1:POST"]);
    let user = with_schema(json!({ "userName": "a" })).to_string();
    let request = served.request(Method::POST, "/Users").header("Content-Type", "application/json").body(user);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    assert!(answer.bytes().await.is_err());
    assert_eq!(served.sandbox.accounts().len(), 1);
}

#[tokio::test]
async fn a_time_out_leaves_the_client_waiting_whether_or_not_the_account_was_made() {
    let served = Served::plain("generic-scim2").await;
    for (fault, accounts) in [("timeout:#1", 0), ("timeout-after-commit:#1", 1)] {
        served.faults(&[fault]);
        let user = with_schema(json!({ "userName": "a" })).to_string();
        let request = served.request(Method::POST, "/Users").header("Content-Type", "application/json").body(user);
        let error = request.timeout(Duration::from_millis(300)).send().await.unwrap_err();
        assert!(error.is_timeout(), "{fault}: {error:?}");
        assert_eq!(served.sandbox.accounts().len(), accounts, "{fault}");
    }
}

#[tokio::test]
async fn answers_lie_as_they_do_in_the_wild() {
    let served = Served::plain("generic-scim2").await;
    let raw = async |method: Method, path: &str, body: Json| {
        let request = served.request(method, path).header("Content-Type", "application/json").body(body.to_string());
        let answer = request.send().await.unwrap();
        let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        let retry = answer.headers().contains_key("retry-after");
        (answer.status().as_u16(), kind.unwrap_or_default(), retry, answer.text().await.unwrap())
    };
    let user = |name: &str| with_schema(json!({ "userName": name }));

    served.faults(&["201-without-body:#1"]);
    let (status, _, _, body) = raw(Method::POST, "/Users", user("a")).await;
    assert_eq!((status, body.as_str()), (201, ""));
    served.faults(&["503-after-commit:#1"]);
    assert_eq!(raw(Method::POST, "/Users", user("b")).await.0, 503);
    assert_eq!(raw(Method::POST, "/Users", user("b")).await.0, 409);
    served.faults(&["500:#1:POST"]);
    assert_eq!(raw(Method::POST, "/Users", user("c")).await.0, 500);
    assert_eq!(raw(Method::POST, "/Users", user("c")).await.0, 201);
    served.faults(&["429:#1"]);
    let (status, _, retry, _) = raw(Method::POST, "/Users", user("d")).await;
    assert_eq!((status, retry), (429, true));
    served.faults(&["409-as-500:1"]);
    let (status, kind, _, _) = raw(Method::POST, "/Users", user("a")).await;
    assert_eq!((status, kind.as_str()), (500, "text/html"));
    served.faults(&["existing-200:1"]);
    let (status, _, _, body) = raw(Method::POST, "/Users", user("A")).await;
    assert_eq!((status, served.sandbox.accounts().len()), (200, 3), "{body}");
    served.faults(&["html-200:1"]);
    let (status, kind, _, _) = raw(Method::GET, "/Users", Json::Null).await;
    assert_eq!((status, kind.as_str()), (200, "text/html"));
    served.faults(&["filter-ignored:1"]);
    assert_eq!(served.search("userName eq \"a\"").await.1["totalResults"], 3);
    served.faults(&["filter-empty:1"]);
    assert_eq!(served.search("userName eq \"a\"").await.1["totalResults"], 0);
    served.faults(&[]);
    assert_eq!(served.search("userName eq \"a\"").await.1["totalResults"], 1);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids_and_the_same_faults() {
    let mut runs = Vec::new();
    for rng in [7, 7, 8] {
        let served = Served::new(shipped("generic-scim2"), |settings| {
            settings.rng = rng;
            settings.faults = Faults::parse(&["500:0.3"]).unwrap();
        })
        .await;
        let mut run = Vec::new();
        for number in 0..40 {
            let (status, body) = served.post(json!({ "userName": format!("u{number}") })).await;
            run.push((status.as_u16(), body["id"].as_str().map(str::to_owned)));
        }
        let failed = run.iter().filter(|(status, _)| *status == 500).count();
        assert!((4..20).contains(&failed), "{failed} of 40 at 30 %");
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test]
async fn what_is_no_fault_is_refused_with_the_reason() {
    for (text, why) in [
        ("teapot:0.5", "unknown"),
        ("200:0.5", "unknown"),
        ("500", "no share"),
        ("500:2", "no share from 0 to 1"),
        ("500:#0", "no number from #1"),
        ("500:1:FETCH", "no method"),
        ("500:1:GET:x", "too many"),
    ] {
        let error = Faults::parse(&[text]).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains(text), "{error}");
    }
}

#[tokio::test]
async fn options_name_what_is_wrong_with_them() {
    let clock = || Arc::new(ManualClock::at(Timestamp::from_millis(0)));
    let options = |change: fn(&mut Options)| {
        let mut options = Options { connector: "nulab-pass".to_owned(), ..Options::default() };
        change(&mut options);
        options.prepare(clock()).err().map(|error| error.to_string())
    };
    assert_eq!(options(|options| options.seed = Some("5".to_owned())), None);
    assert!(options(|options| options.connector = "nulab".to_owned()).unwrap().contains("nulab-pass"));
    assert!(options(|options| options.seed = Some("no-such.json".to_owned())).unwrap().contains("no-such.json"));
    assert!(options(|options| options.latency = Some("soon".to_owned())).unwrap().contains("20ms"));
    assert!(options(|options| options.faults = vec!["x:1".to_owned()]).unwrap().contains("drop-before"));
}

#[tokio::test]
async fn a_sandbox_that_is_told_to_stop_stops_although_a_request_hangs() {
    let served = Served::plain("generic-scim2").await;
    served.faults(&["timeout:1"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(served.sandbox.clone().serve(listener, async move { stopped.await.unwrap() }));
    let hanging = tokio::spawn(served.client.get(format!("{origin}/scim/v2/Users")).send());
    while served.sandbox.requests() == 0 {
        tokio::task::yield_now().await;
    }
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    hanging.abort();
}

#[tokio::test]
async fn the_minimal_target_echoes_what_it_is_given() {
    let served = Served::plain("generic-scim2").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve_minimal(listener, std::future::pending()));
    let request = served.client.post(format!("{origin}/Users"));
    let answer = request.json(&json!({ "userName": "a\"b", "externalId": "x", "more": [1] })).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let body: Json = answer.json().await.unwrap();
    assert_eq!((&body["userName"], &body["externalId"]), (&json!("a\"b"), &json!("x")));
    assert!(body["id"].is_string());
    let list: Json =
        served.client.get(format!("{origin}/scim/v2/Users?filter=x")).send().await.unwrap().json().await.unwrap();
    assert_eq!(list["totalResults"], 0);
}

#[tokio::test]
async fn the_targets_own_admin_changes_and_removes_accounts_without_a_request() {
    let served = Served::plain("generic-scim2").await;
    let id = served.created(json!({ "userName": "a" })).await;
    let requests = served.sandbox.requests();
    assert!(served.sandbox.tamper(&id, |body| drop(body.insert("active".to_owned(), json!(false)))));
    assert!(!served.sandbox.accounts()[0].active);
    assert!(served.sandbox.remove(&id) && !served.sandbox.remove(&id));
    assert_eq!(served.sandbox.requests(), requests);
    assert_eq!(served.get(&format!("/Users/{id}")).await.0, 404);
}

#[tokio::test]
async fn characters_and_lengths_that_the_connector_rules_out_are_refused() {
    let rules = "[users]\nstrip = \"<>\"\n[attributes.userName]\nrequired = true\nlength_max = 5";
    let served = Served::new(connector(rules), |_| {}).await;
    for (user, word) in [(json!({ "userName": "abcdef" }), "longer"), (json!({ "userName": "a<b" }), "`<`")] {
        let (status, body) = served.post(user).await;
        assert_eq!(status, 400);
        assert!(body["detail"].as_str().unwrap().contains(word), "{body}");
    }
    served.created(json!({ "userName": "abcde" })).await;
}
