//! The repository's rules as tests: floors and fences, sizes, orphans, shortcuts that hide time and chance, and what a module
//! file may hold. Each violation is one line: file, line, what, and what to do.

mod floors;
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use source::{Source, Violation, blank, files, must_be_clean, relative, repository, sources, words};

/// Production lines of a file, at most.
const FILE_LINES_MAX: usize = 500;
/// Lines of a function, fewer than.
const FUNCTION_LINES: usize = 70;
/// The median of production lines a file, with some room above the aim of 150.
const FILE_LINES_MEDIAN_MAX: usize = 180;

/// Functions that may be longer: path, name, reason.
const LONG_FUNCTIONS: [(&str, &str, &str); 0] = [];
/// Files that may be longer: path, reason.
const LONG_FILES: [(&str, &str); 0] = [];

/// Shortcuts, the files that may take them, and what to do instead. A path that ends with `/` is a folder.
const BANNED: &[(&str, &[&str], &str)] = &[
    ("SystemTime::now", &["src/clock.rs"], "take the time from a `Clock`"),
    ("Utc::now", &[], "take the time from a `Clock`"),
    ("Local::now", &[], "take the time from a `Clock`"),
    ("Zoned::now", &[], "take the time from a `Clock`"),
    ("jiff::Timestamp::now", &["src/clock.rs"], "take the time from a `Clock`"),
    ("now_v7", &[], "mint ids from a time and an `Entropy`"),
    ("new_v4", &[], "mint ids from a time and an `Entropy`"),
    // Elapsed time only: the rules' fuse, request times, the token bucket, the store's checkpoint, progress at the door.
    (
        "Instant::now",
        &["src/rules/sandbox.rs", "src/scim/client.rs", "src/engine/perform/throttle.rs", "src/store/", "src/cli/"],
        "measure elapsed time where the list of allowed files says so; take points in time from a `Clock`",
    ),
    ("thread::sleep", &[], "wait for what happens, not for time to pass"),
    ("process::exit", &[], "return an `ExitCode` from main, so that everything is dropped"),
    ("process::abort", &[], "return an error"),
    ("todo!", &[], "write it"),
    ("unimplemented!", &[], "write it"),
    ("dbg!", &[], "take it out"),
    ("println!", &["src/cli/", "src/main.rs"], "say it with `tracing`, or return it to the door"),
    ("eprintln!", &["src/cli/", "src/main.rs"], "say it with `tracing`, or return it to the door"),
    ("print!", &["src/cli/", "src/main.rs"], "say it with `tracing`, or return it to the door"),
    ("eprint!", &["src/cli/", "src/main.rs"], "say it with `tracing`, or return it to the door"),
];

/// Shortcuts that tests may not take either.
const BANNED_EVERYWHERE: &[(&str, &str)] = &[
    ("#[allow(", "say why: #[expect(…, reason = \"…\")]"),
    ("#![allow(", "say why: #![expect(…, reason = \"…\")]"),
    ("#[ignore", "make the test run, or take it out"),
    ("#[path", "name the file like the module"),
    ("dbg!", "take it out"),
    ("todo!", "write it"),
    ("thread::sleep", "wait for what happens, not for time to pass"),
];

fn production() -> Vec<Source> {
    sources("src")
}

/// Everything Rust: production, tests, benches.
fn everything() -> Vec<Source> {
    ["src", "tests", "benches"].into_iter().flat_map(sources).collect()
}

#[test]
fn a_module_imports_only_from_below_and_from_its_left() {
    let (violations, used) = floors::upward(&production());
    must_be_clean("floors", violations);
    let stale: Vec<&str> = floors::EXCEPTIONS
        .iter()
        .filter(|(path, module, _)| !used.contains(&((*path).to_owned(), (*module).to_owned())))
        .map(|(path, ..)| *path)
        .collect();
    assert!(stale.is_empty(), "exceptions to the floors that nothing needs any more: {stale:?}; take them out");
}

#[test]
fn the_ground_is_free_of_cycles() {
    let cycle = floors::ground_cycle(&production());
    assert!(cycle.is_none(), "floor 0 has a cycle among {}; move what both need into one of them", cycle.unwrap());
}

#[test]
fn outside_crates_stay_within_their_fences() {
    must_be_clean("fences", floors::beyond_fences(&production()));
}

#[test]
fn every_dependency_has_a_fence() {
    let manifest: toml::Table = fs::read_to_string(repository().join("Cargo.toml")).unwrap().parse().unwrap();
    let named =
        ["dependencies", "dev-dependencies"].into_iter().flat_map(|section| manifest[section].as_table().unwrap());
    let dependencies: BTreeSet<String> = named.map(|(name, _)| name.replace('-', "_")).collect();
    let fenced: BTreeSet<String> =
        floors::FENCES.iter().map(|(name, _)| (*name).to_owned()).filter(|name| !name.contains(':')).collect();
    let unfenced: Vec<_> = dependencies.difference(&fenced).collect();
    assert!(
        unfenced.is_empty(),
        "dependencies without a fence: {unfenced:?}; say in tests/it/tidy/floors.rs who may use them"
    );
    // Fences may be ahead of the dependencies they are for, but not of those that never came.
    let gone: Vec<_> = fenced.difference(&dependencies).collect();
    assert!(gone.is_empty(), "fences around nothing: {gone:?}; take them out");
}

#[test]
fn the_domain_and_the_planner_wait_for_nothing_and_ask_no_clock() {
    must_be_clean("purity", floors::waiting_in_the_domain(&production()));
}

#[test]
fn no_file_is_longer_than_a_thought() {
    let mut violations = Vec::new();
    let mut lengths = Vec::new();
    let mut stale: BTreeSet<&str> = LONG_FILES.iter().map(|(path, _)| *path).collect();
    for source in production() {
        let lines = source.production().trim_end().lines().count();
        lengths.push(lines);
        if lines > FILE_LINES_MAX && !stale.remove(source.path.as_str()) {
            let what = format!("{lines} production lines, the most is {FILE_LINES_MAX}");
            violations.push(source.violation(0, what, "split it by subject"));
        }
    }
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    println!("{} files, median {median} production lines, longest {}", lengths.len(), lengths[lengths.len() - 1]);
    must_be_clean("file length", violations);
    assert!(stale.is_empty(), "exceptions for files that are short again: {stale:?}; take them out");
    assert!(median <= FILE_LINES_MEDIAN_MAX, "the median file has {median} lines; aim at 150");
}

#[test]
fn no_function_is_longer_than_a_screen() {
    let mut violations = Vec::new();
    let mut used = BTreeSet::new();
    for source in production() {
        for (at, name, lines) in functions(source.production()) {
            if lines < FUNCTION_LINES {
                continue;
            }
            if LONG_FUNCTIONS.iter().any(|(path, known, _)| *path == source.path && *known == name) {
                used.insert((source.path.clone(), name));
                continue;
            }
            let what = format!("fn {name} has {lines} lines, fewer than {FUNCTION_LINES} are allowed");
            violations.push(source.violation(at, what, "give its parts names"));
        }
    }
    must_be_clean("function length", violations);
    let stale =
        LONG_FUNCTIONS.iter().filter(|(path, name, _)| !used.contains(&((*path).to_owned(), (*name).to_owned())));
    assert_eq!(stale.count(), 0, "LONG_FUNCTIONS lists functions that are short again; take them out");
}

/// Position, name and number of lines of every function with a body.
fn functions(code: &str) -> Vec<(usize, String, usize)> {
    let mut found = Vec::new();
    for at in words(code, "fn ") {
        let name = source::leading_word(&code[at + 3..]);
        if name.is_empty() {
            // A function pointer's type.
            continue;
        }
        let Some(start) = code[at..].find(['{', ';']).map(|i| at + i).filter(|i| code.as_bytes()[*i] == b'{') else {
            continue;
        };
        let mut depth = 0usize;
        for (index, byte) in code.bytes().enumerate().skip(start) {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                found.push((at, name.to_owned(), code[at..=index].lines().count()));
                break;
            }
        }
    }
    found
}

#[test]
fn every_file_is_named_by_a_module() {
    let mut reached: BTreeSet<String> = BTreeSet::new();
    for root in ["src/lib.rs", "src/main.rs", "tests/it/main.rs", "tests/peers/main.rs"] {
        reach(root, &mut reached);
    }
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    for line in manifest.lines().filter_map(|line| line.strip_prefix("path = \"benches/")) {
        reach(&format!("benches/{}", line.trim_end_matches('"')), &mut reached);
    }
    let orphans = everything().into_iter().filter(|source| !reached.contains(&source.path));
    let violations =
        orphans.map(|source| source.violation(0, "no `mod` names this file", "name it or delete it")).collect();
    must_be_clean("orphans", violations);
}

fn reach(path: &str, reached: &mut BTreeSet<String>) {
    if !reached.insert(path.to_owned()) {
        return;
    }
    let code = blank(&fs::read_to_string(repository().join(path)).unwrap());
    let file = Path::new(path);
    let stem = file.file_stem().unwrap().to_str().unwrap();
    let parent = file.parent().unwrap();
    // A bench is a crate root, as `main` is.
    let folder = if matches!(stem, "mod" | "lib" | "main") || parent == Path::new("benches") {
        parent.to_owned()
    } else {
        parent.join(stem)
    };
    for at in words(&code, "mod ") {
        let name = source::leading_word(&code[at + 4..]);
        if !code[at + 4 + name.len()..].starts_with(';') {
            continue;
        }
        let candidates = [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")];
        for child in candidates.iter().filter(|child| repository().join(child).is_file()) {
            reach(child.to_str().unwrap(), reached);
        }
    }
}

#[test]
fn no_shortcut_hides_time_chance_or_an_ending() {
    let mut violations = Vec::new();
    for source in production() {
        let code = source.production();
        for (call, allowed, remedy) in BANNED {
            let exempt =
                allowed.iter().any(|path| source.path == *path || path.ends_with('/') && source.path.starts_with(path));
            if !exempt {
                violations.extend(words(code, call).map(|at| source.violation(at, format!("`{call}`"), remedy)));
            }
        }
    }
    for source in everything() {
        for (call, remedy) in BANNED_EVERYWHERE {
            violations.extend(words(&source.code, call).map(|at| source.violation(at, format!("`{call}`"), remedy)));
        }
    }
    must_be_clean("shortcuts", violations);
}

#[test]
fn nothing_is_left_for_later() {
    // Put together so that this file does not find itself.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("HA", "CK:"),
        concat!("(to ", "come)"),
    ];
    let mut violations = Vec::new();
    for source in everything() {
        for mark in marks {
            let found = words(&source.text, mark)
                .map(|at| source.violation(at, format!("`{mark}`"), "do it, or open an issue"));
            violations.extend(found);
        }
    }
    must_be_clean("leftovers", violations);
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let places = [
        concat!("/wo", "rk/"),
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("C:\\", "Users"),
        concat!("/Users/", "runner"),
    ];
    let mut violations = Vec::new();
    for path in files("") {
        // What is not text holds no path that matters.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for place in places {
            violations.extend(text.match_indices(place).map(|(at, _)| Violation {
                path: relative(&path),
                line: source::line_of(&text, at),
                what: format!("the machine's path `{place}…`"),
                remedy: "say it relative to the repository, or take it as an argument",
            }));
        }
    }
    must_be_clean("machine paths", violations);
}

#[test]
fn a_module_file_holds_docs_and_re_exports_only() {
    let mut violations = Vec::new();
    let is_module_file = |source: &Source| source.path.ends_with("/mod.rs") || source.path == "src/lib.rs";
    for source in production().into_iter().filter(is_module_file) {
        let code = source.production();
        let mut at = 0;
        for statement in code.split_inclusive(';') {
            let text = statement.trim_start();
            let start = at + statement.len() - text.len();
            at += statement.len();
            let text = without_attributes(text);
            let known = ["mod ", "pub mod ", "pub use ", "pub(crate) mod ", "pub(crate) use ", "pub(super) use "];
            if !text.trim().is_empty() && !known.iter().any(|head| text.starts_with(head)) {
                let what = format!("`{}` in a module file", text.lines().next().unwrap_or_default());
                violations.push(source.violation(start, what, "move the code into a file of its own"));
                // The rest of the file says the same.
                break;
            }
        }
    }
    must_be_clean("module files", violations);
}

fn without_attributes(mut text: &str) -> &str {
    while text.starts_with('#') {
        text = text.split_once(']').map_or("", |(_, rest)| rest.trim_start());
    }
    text
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let silent = everything()
        .into_iter()
        .filter(|source| !source.text.starts_with("//! ") || source.text.starts_with("//! (to"));
    let violations = silent
        .map(|source| source.violation(0, "no `//!` docs at the top", "say purpose and walk in a sentence or two"));
    must_be_clean("file docs", violations.collect());
}

#[test]
fn no_module_is_named_after_nothing() {
    let hollow = ["utils", "util", "common", "helpers", "helper", "types", "errors", "misc", "core"];
    let named = production().into_iter().filter(|source| source.module().iter().any(|part| hollow.contains(part)));
    let violations =
        named.map(|source| source.violation(0, "a module named after nothing", "name it after its subject"));
    must_be_clean("names", violations.collect());
}

#[test]
fn the_reader_of_sources_sees_code_and_nothing_else() {
    let text = "let a = \"crate::x // no\"; // crate::y\nlet b = 'c'; let d: &'static str = r#\"say \"crate::z\"\"#; /* a /* b */ c */ e('\\'')";
    let code = blank(text);
    assert_eq!(code.len(), text.len());
    assert!(!code.contains("crate") && !code.contains("say") && code.contains("&'static str") && code.contains("e("));
    let lengths = functions(&blank("fn a() {\n  let f: fn(u8);\n}\ntrait T { fn b(); fn c() { \"}\"; } }"));
    assert_eq!(
        lengths.iter().map(|(_, name, lines)| (name.as_str(), *lines)).collect::<Vec<_>>(),
        [("a", 3), ("c", 1)]
    );
}

#[test]
fn the_floors_catch_what_they_forbid() {
    let file = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned(), code: blank(text) };
    let caught = |path: &str, text: &str| {
        let sources = [file(path, text)];
        let count = floors::upward(&sources).0.len() + floors::beyond_fences(&sources).len();
        count + floors::waiting_in_the_domain(&sources).len()
    };
    for (path, text) in [
        ("src/provision/diff.rs", "use crate::store::act::Store;"),
        ("src/provision/diff.rs", "use crate::{clock, rules::Rules};"),
        ("src/provision/diff.rs", "use super::super::engine::push;"),
        ("src/provision/diff.rs", "async fn wait() {}"),
        ("src/directory/user.rs", "use crate::access::operator::Operator;"),
        ("src/rules/load.rs", "fn f() { crate::scim::client::get() }"),
        ("src/sandbox/user.rs", "use crate::engine::Engine;"),
        ("src/engine/push.rs", "use crate::config::file::Settings;"),
        ("src/engine/push.rs", "use sled::Db;"),
        ("src/store/act.rs", "let a = rhai::Engine::new();"),
        ("src/engine/plan/page.rs", "use crate::clock::Clock;"),
        ("src/elsewhere.rs", "fn f() {}"),
    ] {
        assert_eq!(caught(path, text), 1, "{path}: {text}");
    }
    for (path, text) in [
        ("src/engine/push.rs", "use crate::store::act::Store; use super::budget;"),
        ("src/engine/push.rs", "// use crate::config::file\n#[cfg(test)]\nmod tests { use crate::config::x; }"),
        ("src/store/sled/mod.rs", "use sled::Db; use crate::store::sled::rows;"),
        ("src/clock.rs", "use crate::id::EventId;"),
    ] {
        assert_eq!(caught(path, text), 0, "{path}: {text}");
    }
}
