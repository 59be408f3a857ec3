//! Rules: microseconds for one user on one core, beside a plain-Rust equivalent measured in the same rounds.
//!
//! `cargo bench --bench rules`. Many short rounds, each over the same users for every row; the median round counts.
#![expect(clippy::unwrap_used, reason = "a bench that unwraps says what it expected")]
#![expect(clippy::print_stdout, reason = "the table is the result")]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::Instant;

use usher::clock::Timestamp;
use usher::directory::{User, Value};
use usher::id::{SourceName, UserId};
use usher::provision::desired::Wanted;
use usher::rules::{Rules, Subject};

const USERS: usize = 2_000;
/// Users of one round: short, so that few rounds are interrupted on a busy machine.
const SLICE: usize = 100;
const ROUNDS: usize = 400;
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Thirteen attributes, as an admin would write them.
const ACCOUNT: &str = r#"
fn account(user) {
    #{
        userName: user.email,
        externalId: user.external_id,
        displayName: user.display_name ?? `${user.given_name} ${user.family_name}`,
        name: #{ givenName: user.given_name, familyName: user.family_name },
        title: user.title,
        userType: if user.has_role("contractor") { "Contractor" } else { "Employee" },
        preferredLanguage: create_only(user.preferred_language),
        locale: user.locale ?? "en-US",
        timezone: create_only(switch user.country {
            "United States" => "America/New_York",
            "Netherlands" => "Europe/Amsterdam",
            _ => "Asia/Tokyo",
        }),
        emails: [#{ value: lower(user.email), type: "work", primary: true }],
        roles: if user.app_role == () { create_only([#{ primary: true, value: "GUEST" }]) }
               else { [#{ primary: true, value: user.app_role }] },
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": #{ department: user.department },
    }
}
"#;
const AROUND: &str = r#"
fn in_scope(user) { user.email != () && user.department != "Contractors" }
fn entitlements(user) {
    let wanted = [];
    if user.department == "Sales" { wanted.push(grant("group", "Sales and Marketing")); }
    wanted
}
"#;

fn main() {
    let users: Vec<User> = (0..USERS).map(person).collect();
    let account = Rules::from_source("bench.rhai", ACCOUNT, &[]).unwrap();
    let whole = Rules::from_source("bench.rhai", ACCOUNT, &[]).unwrap().unsplit();
    let all = Rules::from_source("bench.rhai", &format!("{AROUND}{ACCOUNT}"), &[]).unwrap();
    let mut rows: [(&str, Vec<f64>); 4] = [
        ("account, 13 attributes", Vec::new()),
        ("account, 13 attributes, not split", Vec::new()),
        ("in_scope, account and entitlements", Vec::new()),
        ("the account in plain Rust", Vec::new()),
    ];
    for users in users.chunks(SLICE).cycle().take(ROUNDS) {
        rows[0].1.push(round(users, |user| evaluate(&account, user)));
        rows[1].1.push(round(users, |user| evaluate(&whole, user)));
        rows[2].1.push(round(users, |user| evaluate(&all, user)));
        rows[3].1.push(round(users, plain));
    }
    assert_eq!(evaluate(&account, &users[1]), 13);
    assert_eq!(plain(&users[1]), 13);
    let medians = rows.map(|(name, mut micros)| {
        micros.sort_by(f64::total_cmp);
        (name, micros[0], micros[ROUNDS / 2])
    });
    let base = medians[3].2;
    println!("{:<38} {:>10} {:>10} {:>10}", "rules, one core", "best", "median", "ratio");
    for (name, best, median) in medians {
        println!("{name:<38} {best:>7.2} µs {median:>7.2} µs {:>9.1}x", median / base);
    }
}

/// Microseconds a user.
fn round(users: &[User], work: impl Fn(&User) -> usize) -> f64 {
    let started = Instant::now();
    for user in users {
        black_box(work(black_box(user)));
    }
    started.elapsed().as_secs_f64() * 1e6 / users.len() as f64
}

fn evaluate(rules: &Rules, user: &User) -> usize {
    let subject = Subject {
        user,
        roles: &user.roles,
        app_role: Some("USER"),
        external_id: "ins_1:usr_1",
        manager: None,
        overrides: &BTreeMap::new(),
    };
    rules.evaluate(&subject).unwrap().desired.map_or(0, |desired| desired.attributes.len())
}

fn plain(user: &User) -> usize {
    let wanted = |value: Option<Value>| Wanted { value, create_only: false, deferred: false };
    let once = |value: Option<Value>| Wanted { value, create_only: true, deferred: false };
    let text = |name: &str| user.text(name).map(Value::from);
    let object = |parts: &[(&str, Value)]| {
        Value::Object(parts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    };
    let display = text("display_name").or_else(|| {
        Some(format!("{} {}", user.text("given_name").unwrap_or(""), user.text("family_name").unwrap_or("")).into())
    });
    let zone = match user.text("country") {
        Some("United States") => "America/New_York",
        Some("Netherlands") => "Europe/Amsterdam",
        _ => "Asia/Tokyo",
    };
    let kind = if user.roles.contains("contractor") { "Contractor" } else { "Employee" };
    let email = user.text("email").unwrap_or("").to_lowercase();
    let mail = object(&[("value", email.into()), ("type", "work".into()), ("primary", true.into())]);
    let role = object(&[("primary", true.into()), ("value", "USER".into())]);
    let account = BTreeMap::from([
        ("userName".to_owned(), wanted(text("email"))),
        ("externalId".to_owned(), wanted(Some("ins_1:usr_1".into()))),
        ("displayName".to_owned(), wanted(display)),
        ("name.givenName".to_owned(), wanted(text("given_name"))),
        ("name.familyName".to_owned(), wanted(text("family_name"))),
        ("title".to_owned(), wanted(text("title"))),
        ("userType".to_owned(), wanted(Some(kind.into()))),
        ("preferredLanguage".to_owned(), once(text("preferred_language"))),
        ("locale".to_owned(), wanted(text("locale").or_else(|| Some("en-US".into())))),
        ("timezone".to_owned(), once(Some(zone.into()))),
        ("emails".to_owned(), wanted(Some(Value::List(vec![mail])))),
        ("roles".to_owned(), wanted(Some(Value::List(vec![role])))),
        (format!("{ENTERPRISE}:department"), wanted(text("department"))),
    ]);
    black_box(&account).len()
}

fn person(number: usize) -> User {
    let id = UserId(uuid::Uuid::from_u128(number as u128));
    let source = SourceName::new("hr").unwrap();
    let mut user = User::new(id, source, number.to_string(), Timestamp::from_millis(0));
    let department = ["Sales", "Engineering", "Support"][number % 3];
    let country = ["United States", "Netherlands", "Japan"][number % 3];
    for (name, value) in [
        ("email", format!("Person.{number}@example.com")),
        ("given_name", format!("Given{number}")),
        ("family_name", format!("Family{number}")),
        ("title", "Delivery boy".to_owned()),
        ("department", department.to_owned()),
        ("country", country.to_owned()),
        ("preferred_language", "en".to_owned()),
        ("employee_number", number.to_string()),
    ] {
        user.attributes.insert(name.to_owned(), value.into());
    }
    if number.is_multiple_of(2) {
        user.attributes.insert("display_name".to_owned(), format!("Given{number} Family{number}").into());
    }
    user.roles = BTreeSet::from(["employee".to_owned(), "crew".to_owned()]);
    user
}
