//! Rules: the sandbox holds, faults say where and what, and the account comes out as the script says.

use std::collections::{BTreeMap, BTreeSet};

use usher::clock::Timestamp;
use usher::directory::{Manager, RoleDefinition, User, Value};
use usher::id::{SourceName, UserId};
use usher::provision::Desired;
use usher::rules::{Evaluated, RuleError, RuleFault, Rules, Subject};

const FILE: &str = "rules/test.rhai";
const EXTERNAL_ID: &str = "ins_1:usr_1";

fn compile(source: &str) -> Result<Rules, RuleFault> {
    Rules::from_source(FILE, source, &[])
}

fn id(number: u128) -> UserId {
    UserId(uuid::Uuid::from_u128(number))
}

fn user(attributes: &[(&str, Value)]) -> User {
    let mut user = User::new(id(1), SourceName::new("hr").unwrap(), "fry".to_owned(), Timestamp::from_millis(0));
    user.attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    user
}

fn fry() -> User {
    let mut user = user(&[
        ("email", "fry@planetexpress.com".into()),
        ("given_name", "Philip".into()),
        ("family_name", "Fry".into()),
        ("department", "Delivering Crew".into()),
        ("custom.badge", 7.into()),
    ]);
    user.roles = BTreeSet::from(["crew".to_owned()]);
    user.groups = BTreeSet::from(["ship_crew".to_owned()]);
    user
}

fn evaluate_for(rules: &Rules, user: &User, manager: Option<&Manager>) -> Result<Evaluated, RuleError> {
    let overrides = BTreeMap::new();
    rules.evaluate(&Subject {
        user,
        roles: &user.roles,
        app_role: Some("GUEST"),
        external_id: EXTERNAL_ID,
        manager,
        overrides: &overrides,
    })
}

fn evaluate(source: &str) -> Result<Evaluated, RuleError> {
    evaluate_for(&compile(source).unwrap(), &fry(), None)
}

fn account(body: &str) -> Desired {
    evaluate(&format!("fn account(user) {{ {body} }}")).unwrap().desired.unwrap()
}

/// The fault of an expression in an account, wherever it is found.
fn fault(source: &str) -> RuleFault {
    match compile(source) {
        Err(fault) => fault,
        Ok(rules) => match evaluate_for(&rules, &fry(), None) {
            Err(error) => error.into_fault(),
            Ok(evaluated) => evaluated.entitlements.unwrap_err(),
        },
    }
}

/// Runs on a thread with the stack of a worker: 2 MiB. An overflow would end the whole test process.
fn on_two_mebibytes(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(std::env::var("STK").map_or(2048, |s| s.parse().unwrap()) * 1024)
        .spawn(work)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn an_account_map_becomes_flat_paths() {
    let desired = account(
        r#"#{
            userName: user.email,
            externalId: user.external_id,
            displayName: user.display_name ?? `${user.given_name} ${user.family_name}`,
            name: #{ givenName: user.given_name, familyName: user.family_name, middleName: user.middle_name },
            emails: [#{ value: user.email, primary: true }],
            title: "",
            preferredLanguage: create_only(user.preferred_language ?? "en"),
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": #{ department: user.department, manager: #{ value: ref(user.manager) } },
        }"#,
    );
    let text = |path: &str| desired.text(path);
    assert_eq!(text("userName"), Some("fry@planetexpress.com"));
    assert_eq!(text("externalId"), Some(EXTERNAL_ID));
    assert_eq!(text("displayName"), Some("Philip Fry"));
    assert_eq!(text("name.givenName"), Some("Philip"));
    assert_eq!(desired.attributes["name.middleName"].value, None);
    assert_eq!(desired.attributes["title"].value, None);
    assert!(desired.attributes["preferredLanguage"].create_only);
    assert_eq!(text("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"), Some("Delivering Crew"));
    assert!(
        desired.attributes.contains_key("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value")
    );
    assert!(matches!(&desired.attributes["emails"].value, Some(Value::List(items)) if items.len() == 1));
}

#[test]
fn hostile_scripts_end_with_a_fault_on_a_two_mebibyte_stack() {
    on_two_mebibytes(|| {
        for (what, source) in hostile() {
            let started = std::time::Instant::now();
            let fault = match compile(&source) {
                Err(fault) => format!("compile: {fault}"),
                Ok(rules) => match evaluate_for(&rules, &fry(), None) {
                    Err(error) => format!("{error}"),
                    Ok(_) => "ok".to_owned(),
                },
            };
            println!(
                "{what:30} {:>6} ms  {}",
                started.elapsed().as_millis(),
                fault.chars().take(150).collect::<String>()
            );
        }
    });
}

fn hostile() -> Vec<(&'static str, String)> {
    let in_account = |body: String| format!("fn account(user) {{ {body} }}");
    let chain = |link: &str, times: usize| link.repeat(times);
    vec![
        ("endless loop", in_account("loop {} #{}".into())),
        ("endless while", in_account("let x = 0; while true { x += 1; } #{}".into())),
        ("long plus", in_account(format!("let x = 1{}; #{{}}", chain("+1", 30_000)))),
        ("long or", in_account(format!("let x = true{}; #{{}}", chain("||false", 9_000)))),
        ("long coalesce", in_account(format!("let x = (){}; #{{}}", chain("??()", 15_000)))),
        ("long property chain", in_account(format!("let x = user{}; #{{}}", chain(".email", 10_000)))),
        ("long method chain", in_account(format!("let x = user.email{}; #{{}}", chain(".trim()", 9_000)))),
        ("long index chain", in_account(format!("let a = []; let x = a{}; #{{}}", chain("[0]", 20_000)))),
        ("else if", in_account(format!("if false {{}} {} #{{}}", chain("else if false {} ", 3_500)))),
        ("nested if", in_account(format!("{} {} #{{}}", chain("if true {", 7_000), chain("}", 7_000)))),
        ("nested blocks", in_account(format!("{} {} #{{}}", chain("{", 30_000), chain("}", 30_000)))),
        ("nested parens", in_account(format!("{}1{}; #{{}}", chain("(", 30_000), chain(")", 30_000)))),
        ("nested lists", in_account(format!("let x = {}{}; #{{}}", chain("[", 30_000), chain("]", 30_000)))),
        ("nested maps", in_account(format!("let x = {}1{}; #{{}}", chain("#{a:", 12_000), chain("}", 12_000)))),
        ("nots", in_account(format!("let x = {}true; #{{}}", chain("!", 60_000)))),
        ("minuses", in_account(format!("let x = {}1; #{{}}", chain("- ", 30_000)))),
        ("nested texts", in_account(format!("let x = {}1{}; #{{}}", chain("`${", 12_000), chain("}`", 12_000)))),
        ("nested functions in place", in_account(format!("let x = {}1; #{{}}", chain("|x|", 20_000)))),
        ("nested switch", in_account(format!("{}1{} #{{}}", chain("switch 1 { _ => ", 3_000), chain("}", 3_000)))),
        ("nested loops", in_account(format!("{}{} #{{}}", chain("while true {", 4_000), chain("}", 4_000)))),
        ("nested tries", in_account(format!("{}{} #{{}}", chain("try {", 5_000), chain("} catch {}", 5_000)))),
        ("recursion", "fn f(x) { f(x + 1) } fn account(user) { f(1) }".into()),
        ("wide recursion", "fn f(x) { f(x + 1) + f(x + 1) } fn account(user) { f(1) }".into()),
        ("doubling text", in_account("let s = \"x\"; loop { s += s; } #{}".into())),
        ("doubling list", in_account("let a = [1]; loop { a += a; } #{}".into())),
        ("growing list", in_account("let a = []; loop { a.push(1); } #{}".into())),
        ("growing map", in_account("let m = #{}; let i = 0; loop { m[`a${i}`] = 1; i += 1; } #{}".into())),
        ("list in itself", in_account("let a = []; loop { a = [a]; } #{}".into())),
        ("list pushed into itself", in_account("let a = []; loop { let b = []; b.push(a); a = b; } #{}".into())),
        ("map in itself", in_account("let m = #{}; loop { m = #{ m: m }; } #{}".into())),
        ("create_only in itself", in_account("let m = 1; loop { m = create_only([m]); } #{}".into())),
        ("replace bomb", in_account("let s = \"xxxxxxxxxxxxxxxx\"; for i in 0..10 { s = s.replace(\"x\", s); } #{}".into())),
        ("sort swallowing", in_account("let a = [3,2,1]; a.sort(|x, y| { loop {} }); #{}".into())),
        ("sort nonsense", in_account("let a = [3,2,1]; a.sort(|x, y| \"?\"); #{}".into())),
        ("closures in closures", in_account("let a = []; for i in 0..200 { a.push(i); } a.map(|x| { let b = []; for i in 0..200 { b.push(i); } b.map(|y| { let c = 0; for i in 0..200 { c += 1; } c }); x }); #{}".into())),
        ("swallowing with try", in_account("try { loop {} } catch { } #{}".into())),
        ("eval", in_account("eval(\"1\")".into())),
        ("Fn", in_account("Fn(\"account\").call(user)".into())),
        ("sleep", in_account("sleep(10); #{}".into())),
        ("print", in_account("print(\"x\"); #{}".into())),
        ("import", in_account("import \"x\" as x; #{}".into())),
        ("recursive closure arg", "fn f(x) { [1].map(|y| f(y)) } fn account(user) { f(1) }".into()),
        ("deep recursion", format!("fn f(x) {{ {}f(x+1){} }} fn account(user) {{ f(1) }}", "[".repeat(10), "]".repeat(10))),
        ("deep chain recursion", format!("fn f(x) {{ f(x+1){} }} fn account(user) {{ f(1) }}", "+1".repeat(30))),
        ("deep blocks recursion", format!("fn f(x) {{ {} f(x+1) {} }} fn account(user) {{ f(1) }}", "if true {".repeat(8), "}".repeat(8))),
        ("deep sort recursion", "fn f(x) { let a = [1,2]; a.sort(|p, q| { f(1); true }); a } fn account(user) { f(1) }".into()),
        ("deep switch recursion", format!("fn f(x) {{ {} f(x+1) {} }} fn account(user) {{ f(1) }}", "switch 1 { _ => ".repeat(6), "}".repeat(6))),
        ("deep text recursion", format!("fn f(x) {{ {} f(x+1) {} }} fn account(user) {{ f(1) }}", "`${".repeat(5), "}`".repeat(5))),
    ]
}

#[test]
fn roles_by_condition_join_those_of_the_source() {
    let role = |name: &str, when: &str| RoleDefinition { name: name.to_owned(), when: when.to_owned() };
    let rules = Rules::from_source(
        FILE,
        "fn account(user) { #{ userName: user.email } }",
        &[
            role("sales", "user.department == \"Sales\""),
            role("pilot", "user.in_group(\"ship_crew\") && user.custom.badge == 7"),
        ],
    )
    .unwrap();
    assert_eq!(rules.roles(&fry()).unwrap(), BTreeSet::from(["crew".to_owned(), "pilot".to_owned()]));
}
