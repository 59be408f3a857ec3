//! Carrying out operations, and finding out what became of them.

use serde_json::json;
use usher::clock::Span;
use usher::engine::perform::{Class, Lesson, Performed, absorb};
use usher::provision::account::Observation;
use usher::provision::operation::Kind;
use usher::provision::outcome::{Done, Failure, FailureClass, Outcome};
use usher::scim::target::Method;

use super::model::{Duplicates, Fault, Filters, Habits, Stage, own_external_id, start, until_done, user};

fn done(performed: &Performed) -> &Done {
    match &performed.outcome {
        Outcome::Succeeded(done) => done,
        other => panic!("expected a success, got {other:?}"),
    }
}

fn retried(performed: &Performed) -> &Failure {
    match &performed.outcome {
        Outcome::Retry { failure, .. } => failure,
        other => panic!("expected another attempt, got {other:?}"),
    }
}

fn failed(performed: &Performed) -> &Failure {
    match &performed.outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("expected a failure, got {other:?}"),
    }
}

fn conflict(performed: &Performed) -> &Failure {
    match &performed.outcome {
        Outcome::Conflict(failure) => failure,
        other => panic!("expected a conflict, got {other:?}"),
    }
}

fn is_unknown(performed: &Performed) -> bool {
    matches!(performed.outcome, Outcome::Unknown { .. })
}

fn habits(change: impl FnOnce(&mut Habits)) -> Habits {
    let mut habits = Habits::default();
    change(&mut habits);
    habits
}

#[tokio::test]
async fn a_create_is_one_request_with_everything_in_it() {
    let mut stage = Stage::create(Habits::default());
    let performed = stage.perform().await;
    assert_eq!(done(&performed).remote_id.as_deref(), Some("id-1"));
    assert_eq!(stage.model.log(), ["POST /Users"]);
    let body = stage.model.state.lock().unwrap().bodies[0].clone();
    assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:User"]));
    assert_eq!((&body["active"], &body["displayName"]), (&json!(true), &json!("Ann")));
    assert_eq!(performed.lessons, [Lesson::KeepsExternalId(true)]);
    assert_eq!(performed.exchanges[0].status, Some(201));
}

#[tokio::test]
async fn a_created_account_is_taken_without_a_body_after_a_search() {
    let mut stage = Stage::create(habits(|habits| habits.echo = false));
    let performed = stage.perform().await;
    assert_eq!(done(&performed).remote_id.as_deref(), Some("id-1"));
    assert_eq!(stage.model.sent("POST"), 1);
}

#[tokio::test]
async fn a_dropped_external_id_is_learned_and_no_conflict() {
    let mut stage = Stage::create(habits(|habits| habits.keeps_external_id = false));
    let performed = stage.perform().await;
    assert!(done(&performed).note.contains("externalId"));
    assert!(performed.lessons.contains(&Lesson::KeepsExternalId(false)));
}

#[tokio::test]
async fn an_account_that_no_longer_bears_the_external_id_is_a_conflict_where_it_is_known_to_be_kept() {
    let mut stage = Stage::create(habits(|habits| habits.keeps_external_id = false));
    stage.learned.keeps_external_id = Some(true);
    assert!(conflict(&stage.perform().await).detail.contains("bears no externalId"));
}

#[tokio::test]
async fn an_answer_with_an_id_of_another_user_in_the_ledger_is_a_conflict() {
    let mut stage = Stage::create(Habits::default());
    stage.ledger.0.insert("id-1".to_owned(), user(2));
    assert!(conflict(&stage.perform().await).detail.contains("in the ledger"));
}

#[tokio::test]
async fn an_existing_account_answered_with_200_is_a_conflict() {
    let mut stage = Stage::create(habits(|habits| habits.duplicates = Duplicates::ExistingWith200));
    stage.model.seed(json!({ "userName": "ann@example.com" }), start());
    assert!(conflict(&stage.perform().await).detail.contains("200"));
}

#[tokio::test]
async fn a_created_account_of_another_name_is_a_conflict() {
    let mut stage = Stage::create(Habits::default());
    stage.model.fault(Method::Post, Fault::Instead(201, r#"{"id":"x","userName":"root@example.com"}"#.to_owned()));
    assert!(conflict(&stage.perform().await).detail.contains("root@example.com"));
}

#[tokio::test]
async fn a_taken_name_is_a_conflict_for_a_person_however_the_target_says_it() {
    for duplicates in [Duplicates::Conflict, Duplicates::ConflictWithoutScim, Duplicates::ServerError] {
        for keeps_external_id in [true, false] {
            let mut stage = Stage::create(habits(|habits| {
                habits.duplicates = duplicates;
                habits.keeps_external_id = keeps_external_id;
            }));
            stage.model.clock.advance(Span::from_hours(1));
            let id = stage.model.seed(json!({ "userName": "Ann@Example.com", "displayName": "Other" }), start());
            let before = stage.model.account(&id);
            let performed = stage.perform().await;
            assert!(conflict(&performed).detail.contains(&id), "{duplicates:?}");
            assert_eq!(stage.model.account(&id), before);
            assert_eq!(stage.model.sent("POST"), 1);
        }
    }
}

#[tokio::test]
async fn a_taken_name_that_is_ours_by_its_external_id_is_a_success() {
    let mut stage = Stage::create(Habits::default());
    let external_id = own_external_id(stage.event.user());
    let id = stage.model.seed(json!({ "userName": "ann@example.com", "externalId": external_id }), start());
    assert_eq!(done(&stage.perform().await).remote_id, Some(id));
}

#[tokio::test]
async fn a_taken_name_that_no_filter_finds_is_found_in_the_list() {
    let mut stage = Stage::create(habits(|habits| habits.filters = Filters::Blind));
    let id = stage.model.seed(json!({ "userName": "ann@example.com" }), start());
    assert!(conflict(&stage.perform().await).detail.contains(&id));
}

#[tokio::test]
async fn a_taken_name_that_is_nowhere_to_be_seen_fails_in_the_targets_words() {
    let mut stage = Stage::create(Habits::default());
    stage.model.fault(Method::Post, Fault::Instead(409, r#"{"detail":"mail already used"}"#.to_owned()));
    let performed = stage.perform().await;
    assert_eq!(failed(&performed).class, FailureClass::Conflict);
    assert!(failed(&performed).detail.contains("mail already used"));
}

#[tokio::test]
async fn a_503_after_the_commit_is_a_success() {
    for keeps_external_id in [true, false] {
        let mut stage = Stage::create(habits(|habits| habits.keeps_external_id = keeps_external_id));
        stage.model.fault(Method::Post, Fault::After(503, String::new()));
        assert_eq!(done(&stage.perform().await).remote_id.as_deref(), Some("id-1"));
        assert_eq!(stage.model.sent("POST"), 1);
    }
}

#[tokio::test]
async fn a_409_after_a_503_that_was_carried_out_is_a_success() {
    let mut stage = Stage::create(habits(|habits| habits.keeps_external_id = false));
    stage.model.seed(json!({ "userName": "ann@example.com" }), start().plus(Span::from_secs(30)));
    stage.model.clock.advance(Span::from_secs(60));
    stage.retried_after(Failure {
        class: FailureClass::Server,
        status: Some(503),
        detail: String::new(),
        retry_after: None,
    });
    assert_eq!(done(&stage.perform().await).remote_id.as_deref(), Some("id-1"));
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_verified_without_a_second_create() {
    for keeps_external_id in [true, false] {
        let mut stage = Stage::create(habits(|habits| habits.keeps_external_id = keeps_external_id));
        stage.model.fault(Method::Post, Fault::AnswerLost);
        assert!(is_unknown(&stage.perform().await));
        let verified = stage.verify(Span::from_secs(5)).await;
        assert_eq!(done(&verified).remote_id.as_deref(), Some("id-1"));
        assert_eq!((stage.model.sent("POST"), stage.model.len()), (1, 1));
    }
}

#[tokio::test]
async fn a_lost_request_is_sent_again_only_after_a_look() {
    let mut stage = Stage::create(Habits::default());
    stage.model.fault(Method::Post, Fault::RequestLost);
    assert!(is_unknown(&stage.perform().await));
    assert_eq!(retried(&stage.verify(Span::from_secs(2)).await).class, FailureClass::Server);
    assert_eq!(stage.model.sent("POST"), 1);
}

#[tokio::test]
async fn where_names_are_not_unique_a_lost_create_is_waited_for() {
    let mut stage = Stage::create(Habits::default());
    stage.spec.connector.users.username_unique = false;
    assert!(is_unknown(&stage.verify(Span::from_secs(5)).await));
    retried(&stage.verify(Span::from_secs(60)).await);
}

#[tokio::test]
async fn where_names_are_not_unique_each_create_has_its_lookup() {
    let mut stage = Stage::create(habits(|habits| habits.duplicates = Duplicates::Accepted));
    stage.spec.connector.users.username_unique = false;
    stage.model.seed(json!({ "userName": "ann@example.com" }), start());
    conflict(&stage.perform().await);
    assert_eq!(stage.model.sent("POST"), 0);
}

#[tokio::test]
async fn an_older_account_without_external_id_is_never_taken_for_ours() {
    let mut stage = Stage::create(habits(|habits| habits.keeps_external_id = false));
    stage.model.seed(json!({ "userName": "ann@example.com" }), start());
    stage.model.clock.advance(Span::from_hours(1));
    assert!(conflict(&stage.verify(Span::from_secs(5)).await).detail.contains("older"));
    // Nor one whose age the target does not tell, nor one that may have been there before.
    for change in [true, false] {
        let mut stage = Stage::create(habits(|habits| {
            habits.keeps_external_id = false;
            habits.shows_created = change;
        }));
        if change {
            stage.account.observation = Observation::Unknown;
        }
        stage.model.seed(json!({ "userName": "ann@example.com" }), start());
        conflict(&stage.verify(Span::from_secs(5)).await);
    }
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_and_never_unknown() {
    let mut stage = Stage::create(Habits::default());
    stage.model.fault(Method::Post, Fault::NotSent);
    assert_eq!(retried(&stage.perform().await).class, FailureClass::Endpoint);
}

#[tokio::test]
async fn a_web_page_with_200_is_no_success() {
    for kind in [Kind::Create, Kind::Update, Kind::Deactivate] {
        let (mut stage, method) = match kind {
            Kind::Create => (Stage::create(Habits::default()), Method::Post),
            _ => (Stage::on_account(kind, Habits::default(), ""), Method::Patch),
        };
        if kind == Kind::Update {
            stage.changes(&[("displayName", Some("Ann"), Some("Anna"))]);
        }
        stage.model.fault(method, Fault::Instead(200, "<!doctype html><p>Welcome</p>".to_owned()));
        let performed = stage.perform().await;
        assert_eq!(retried(&performed).class, FailureClass::NotScim, "{kind}");
        assert!(retried(&performed).detail.contains("Welcome"), "{}", retried(&performed).detail);
    }
}

#[tokio::test]
async fn a_403_is_the_credential_only_if_reading_is_forbidden_too() {
    let mut stage = Stage::create(Habits::default());
    stage.model.fault(Method::Post, Fault::Instead(403, "{}".to_owned()));
    assert_eq!(failed(&stage.perform().await).class, FailureClass::Refused);
    stage.model.fault(Method::Post, Fault::Instead(403, "{}".to_owned()));
    stage.model.fault(Method::Get, Fault::Instead(403, "{}".to_owned()));
    assert_eq!(retried(&stage.perform().await).class, FailureClass::Credential);
}

#[tokio::test]
async fn too_many_requests_are_retried_and_slow_the_app_down() {
    let mut stage = Stage::create(Habits::default());
    stage.throttle = usher::engine::perform::Throttle::between(10.0, 50.0);
    stage.model.fault(Method::Post, Fault::Instead(429, "busy".to_owned()));
    assert_eq!(retried(&stage.perform().await).class, FailureClass::RateLimited);
    assert_eq!(stage.throttle.rate(Class::Write), Some(5.0));
    assert_eq!(stage.throttle.rate(Class::Deactivation), Some(10.0), "each class has its own");
}

#[tokio::test]
async fn a_create_is_given_up_after_a_week_and_a_deactivation_never() {
    let mut stage = Stage::create(Habits::default());
    stage.model.clock.advance(Span::from_days(8));
    stage.model.fault(Method::Post, Fault::NotSent);
    assert_eq!(failed(&stage.perform().await).class, FailureClass::Endpoint);
    let mut stage = Stage::on_account(Kind::Deactivate, Habits::default(), "");
    stage.model.clock.advance(Span::from_days(80));
    stage.model.fault(Method::Patch, Fault::Instead(422, r#"{"detail":"last admin"}"#.to_owned()));
    let performed = stage.perform().await;
    assert_eq!(retried(&performed).class, FailureClass::Refused);
    let Outcome::Retry { due, .. } = performed.outcome else { panic!() };
    let hours = due.millis_since(start().plus(Span::from_days(80))) / 3_600_000;
    assert!((19..=29).contains(&hours), "{hours}");
}

#[tokio::test]
async fn an_update_is_read_back_the_first_time_and_then_no_more() {
    let mut stage = Stage::on_account(Kind::Update, Habits::default(), "");
    stage.changes(&[("displayName", Some("Ann"), Some("Anna")), ("title", Some("set by hand"), None)]);
    let first = stage.perform().await;
    done(&first);
    assert_eq!((stage.model.sent("PATCH"), stage.model.sent("GET")), (1, 1));
    let body = stage.model.state.lock().unwrap().bodies[0].clone();
    assert_eq!(
        body,
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
            { "op": "replace", "path": "displayName", "value": "Anna" }, { "op": "remove", "path": "title" }] })
    );
    stage.learned = absorb(&stage.learned, stage.learned.basis, &first.lessons).unwrap();
    stage.changes(&[("displayName", Some("Anna"), Some("Anne"))]);
    done(&stage.perform().await);
    assert_eq!((stage.model.sent("PATCH"), stage.model.sent("GET")), (2, 1));
}

#[tokio::test]
async fn where_paths_change_nothing_the_form_without_paths_is_used_and_remembered() {
    let mut stage = Stage::on_account(Kind::Update, habits(|habits| habits.ignores_paths = true), "");
    stage.changes(&[("displayName", Some("Ann"), Some("Anna"))]);
    let first = stage.perform().await;
    done(&first);
    assert_eq!(stage.model.account(stage.remote_id()).unwrap()["displayName"], "Anna");
    assert!(first.lessons.contains(&Lesson::DeadForm("displayName".to_owned())));
    stage.learned = absorb(&stage.learned, stage.learned.basis, &first.lessons).unwrap();
    stage.changes(&[("displayName", Some("Anna"), Some("Anne"))]);
    let patches = stage.model.sent("PATCH");
    done(&stage.perform().await);
    assert_eq!(stage.model.sent("PATCH"), patches + 1);
}

#[tokio::test]
async fn a_change_that_never_takes_is_not_called_a_success() {
    let mut stage = Stage::on_account(Kind::Update, habits(|habits| habits.ignores_patch = true), "");
    stage.changes(&[("displayName", Some("Ann"), Some("Anna"))]);
    assert_eq!(failed(&stage.perform().await).class, FailureClass::NotEffective);
    let mut stage = Stage::on_account(Kind::Deactivate, habits(|habits| habits.ignores_patch = true), "");
    assert_eq!(retried(&stage.perform().await).class, FailureClass::NotEffective);
}

#[tokio::test]
async fn a_put_carries_back_what_is_writable_and_not_ours() {
    let mut stage =
        Stage::on_account(Kind::Update, Habits::default(), "[users]\nupdate = \"put\"\nid_in_body = true\n");
    stage.changes(&[("displayName", Some("Ann"), Some("Anna"))]);
    done(&stage.perform().await);
    let body = stage.model.state.lock().unwrap().bodies[0].clone();
    assert_eq!((&body["title"], &body["displayName"]), (&json!("set by hand"), &json!("Anna")));
    assert_eq!((&body["active"], &body["id"]), (&json!(true), &json!(stage.remote_id())));
    assert!(body.get("groups").is_none() && body.get("meta").is_none());
}

#[tokio::test]
async fn discovery_without_patch_makes_updates_a_put() {
    let mut stage = Stage::on_account(Kind::Update, Habits::default(), "");
    stage.learned.patch_supported = Some(false);
    stage.changes(&[("displayName", Some("Ann"), Some("Anna"))]);
    done(&stage.perform().await);
    assert_eq!((stage.model.sent("PUT"), stage.model.sent("PATCH")), (1, 0));
}

#[tokio::test]
async fn a_reactivation_brings_attributes_first_or_together() {
    for (connector, patches) in [("", 1), ("[users]\npatch_style = \"single\"\n", 2)] {
        let mut stage = Stage::on_account(Kind::Reactivate, habits(|habits| habits.active_as_text = true), connector);
        stage.changes(&[("displayName", Some("Ann"), Some("Anna"))]);
        done(&stage.perform().await);
        let bodies = stage.model.state.lock().unwrap().bodies.clone();
        assert_eq!(bodies.len(), patches);
        let last = bodies.last().unwrap()["Operations"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last, json!({ "op": "replace", "path": "active", "value": true }));
    }
}

#[tokio::test]
async fn a_leavers_account_that_is_gone_is_a_success_and_an_active_users_is_lost() {
    for kind in [Kind::Deactivate, Kind::Delete, Kind::Update, Kind::Reactivate] {
        let mut stage = Stage::on_account(kind, Habits::default(), "");
        stage.changes(if kind == Kind::Update { &[("displayName", Some("Ann"), Some("Anna"))] } else { &[] });
        stage.model.state.lock().unwrap().accounts.clear();
        let performed = stage.perform().await;
        if kind.is_leaving() {
            assert!(done(&performed).note.contains("already gone"));
        } else {
            assert!(matches!(performed.outcome, Outcome::Lost(_)), "{kind}");
        }
        let searched = stage.model.log().iter().any(|line| line.contains("filter="));
        assert!(searched && stage.model.sent("GET") >= 2, "{:?}", stage.model.log());
    }
}

#[tokio::test]
async fn a_404_for_an_account_that_is_there_concludes_nothing() {
    let mut stage = Stage::on_account(Kind::Deactivate, Habits::default(), "");
    stage.model.fault(Method::Patch, Fault::Instead(404, String::new()));
    assert_eq!(retried(&stage.perform().await).class, FailureClass::Server);
    stage.model.fault(Method::Patch, Fault::Instead(404, String::new()));
    stage.model.fault(Method::Get, Fault::Instead(404, String::new()));
    assert_eq!(retried(&stage.perform().await).class, FailureClass::Server);
}

#[tokio::test]
async fn a_delete_that_says_200_is_looked_after() {
    let mut stage = Stage::on_account(Kind::Delete, habits(|habits| habits.delete_status = 200), "");
    stage.model.fault(Method::Delete, Fault::Instead(200, "{}".to_owned()));
    assert!(retried(&stage.perform().await).detail.contains("still shows"));
    done(&stage.perform().await);
    // A second one on the same account is answered with 500.
    stage.model.fault(Method::Delete, Fault::Instead(500, String::new()));
    done(&stage.perform().await);
}

#[tokio::test]
async fn deactivation_is_a_delete_where_the_connector_says_so() {
    let mut stage =
        Stage::on_account(Kind::Deactivate, Habits::default(), "[users]\ndeactivate = \"delete\"\ndelete = false\n");
    done(&stage.perform().await);
    assert_eq!(stage.model.log()[0], format!("DELETE /Users/{}", stage.remote_id()));
}

#[tokio::test]
async fn unknown_updates_and_deactivations_are_found_out_by_reading() {
    for kind in [Kind::Update, Kind::Deactivate, Kind::Reactivate] {
        for (fault, carried_out) in [(Fault::AnswerLost, true), (Fault::RequestLost, false)] {
            let mut stage = Stage::on_account(kind, Habits::default(), "");
            stage.changes(if kind == Kind::Update { &[("displayName", Some("Ann"), Some("Anna"))] } else { &[] });
            stage.model.fault(Method::Patch, fault);
            assert!(is_unknown(&stage.perform().await));
            let verified = stage.verify(Span::from_secs(3)).await;
            if carried_out {
                done(&verified);
            } else {
                retried(&verified);
            }
            assert_eq!(stage.model.sent("PATCH"), 1);
        }
    }
    let mut stage = Stage::on_account(Kind::Delete, Habits::default(), "");
    stage.model.fault(Method::Delete, Fault::AnswerLost);
    assert!(is_unknown(&stage.perform().await));
    done(&stage.verify(Span::from_secs(3)).await);
}

#[tokio::test]
async fn a_rename_in_place_keeps_the_id() {
    let mut stage = Stage::on_account(Kind::Rename, Habits::default(), "");
    stage.changes(&[("userName", Some("ann@example.com"), Some("ann.b@example.com"))]);
    std::sync::Arc::make_mut(&mut stage.event.operation).user_name = "ann.b@example.com".to_owned();
    assert_eq!(done(&stage.perform().await).remote_id.as_deref(), Some(stage.remote_id()));
}

#[tokio::test]
async fn a_rename_is_refused_where_names_never_change() {
    let mut stage = Stage::on_account(Kind::Rename, Habits::default(), "[users]\nusername_change = \"never\"\n");
    stage.changes(&[("userName", Some("ann@example.com"), Some("ann.b@example.com"))]);
    assert_eq!(failed(&stage.perform().await).class, FailureClass::Refused);
    assert!(stage.model.log().is_empty());
}

#[tokio::test]
async fn a_link_reads_and_writes_nothing() {
    let mut stage = Stage::on_account(Kind::Link, Habits::default(), "");
    stage.account.origin = None;
    stage.account.presence = usher::provision::account::Presence::None;
    let performed = stage.perform().await;
    assert_eq!(done(&performed).found["displayName"], "Ann".into());
    assert_eq!(stage.model.log(), [format!("GET /Users/{}", stage.remote_id())]);
}

#[tokio::test]
async fn a_conversation_can_be_spawned() {
    fn sendable<T: Send>(value: T) -> T {
        value
    }
    let mut stage = Stage::create(Habits::default());
    done(&sendable(stage.perform()).await);
    let mut stage = Stage::create(Habits::default());
    sendable(stage.verify(Span::from_secs(1))).await;
}

fn renaming() -> Stage {
    let habits = habits(|habits| habits.replaces = true);
    let mut stage = Stage::on_account(Kind::Rename, habits, "[users]\nusername_change = \"replaces\"\n");
    stage.changes(&[("userName", Some("ann@example.com"), Some("ann.b@example.com"))]);
    std::sync::Arc::make_mut(&mut stage.event.operation).user_name = "ann.b@example.com".to_owned();
    stage
}

#[tokio::test]
async fn a_rename_that_replaces_links_the_new_account_and_reads_the_old_one() {
    let mut stage = renaming();
    let performed = stage.perform().await;
    let done = done(&performed);
    assert_eq!((done.remote_id.as_deref(), done.replaced.as_deref()), (Some("id-2"), Some("id-1")));
    assert!(done.note.contains("inactive"));
    assert!(usher::engine::perform::is_retired(stage.context(), "id-1").await.unwrap());
    assert!(!usher::engine::perform::is_retired(stage.context(), "id-2").await.unwrap());
}

#[tokio::test]
async fn a_rename_that_replaces_is_found_out_after_a_lost_answer() {
    let mut stage = renaming();
    stage.model.fault(Method::Patch, Fault::AnswerLost);
    assert!(is_unknown(&stage.perform().await));
    assert_eq!(done(&stage.verify(Span::from_secs(3)).await).remote_id.as_deref(), Some("id-2"));
    let mut stage = renaming();
    stage.model.fault(Method::Patch, Fault::After(503, String::new()));
    assert!(is_unknown(&stage.perform().await));
    assert_eq!(done(&stage.verify(Span::from_secs(3)).await).remote_id.as_deref(), Some("id-2"));
    let mut stage = renaming();
    stage.model.fault(Method::Patch, Fault::RequestLost);
    assert!(is_unknown(&stage.perform().await));
    assert!(is_unknown(&stage.verify(Span::from_secs(3)).await));
    retried(&stage.verify(Span::from_secs(60)).await);
}

#[tokio::test]
async fn a_rename_that_replaces_does_not_take_an_account_that_had_the_name() {
    let mut stage = renaming();
    stage.model.seed(json!({ "userName": "ann.b@example.com" }), start());
    conflict(&stage.perform().await);
    // Nor after a crash before anything was looked up.
    stage.model.clock.advance(Span::from_hours(1));
    conflict(&stage.verify(Span::from_secs(60)).await);
    assert_eq!(stage.model.sent("PATCH"), 0);
}

#[tokio::test]
async fn bodies_are_what_the_connector_says() {
    let connector = r#"
        [users]
        strip = "<>"
        active_on_create = false
        [attributes.displayName]
        length_max = 5
        [attributes.roles]
        patch_path = 'roles[primary eq "True"].value'
        fallback = [{ primary = true, value = "GUEST" }]
    "#;
    let admin = r#"[{ "primary": true, "value": "ADMIN" }]"#;
    let admin: usher::directory::value::Value = serde_json::from_str(admin).unwrap();
    let department = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
    let mut stage = Stage::new(Kind::Create, Habits::default(), connector);
    stage.account.observation = Observation::Absent { at: start() };
    stage.changes(&[
        ("userName", None, Some("ann@example.com")),
        ("displayName", None, Some("<Ann> Archer")),
        ("name.givenName", None, Some("Ann")),
        ("roles", None, None),
        (department, None, Some("Sales")),
    ]);
    std::sync::Arc::make_mut(&mut stage.event.operation).changes[3].new = Some(admin.clone());
    done(&stage.perform().await);
    let body = stage.model.state.lock().unwrap().bodies[0].clone();
    assert_eq!(body["schemas"][1], department.strip_suffix(":department").unwrap());
    assert_eq!(body[department.strip_suffix(":department").unwrap()], json!({ "department": "Sales" }));
    assert_eq!((&body["displayName"], &body["name"]), (&json!("Ann A"), &json!({ "givenName": "Ann" })));
    assert!(body.get("active").is_none());

    for (new, sent) in [(Some(admin.clone()), "ADMIN"), (None, "GUEST")] {
        let mut stage = Stage::on_account(Kind::Update, Habits::default(), connector);
        stage.learned.proven_patch_paths.insert("roles".to_owned());
        stage.changes(&[("roles", None, None)]);
        std::sync::Arc::make_mut(&mut stage.event.operation).changes[0].new = new;
        done(&stage.perform().await);
        let operation = stage.model.state.lock().unwrap().bodies[0]["Operations"][0].clone();
        let path = r#"roles[primary eq "True"].value"#;
        assert_eq!(operation, json!({ "op": "replace", "path": path, "value": sent }));
    }
}

#[tokio::test]
async fn without_paths_everything_is_one_object_and_removals_keep_theirs() {
    let mut stage = Stage::on_account(Kind::Update, Habits::default(), "[users]\npatch_style = \"no_path\"\n");
    stage.changes(&[("displayName", Some("Ann"), Some("Anna")), ("title", Some("set by hand"), None)]);
    done(&stage.perform().await);
    let operations = stage.model.state.lock().unwrap().bodies[0]["Operations"].clone();
    let expected =
        json!([{ "op": "replace", "value": { "displayName": "Anna" } }, { "op": "remove", "path": "title" }]);
    assert_eq!(operations, expected);
}

#[tokio::test]
async fn every_fault_at_every_request_ends_with_one_account_or_a_reason() {
    let faults = [
        Fault::NotSent,
        Fault::RequestLost,
        Fault::AnswerLost,
        Fault::Instead(503, String::new()),
        Fault::After(503, String::new()),
        Fault::After(500, "<html>".to_owned()),
        Fault::Instead(429, String::new()),
        Fault::After(201, "<html>".to_owned()),
        Fault::After(202, String::new()),
    ];
    let reads = [None, Some(Fault::NotSent), Some(Fault::RequestLost), Some(Fault::Instead(500, String::new()))];
    for fault in &faults {
        for read in &reads {
            for keeps_external_id in [true, false] {
                let mut stage = Stage::create(habits(|habits| habits.keeps_external_id = keeps_external_id));
                stage.model.fault(Method::Post, fault.clone());
                if let Some(read) = read {
                    stage.model.fault(Method::Get, read.clone());
                }
                let rounds = until_done(&mut stage).await.unwrap();
                assert!(rounds <= 5, "{fault:?} {read:?}");
                assert_eq!(stage.model.len(), 1, "{fault:?} {read:?} {keeps_external_id}");
            }
        }
    }
}
