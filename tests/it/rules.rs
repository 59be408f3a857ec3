//! Rules: the sandbox holds, faults say where and what, and the account comes out as the script says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use usher::clock::Timestamp;
use usher::connector::app::{App, AppSpec};
use usher::connector::descriptor::Connector;
use usher::directory::{Manager, RoleDefinition, User, Value};
use usher::id::{AppName, SourceName, UserId};
use usher::provision::Desired;
use usher::rules::{Evaluated, ExampleOutcome, RuleError, RuleFault, Rules, Subject, builtin, check_examples};

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

/// As the engine does, without a fuse.
fn evaluate_for(rules: &Rules, user: &User, manager: Option<&Manager>) -> Result<Evaluated, RuleError> {
    let overrides = BTreeMap::new();
    let subject = Subject {
        user,
        roles: &user.roles,
        app_role: Some("GUEST"),
        external_id: EXTERNAL_ID,
        manager,
        overrides: &overrides,
    };
    // No fuse: on a busy machine it would blow now and then.
    rules.evaluate_within(&subject, Duration::from_secs(600))
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
    std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(work).unwrap().join().unwrap();
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
        for (what, source, says) in hostile() {
            let fault = fault(&source);
            assert!(fault.message.contains(says), "{what}: {fault}");
            assert_eq!(fault.line, 1, "{what}: {fault}");
        }
        for (what, source) in deepest() {
            let fault = fault(&source);
            assert!(fault.message.contains("16 levels deep"), "{what}: {fault}");
        }
    });
}

/// Name, script, and what its fault says.
fn hostile() -> Vec<(&'static str, String, &'static str)> {
    let in_account = |body: String| format!("fn account(user) {{ {body} }}");
    let chain = |link: &str, times: usize| link.repeat(times);
    vec![
        ("endless loop", in_account("loop {} #{}".into()), "50000 operations"),
        ("endless while", in_account("let x = 0; while true { x += 1; } #{}".into()), "50000 operations"),
        ("long plus", in_account(format!("let x = 1{}; #{{}}", chain("+1", 30_000))), "nested too deeply"),
        ("long or", in_account(format!("let x = true{}; #{{}}", chain("||false", 9_000))), "nested too deeply"),
        ("long coalesce", in_account(format!("let x = (){}; #{{}}", chain("??()", 15_000))), "nested too deeply"),
        ("long property chain", in_account(format!("let x = user{}; #{{}}", chain(".email", 10_000))), "nested too deeply"),
        ("long method chain", in_account(format!("let x = user.email{}; #{{}}", chain(".trim()", 9_000))), "nested too deeply"),
        ("long index chain", in_account(format!("let a = []; let x = a{}; #{{}}", chain("[0]", 20_000))), "nested too deeply"),
        ("else if", in_account(format!("if false {{}} {} #{{}}", chain("else if false {} ", 3_500))), "nested too deeply"),
        ("nested if", in_account(format!("{} {} #{{}}", chain("if true {", 6_000), chain("}", 6_000))), "nested too deeply"),
        ("nested blocks", in_account(format!("{} {} #{{}}", chain("{", 30_000), chain("}", 30_000))), "nested too deeply"),
        ("nested parens", in_account(format!("{}1{}; #{{}}", chain("(", 30_000), chain(")", 30_000))), "nested too deeply"),
        ("nested lists", in_account(format!("let x = {}{}; #{{}}", chain("[", 30_000), chain("]", 30_000))), "nested too deeply"),
        ("nested maps", in_account(format!("let x = {}1{}; #{{}}", chain("#{a:", 12_000), chain("}", 12_000))), "nested too deeply"),
        ("nots", in_account(format!("let x = {}true; #{{}}", chain("!", 60_000))), "nested too deeply"),
        ("minuses", in_account(format!("let x = {}1; #{{}}", chain("- ", 30_000))), "nested too deeply"),
        ("nested texts", in_account(format!("let x = {}1{}; #{{}}", chain("`${", 12_000), chain("}`", 12_000))), "nested too deeply"),
        ("nested functions in place", in_account(format!("let x = {}1; #{{}}", chain("|x|", 20_000))), "anonymous function"),
        ("nested switch", in_account(format!("{}1{} #{{}}", chain("switch 1 { _ => ", 3_000), chain("}", 3_000))), "nested too deeply"),
        ("nested loops", in_account(format!("{}{} #{{}}", chain("while true {", 4_000), chain("}", 4_000))), "nested too deeply"),
        ("nested tries", in_account(format!("{}{} #{{}}", chain("try {", 4_000), chain("} catch {}", 4_000))), "nested too deeply"),
        ("recursion", "fn f(x) { f(x + 1) } fn account(user) { f(1) }".into(), "16 levels"),
        ("wide recursion", "fn f(x) { f(x + 1) + f(x + 1) } fn account(user) { f(1) }".into(), "16 levels"),
        ("doubling text", in_account("let s = \"x\"; loop { s += s; } #{}".into()), "over the limit"),
        ("doubling list", in_account("let a = [1]; loop { a += a; } #{}".into()), "over the limit"),
        ("growing list", in_account("let a = []; loop { a.push(1); } #{}".into()), "over the limit"),
        ("growing map", in_account("let m = #{}; let i = 0; loop { m[`a${i}`] = 1; i += 1; } #{}".into()), "50000 operations"),
        ("list in itself", in_account("let a = []; loop { a = [a]; } #{}".into()), "over the limit"),
        ("list pushed into itself", in_account("let a = []; loop { let b = []; b.push(a); a = b; } #{}".into()), "over the limit"),
        ("map in itself", in_account("let m = #{}; loop { m = #{ m: m }; } #{}".into()), "over the limit"),
        ("create_only in itself", in_account("let m = 1; loop { m = create_only([m]); } #{}".into()), "around the whole"),
        ("replace bomb", in_account("let s = \"xxxxxxxxxxxxxxxx\"; for i in 0..10 { s = s.replace(\"x\", s); } #{}".into()), "a text of"),
        ("sort swallowing", in_account("let a = [3,2,1]; a.sort(|x, y| { loop {} }); #{}".into()), "50000 operations"),
        ("sort nonsense", in_account("let a = [3,2,1]; a.sort(|x, y| \"?\"); #{}".into()), "must answer"),
        ("closures in closures", in_account("let a = []; for i in 0..200 { a.push(i); } a.map(|x| { let b = []; for i in 0..200 { b.push(i); } b.map(|y| { let c = 0; for i in 0..200 { c += 1; } c }); x }); #{}".into()), "50000 operations"),
        ("swallowing with try", in_account("try { loop {} } catch { } #{}".into()), "50000 operations"),
        ("eval", in_account("eval(\"1\")".into()), "`eval` can't"),
        ("Fn", in_account("Fn(\"account\").call(user)".into()), "`Fn` can't"),
        ("sleep", in_account("sleep(10); #{}".into()), "unknown function `sleep`"),
        ("print", in_account("print(\"x\"); #{}".into()), "`print` can't"),
        ("import", in_account("import \"x\" as x; #{}".into()), "`import` can't"),
        ("recursive closure arg", "fn f(x) { [1].map(|y| f(y)) } fn account(user) { f(1) }".into(), "16 levels"),
    ]
}

/// For each way to nest, the deepest that still compiles, calling itself at its deepest place.
fn deepest() -> Vec<(&'static str, String)> {
    let ways: [(&str, &str, &str); 12] = [
        ("lists", "[", "]"),
        ("maps", "#{ a: ", "}"),
        ("parentheses", "(1 + ", ")"),
        ("sums", "", " + 1"),
        ("ors", "", " || true"),
        ("blocks", "if true {", "} else { 1 }"),
        ("switches", "switch 1 { 1 => ", ", _ => 1 }"),
        ("texts", "`${", "}`"),
        ("loops", "while true {", "; break; }"),
        ("callbacks", "[1].map(|y| ", ")"),
        ("sorts", "[1, 2].sort(|p, q| ", ")"),
        ("tries", "try {", "} catch { }"),
    ];
    ways.into_iter()
        .map(|(what, open, close)| {
            let script = |depth: usize| {
                format!("fn f(x) {{ {} f(1) {} }} fn account(user) {{ f(1) }}", open.repeat(depth), close.repeat(depth))
            };
            let depth = (1..64).take_while(|depth| compile(&script(*depth)).is_ok()).last().unwrap();
            (what, script(depth))
        })
        .collect()
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

#[test]
fn a_reference_to_a_manager_is_his_account_or_deferred() {
    let rules =
        compile("fn account(user) { #{ manager: #{ value: ref(user.manager) }, title: user.manager?.display_name } }")
            .unwrap();
    let boss = |remote_id: Option<&str>| Manager {
        user: id(2),
        label: "Hermes".to_owned(),
        email: None,
        remote_id: remote_id.map(str::to_owned),
    };
    let manager = |boss: Option<&Manager>| {
        evaluate_for(&rules, &fry(), boss).unwrap().desired.unwrap().attributes["manager.value"].clone()
    };
    assert_eq!(manager(Some(&boss(Some("r-7")))).value, Some("r-7".into()));
    let deferred = manager(Some(&boss(None)));
    assert!(deferred.deferred && deferred.value.is_none());
    let none = manager(None);
    assert!(!none.deferred && none.value.is_none());
}

#[test]
fn overrides_of_the_assignment_win_over_the_users_attributes() {
    let rules = compile("fn account(user) { #{ a: user.email, b: user.custom.badge, c: user.department } }").unwrap();
    let user = fry();
    let overrides = BTreeMap::from([
        ("email".to_owned(), Some("philip@planetexpress.com".into())),
        ("custom.badge".to_owned(), Some(8.into())),
        ("department".to_owned(), None),
    ]);
    let subject = Subject {
        user: &user,
        roles: &user.roles,
        app_role: None,
        external_id: EXTERNAL_ID,
        manager: None,
        overrides: &overrides,
    };
    let desired = rules.evaluate_patiently(&subject).unwrap().desired.unwrap();
    assert_eq!(desired.text("a"), Some("philip@planetexpress.com"));
    assert_eq!(desired.attributes["b"].value, Some(8.into()));
    assert_eq!(desired.attributes["c"].value, None);
}

#[test]
fn text_and_list_functions_do_what_they_say() {
    let cases = [
        (r#"lower("ÅB")"#, "åb"),
        (r#"ascii("Éva Müller Øst 花")"#, "Eva Mueller Ost "),
        (r#"user.email.before("@")"#, "fry"),
        (r#"after(user.email, "@")"#, "planetexpress.com"),
        (r#""a-b-c".replace("-", "+")"#, "a+b+c"),
        (r#""a,b,a".split(",").unique().join("/")"#, "a/b"),
        (r#"{ let a = ["b", "c", "a"]; a.sort(); a.join("") }"#, "abc"),
        (r#"{ let a = [1, 3, 2]; a.sort(|x, y| x > y); `${a[0]}${a[1]}${a[2]}` }"#, "321"),
        (r#"[user.given_name, (), user.family_name].join(" ")"#, "Philip Fry"),
        (r#"digits("+1 (212) 555")"#, "1212555"),
        (r#""planet".sub_string(1, 3)"#, "lan"),
        (r#"user.groups.map(|g| upper(g)).first()"#, "SHIP_CREW"),
        (r#"if "crew" in user.roles && user.in_group("ship_crew") { "yes" } else { "no" }"#, "yes"),
        (r#"user.title.upper() ?? "none""#, "none"),
        (r#"if user.title.starts_with("x") { "yes" } else { "no" }"#, "no"),
    ];
    for (expression, expected) in cases {
        assert_eq!(account(&format!("#{{ a: {expression} }}")).text("a"), Some(expected), "{expression}");
    }
}

#[test]
fn faults_name_line_column_and_what_was_expected() {
    let cases = [
        ("fn account(user) {\n  #{ userName: user.emial }\n}", 2, 21, "did you mean `user.email`"),
        ("fn account(user) {\n  #{ userName: user.givenName }\n}", 2, 21, "did you mean `user.given_name`"),
        ("fn account(user) { #{ a: user.manager.mail } }", 1, 39, "id, display_name, email"),
        ("fn account(user) {\n  #{ a: lowr(user.email) }\n}", 2, 9, "did you mean `lower`"),
        ("fn account(user) { #{ a: usr.email } }", 1, 26, "did you mean `user`"),
        ("fn account(user) { #{ a: user.roles.filter(|role| role != user.title) } }", 1, 59, "hand it over"),
        ("fn account(user) { #{ a: lower(user.email, 1) } }", 1, 26, "takes 1 value"),
        ("fn account(user) {\n  #{ a: 1,, }\n}", 2, 11, ""),
        ("fn acount(user) { #{} }", 0, 0, "is `fn acount` meant"),
        ("fn account(person) { #{} }", 1, 22, "fn account(user)"),
        ("let x = 1;\nfn account(user) { #{} }", 1, 1, "only functions"),
        ("fn account(user) {\n  user.email = \"x\";\n  #{}\n}", 2, 3, "can't change `user`"),
        ("fn account(user) { let user = 1; #{} }", 1, 24, "always the person"),
        ("fn account(user) {\n  #{ userName: user.email,\n     active: true }\n}", 3, 6, "`active` is the engine's"),
        ("fn account(user) { let m = #{}; m.Active = true; m }", 1, 20, "`active` is the engine's"),
        ("fn account(user) { #{ schemas: [] } }", 1, 23, "`schemas` is the engine's"),
        ("fn account(user) { #{ \"display name\": 1 } }", 1, 23, "not the name of an attribute"),
        ("fn account(user) { 7 }", 1, 20, "must return a map"),
        ("fn account(user) { }", 1, 1, "must return a map"),
        ("fn account(user) {\n  #{ a: |x| x }\n}", 2, 6, "it is a function"),
        ("fn account(user) { #{ a: 0.0 / 0.0 } }", 1, 23, "came out as"),
        ("fn account(user) { #{ a: user } }", 1, 23, "`user` itself"),
        ("fn account(user) { #{ a: user.custom } }", 1, 23, "name one"),
        ("fn account(user) { #{ a: [create_only(1)] } }", 1, 23, "around the whole attribute"),
        ("fn account(user) { #{ a: grant(\"group\", \"x\") } }", 1, 23, "belongs into `entitlements`"),
        ("fn account(user) { #{ name: #{ a: 1 }, \"name.a\": 2 } }", 1, 40, "there twice"),
        ("fn account(user) {\n  #{ a: 1 + #{} }\n}", 2, 11, "does not exist"),
        ("fn account(user) { throw \"no such country\"; }", 1, 20, "no such country"),
        ("fn in_scope(user) { 1 }\nfn account(user) { #{} }", 1, 21, "true or false"),
        ("fn account(user) { #{} }\nfn entitlements(user) { () }", 2, 25, "[] for none"),
        ("fn account(user) { #{} }\nfn entitlements(user) { [1] }", 2, 25, "item 1"),
    ];
    let wrong: Vec<String> = cases
        .into_iter()
        .filter_map(|(source, line, column, says)| {
            let fault = fault(source);
            let right = fault.message.contains(says)
                && (fault.line, fault.column) == (line, column)
                && fault.to_string().starts_with(&format!("{FILE}:{line}:{column}: "));
            (!right).then(|| format!("{source}\n{fault}\nexpected {line}:{column}: {says}\n"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_fault_in_entitlements_leaves_the_account_alone() {
    let evaluated =
        evaluate("fn account(user) { #{ userName: user.email } } fn entitlements(user) { [grant(\"group\", \"\")] }")
            .unwrap();
    assert_eq!(evaluated.desired.unwrap().user_name(), Some("fry@planetexpress.com"));
    assert!(evaluated.entitlements.unwrap_err().message.contains("needs a kind and a name"));
}

#[test]
fn entitlements_are_sorted_and_without_repeats() {
    let evaluated = evaluate(
        r#"fn account(user) { #{} }
           fn entitlements(user) { [grant("group", "b"), grant("group", "a"), grant("group", "b")] }"#,
    )
    .unwrap();
    let names: Vec<String> = evaluated.entitlements.unwrap().into_iter().map(|grant| grant.name).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(evaluated.desired.unwrap().grants.len(), 2);
}

#[test]
fn who_is_not_in_scope_has_no_account() {
    let evaluated =
        evaluate("fn in_scope(user) { user.title != () } fn account(user) { throw \"not asked\" }").unwrap();
    assert_eq!(evaluated, Evaluated { in_scope: false, desired: None, entitlements: Ok(Vec::new()) });
}

#[test]
fn a_role_condition_cannot_ask_what_belongs_to_an_app() {
    let roles = [RoleDefinition { name: "vip".to_owned(), when: "user.app_role == \"ADMIN\"".to_owned() }];
    let fault = Rules::from_source(FILE, "fn account(user) { #{} }", &roles).unwrap_err();
    assert_eq!(fault.file, "role `vip`");
    assert!(fault.message.contains("belongs to an app"), "{fault}");
    let roles = [RoleDefinition { name: "vip".to_owned(), when: "user.department".to_owned() }];
    let rules = Rules::from_source(FILE, "fn account(user) { #{} }", &roles).unwrap();
    assert!(rules.roles(&fry()).unwrap_err().message.contains("true or false"));
}

#[test]
fn a_script_over_64_kib_is_refused() {
    let fault = compile(&format!("fn account(user) {{ #{{}} }} // {}", "x".repeat(64 * 1024))).unwrap_err();
    assert!(fault.message.contains("65536"), "{fault}");
}

#[test]
fn the_fuse_is_not_a_verdict() {
    let rules = compile("fn account(user) { let n = 0; for i in 0..1000 { n += i; } #{ a: n } }").unwrap();
    let user = fry();
    let overrides = BTreeMap::new();
    let subject = Subject {
        user: &user,
        roles: &user.roles,
        app_role: None,
        external_id: EXTERNAL_ID,
        manager: None,
        overrides: &overrides,
    };
    match rules.evaluate_within(&subject, Duration::ZERO) {
        Err(RuleError::Fuse(fault)) => assert!(fault.message.contains("too long"), "{fault}"),
        other => panic!("{other:?}"),
    }
    assert!(rules.evaluate_patiently(&subject).is_ok());
    // A loop without an end is a fault however much time there is.
    let endless = compile("fn account(user) { loop {} #{} }").unwrap();
    assert!(matches!(endless.evaluate_within(&subject, Duration::from_secs(60)), Err(RuleError::Fault(_))));
}

#[test]
fn after_a_fault_the_next_user_is_evaluated_as_if_nothing_had_been() {
    let rules = compile("fn f(x) { if x > 14 { throw \"deep\" } f(x + 1) } fn account(user) { if user.title == \"deep\" { f(1) } #{ userName: user.email } }").unwrap();
    let deep = user(&[("title", "deep".into())]);
    for _ in 0..40 {
        assert!(evaluate_for(&rules, &deep, None).is_err());
        assert!(evaluate_for(&rules, &fry(), None).is_ok());
    }
}

#[test]
fn one_compiled_script_serves_many_threads() {
    let rules = compile("fn account(user) { #{ userName: lower(user.email), roles: user.roles } }").unwrap();
    let expected = evaluate_for(&rules, &fry(), None).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..200).for_each(|_| assert_eq!(evaluate_for(&rules, &fry(), None).unwrap(), expected)));
        }
    });
}

fn spec(script: &str, examples: &str) -> AppSpec {
    let connector = Connector::parse(Path::new("connectors/x.toml"), "name = \"x\"\ntitle = \"X\"").unwrap();
    let app = "connector = \"x\"\nbase_url = \"https://x.example/scim\"\ncredential = \"env:X\"\nrules = \"test.rhai\"";
    let app = App::parse(Path::new("apps/x.toml"), app).unwrap();
    let rules = (FILE.to_owned(), script.to_owned(), examples.to_owned());
    AppSpec::new(AppName::new("x").unwrap(), app, connector, rules, Vec::new())
}

#[test]
fn the_rules_that_ship_come_out_as_their_examples_say() {
    for pair in builtin().chunks(2) {
        let [(name, script), (_, examples)] = pair else { panic!("a script and its examples") };
        let outcomes = check_examples(&spec(script, examples));
        assert!(outcomes.len() >= 2, "{name}");
        let text: Vec<String> = outcomes.iter().map(ToString::to_string).collect();
        assert!(outcomes.iter().all(ExampleOutcome::passed), "{name}\n{}", text.join("\n"));
        assert!(compile(script).unwrap().split_attributes().is_some(), "{name} is evaluated as a whole");
    }
}

#[test]
fn an_example_that_differs_says_what_was_expected_and_what_came() {
    let examples = r#"
[[example]]
name = "fry"
entitlements = ["group:Crew"]
[example.user]
email = "fry@planetexpress.com"
[example.account]
userName = "leela@planetexpress.com"
title = "Captain"
"#;
    let outcomes = check_examples(&spec("fn account(user) { #{ userName: user.email, nickName: \"Fry\" } }", examples));
    assert_eq!(
        outcomes[0].to_string(),
        "FAILED rules/test.examples.toml: fry
       nickName: expected no value, got Fry
       title: expected Captain, got no value
       userName: expected leela@planetexpress.com, got fry@planetexpress.com
       entitlements: expected group:Crew, got no value"
    );
}

#[test]
fn a_mistake_in_an_examples_file_has_line_and_column() {
    let check = |examples: &str| check_examples(&spec("fn account(user) { #{} }", examples))[0].to_string();
    let unknown = check("[[example]]\nname = \"x\"\n[example.user]\nemial = \"x\"\n");
    assert!(unknown.contains("rules/test.examples.toml:4:9") && unknown.contains("emial"), "{unknown}");
    let key = check("[[example]]\nname = \"x\"\nacount = 1\n[example.user]\n");
    assert!(key.contains("rules/test.examples.toml:3:1") && key.contains("acount"), "{key}");
}

/// Values of every kind, nested a little.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        "\\PC{0,12}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::from("x".repeat(5000))),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..4).prop_map(Value::Object),
        ]
    })
}

fn any_user() -> impl Strategy<Value = User> {
    let names =
        prop::sample::select(vec!["email", "given_name", "display_name", "country", "title", "custom.badge", "emails"]);
    (prop::collection::btree_map(names, any_value(), 0..7), prop::collection::btree_set("[a-z]{1,3}", 0..3)).prop_map(
        |(attributes, roles)| {
            let mut user = user(&[]);
            user.attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            user.roles = roles;
            user
        },
    )
}

/// Attribute expressions that come out well, badly, or depending on the user.
fn any_expression() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "user.email",
        "user.display_name ?? `${user.given_name} ${user.title}`",
        "create_only(user.country)",
        "create_only(#{ x: user.title, y: 1 })",
        "lower(user.email)",
        "#{ givenName: user.given_name, familyName: create_only(user.custom.badge) }",
        "[#{ value: user.email, primary: true }, user.emails]",
        "if user.has_role(\"a\") { [] } else { [user.country] }",
        "switch user.country { \"x\" => 1, _ => user.custom.badge }",
        "user.roles.map(|role| upper(role))",
        "user.title + user.country",
        "user.emails[0]",
        "{ let n = 0; for i in 0..2000 { n += i; } n }",
        "{ count += 1; count }",
        "ref(user.manager)",
        "user.manager",
        "|x| x",
        "()",
        "\"\"",
        "{ let a = 1; for i in 0..12 { a = [a]; } a }",
        "-1",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_split_account_is_the_whole_account(user in any_user(), parts in prop::collection::vec(any_expression(), 1..40)) {
        let attributes: Vec<String> = parts.iter().enumerate().map(|(n, part)| format!("a{n}: {part}")).collect();
        let source = format!("fn account(user) {{ let count = 0; #{{ {} }} }}", attributes.join(", "));
        let split = compile(&source).unwrap();
        prop_assert_eq!(split.split_attributes(), Some(parts.len()));
        let whole = compile(&source).unwrap().unsplit();
        let result = evaluate_for(&split, &user, None);
        prop_assert_eq!(&result, &evaluate_for(&whole, &user, None));
        prop_assert_eq!(&result, &evaluate_for(&split, &user, None));
    }

    #[test]
    fn no_text_makes_the_compiler_panic(source in "\\PC{0,200}") {
        drop(compile(&source));
        drop(compile(&format!("fn account(user) {{ {source} }}")));
    }

    #[test]
    fn no_mixture_of_words_makes_a_rule_panic(words in prop::collection::vec(prop::sample::select(vec![
        "user", ".email", ".custom", ".x", "(", ")", "[", "]", "{", "}", "#{", "a", ":", ",", "\"t\"", "1", "+", "-", "==", "&&", "??",
        "if", "else", "let", "=", ";", "for", "in", "loop", "break", "return", "switch", "=>", "_", "|x|", "x", "!", "`", "${", "lower",
        "create_only", "ref", ".sort", ".map", ".push", "throw", "try", "catch", "..", "'c'", "0.5", "const", "while",
    ]), 0..30)) {
        if let Ok(rules) = compile(&format!("fn account(user) {{ {} }}", words.join(" "))) {
            drop(evaluate_for(&rules, &fry(), None));
        }
    }
}

#[test]
fn roles_are_mapped_to_groups_by_a_pattern() {
    let rule =
        |call: &str| format!("fn account(user) {{ #{{ userName: user.email }} }}\nfn entitlements(user) {{ {call} }}");
    let names = |call: &str| {
        let grants = evaluate(&rule(call)).unwrap().entitlements.unwrap();
        grants.into_iter().map(|grant| format!("{}:{}", grant.kind, grant.name)).collect::<Vec<_>>()
    };
    let list = r#"["app-sales", "my-app-x", "app-", "other"]"#;
    assert_eq!(names(&format!(r#"grant_matching("group", {list}, "^app-(.+)$", "$1")"#)), ["group:sales"]);
    assert_eq!(
        names(&format!(r#"grant_matching("group", {list}, "app-(?<team>.+)", "Team ${{team}}")"#)),
        ["group:Team sales", "group:Team x"],
        "not anchored unless the pattern is"
    );
    assert_eq!(names(r#"grant_matching("group", user.roles, "^(crew)$", "Ship $1")"#), ["group:Ship crew"]);
    assert_eq!(names(r#"grant_matching("group", (), "x", "y")"#), Vec::<String>::new());
}

#[test]
fn a_bad_pattern_says_where_it_is_and_leaves_the_account_alone() {
    let rule = "fn account(user) { #{ userName: user.email } }\nfn entitlements(user) {\n    grant_matching(\"group\", user.roles, \"(\", \"x\")\n}";
    let evaluated = evaluate(rule).unwrap();
    assert!(evaluated.desired.is_some(), "attributes flow");
    let fault = evaluated.entitlements.unwrap_err().to_string();
    assert!(fault.starts_with("rules/test.rhai:3:") && fault.contains("is no pattern"), "{fault}");
    let huge = "fn account(user) { #{ userName: user.email } }\nfn entitlements(user) { grant_matching(\"group\", user.roles, \"(a{1000}){1000}\", \"x\") }";
    assert!(evaluate(huge).unwrap().entitlements.is_err(), "a pattern that would fill the memory");
}

#[test]
fn the_line_of_each_attribute_is_known() {
    let rules = compile(
        "fn account(user) {\n  #{\n    userName: user.email,\n    name: #{\n      givenName: user.given_name,\n    },\n    \
         emails: [#{ value: user.email }],\n    timezone: create_only(\n      \"UTC\"),\n    \
         \"urn:x:User\": #{\n      department: user.department },\n  }\n}\nfn entitlements(user) {\n  []\n}",
    )
    .unwrap();
    assert_eq!(rules.file(), FILE);
    for (path, line) in [
        ("userName", 3),
        ("name.givenName", 5),
        ("name.familyName", 4),
        ("emails", 7),
        ("emails[type eq \"work\"].value", 7),
        ("timezone", 8),
        ("urn:x:User:department", 11),
    ] {
        assert_eq!(rules.line_of(path), Some(line), "{path}");
    }
    assert_eq!(
        (rules.line_of("value"), rules.line_of("title")),
        (None, None),
        "parts of a list's items are no attributes"
    );
    assert_eq!(rules.line_of_entitlements(), Some(15));
    let assigned = compile(
        "fn account(user) {\n  let account = #{ userName: user.email };\n  if user.title != () {\n    account.title = user.title;\n  \
         }\n  account[\"nickName\"] = user.key;\n  account\n}",
    )
    .unwrap();
    let lines = ["userName", "title", "nickName"].map(|path| assigned.line_of(path));
    assert_eq!(lines, [Some(2), Some(4), Some(6)]);
}

#[test]
fn what_is_one_text_is_never_a_list() {
    let wrong = fault("fn account(user) { #{ userName: user.email, displayName: [1, 2] } }");
    assert!(
        wrong.message.contains("`displayName` is one text") && wrong.message.contains("a list"),
        "{}",
        wrong.message
    );
    let evaluated = evaluate("fn account(user) { #{ userName: user.email, title: 5, active2: 5 } }").unwrap();
    let attributes = evaluated.desired.unwrap().attributes;
    assert_eq!(attributes["title"].value, Some(Value::from("5")), "a number is written as text");
    assert_eq!(attributes["active2"].value, Some(Value::from(5)));
}
