//! The floors: which module may import which, and which outside crate lives where.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Source, Violation, leading_word, words};

/// The floors from the ground up. Within a floor a module may import from the groups before its own, never from its own group.
/// The ground is a special case: there any order will do that is free of cycles.
pub(crate) const FLOORS: [&[&[&str]]; 6] = [
    &[&["id", "clock", "entropy", "digest", "secret", "password", "seal", "text", "page"]],
    &[&["directory"], &["access"], &["connector"], &["provision"], &["history"]],
    &[&["rules", "scim", "store", "import"]],
    &[&["timetable"], &["engine"], &["scheduler"]],
    &[&["server", "sandbox"]],
    &[&["config", "telemetry"], &["cli"], &["main"]],
];

const DOOR: &[&str] = &["config", "telemetry", "cli", "main"];

/// Every dependency and the modules it is fenced to; empty = allowed everywhere.
pub(crate) const FENCES: &[(&str, &[&str])] = &[
    ("serde", &[]),
    ("serde_json", &[]),
    ("thiserror", &[]),
    ("jiff", &[]),
    // Ground: ids, hashing, chance, TOML.
    // Store keys hold ids as bytes; the sandbox, as a target, mints resource ids of its own.
    ("uuid", &["id", "store", "sandbox"]),
    ("blake3", &["digest", "entropy"]),
    ("sha2", &["digest", "password"]),
    ("getrandom", &["entropy"]),
    ("argon2", &["password"]),
    // Secrets of apps are sealed on the ground, beside what they are.
    ("chacha20poly1305", &["seal"]),
    ("zeroize", &["secret", "password", "seal"]),
    ("unicode_normalization", &["text"]),
    ("toml", &["text", "config", "cli"]),
    // postcard is the byte form behind every digest, of the chain's entries and of the rows.
    ("postcard", &["digest", "history", "store"]),
    // Instruments.
    ("rhai", &["rules"]),
    ("regex", &["rules"]),
    ("reqwest", &["scim", "server", "cli"]),
    ("rustls", &["scim", "server", "cli", "main"]),
    ("sled", &["store"]),
    // The CLI and the API write exports.
    ("csv", &["import", "server"]),
    ("base64", &["import", "server", "cli", "config", "password", "seal"]),
    // Whatever waits: from the instruments upwards.
    ("tokio", &["scim", "store", "engine", "scheduler", "server", "sandbox", "cli", "main"]),
    ("async_trait", &["scim", "store", "engine", "scheduler", "server", "cli"]),
    (
        "tracing",
        &[
            "rules",
            "scim",
            "store",
            "import",
            "engine",
            "scheduler",
            "server",
            "sandbox",
            "config",
            "telemetry",
            "cli",
            "main",
        ],
    ),
    // Engine.
    ("cron", &["timetable"]),
    // openidconnect asks for the time in chrono's form.
    ("chrono", &["timetable", "server"]),
    ("chrono_tz", &["timetable"]),
    // House.
    ("axum", &["server", "sandbox"]),
    ("axum_extra", &["server"]),
    ("maud", &["server"]),
    ("similar", &["server"]),
    ("tar", &["server"]),
    ("utoipa", &["server"]),
    ("utoipa_axum", &["server"]),
    ("axum_server", &["server"]),
    ("openidconnect", &["server"]),
    ("prometheus_client", &["server"]),
    ("futures_util", &["server", "cli"]),
    ("tokio_stream", &["server"]),
    ("scim_v2", &["sandbox"]),
    // Door.
    ("clap", DOOR),
    ("rpassword", DOOR),
    ("indicatif", DOOR),
    ("comfy_table", DOOR),
    ("tracing_subscriber", DOOR),
    ("anyhow", DOOR),
    ("tempfile", &["cli", "main", "config", "telemetry", "server"]),
    ("mimalloc", &["main"]),
    // The operating system: accounts and signals at the door, the peer of a socket, free disk space in the store.
    ("nix", &["config", "cli", "main", "store", "engine", "server"]),
    // Tests only.
    ("proptest", &["(tests)"]),
    ("fantoccini", &["(tests)"]),
    ("rcgen", &["(tests)"]),
    ("hyper_util", &["(tests)"]),
    ("url", &["(tests)"]),
    // Of the standard library: what the domain must not do.
    (
        "std::fs",
        &[
            "rules",
            "scim",
            "store",
            "import",
            "engine",
            "scheduler",
            "server",
            "sandbox",
            "config",
            "telemetry",
            "cli",
            "main",
        ],
    ),
    ("std::net", &["scim", "server", "sandbox", "config", "cli", "main", "engine"]),
    ("std::env", &["config", "telemetry", "cli", "main"]),
    ("std::process::Command", &["cli", "main"]),
    ("std::thread", &["rules", "scim", "store", "import", "engine", "scheduler", "server", "sandbox", "cli", "main"]),
    ("std::os", &["store", "engine", "config", "cli", "main", "server"]),
];

/// One import that the floors forbid and that stays, with the reason.
pub(crate) const EXCEPTIONS: [(&str, &str, &str); 1] = [(
    "src/connector/app.rs",
    "provision",
    "`[guard]` is a table of the app file, and what it may say is the guards' own policy type",
)];

fn place(module: &str) -> Option<(usize, usize)> {
    FLOORS
        .iter()
        .enumerate()
        .find_map(|(floor, groups)| groups.iter().position(|group| group.contains(&module)).map(|group| (floor, group)))
}

/// Every import of another module of the house: byte position and the module's name.
fn imports(source: &Source) -> Vec<(usize, String)> {
    let code = source.production();
    let depth = source.module().len();
    let mut found = Vec::new();
    for root in ["crate::", "usher::"] {
        for at in words(code, root) {
            // `fictional::crate::` is nothing; `some::usher::` is a path of someone else.
            if !code[..at].ends_with("::") {
                heads(&code[at + root.len()..], at, &mut found);
            }
        }
    }
    for at in words(code, "super::").filter(|at| !code[..*at].ends_with("super::")) {
        let mut rest = &code[at..];
        let mut steps = 0;
        while let Some(after) = rest.strip_prefix("super::") {
            (rest, steps) = (after, steps + 1);
        }
        if steps == depth {
            heads(rest, at, &mut found);
        }
    }
    found
}

/// The first names of what follows `crate::`: one, or those of a braced list.
fn heads(rest: &str, at: usize, found: &mut Vec<(usize, String)>) {
    let Some(list) = rest.strip_prefix('{') else {
        found.push((at, leading_word(rest).to_owned()));
        return;
    };
    let mut depth = 0;
    let mut expecting = true;
    for (index, c) in list.char_indices() {
        match c {
            '}' if depth == 0 => return,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => expecting = true,
            c if expecting && (c.is_alphanumeric() || c == '_') => {
                found.push((at, leading_word(&list[index..]).to_owned()));
                expecting = false;
            }
            _ => {}
        }
    }
}

/// What breaks the floors; with the exceptions that were used.
pub(crate) fn upward(sources: &[Source]) -> (Vec<Violation>, BTreeSet<(String, String)>) {
    let (mut violations, mut used) = (Vec::new(), BTreeSet::new());
    for source in sources.iter().filter(|source| !source.module().is_empty()) {
        let from = source.module()[0];
        let Some(mine) = place(from) else {
            violations.push(source.violation(0, format!("module `{from}` is on no floor"), "add it to the table"));
            continue;
        };
        for (at, to) in imports(source).into_iter().filter(|(_, to)| to != from) {
            let allowed = match place(&to) {
                None => false,
                // The sandbox stands in for somebody else's server: it must not share the engine's view of the world.
                Some(_) if from == "sandbox" && to == "engine" => false,
                Some((0, _)) if mine.0 == 0 => true,
                Some(theirs) => theirs < mine && (theirs.0 < mine.0 || theirs.1 < mine.1),
            };
            if allowed {
                continue;
            }
            if EXCEPTIONS.iter().any(|(path, module, _)| *path == source.path && *module == to) {
                used.insert((source.path.clone(), to));
                continue;
            }
            violations.push(source.violation(
                at,
                format!("`{from}` imports `{to}`"),
                "a module imports only from floors below its own and from what stands left of it",
            ));
        }
    }
    (violations, used)
}

/// A cycle among the modules of the ground, in words.
pub(crate) fn ground_cycle(sources: &[Source]) -> Option<String> {
    let ground = FLOORS[0][0];
    let mut edges: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.module().is_empty()) {
        if let Some(from) = ground.iter().find(|name| **name == source.module()[0]) {
            let others = imports(source).into_iter().map(|(_, to)| to).filter(|to| to != from);
            edges.entry(from).or_default().extend(others);
        }
    }
    // Whoever imports nothing that is left is taken away; what stays is a cycle.
    while let Some(leaf) = edges.iter().find(|(_, to)| to.iter().all(|to| !edges.contains_key(to.as_str()))) {
        let leaf = *leaf.0;
        edges.remove(leaf);
    }
    (!edges.is_empty()).then(|| edges.keys().copied().collect::<Vec<_>>().join(", "))
}

/// Outside crates used beyond their fence.
pub(crate) fn beyond_fences(sources: &[Source]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| !source.module().is_empty()) {
        let from = source.module()[0];
        for (krate, fence) in FENCES.iter().filter(|(_, fence)| !fence.is_empty() && !fence.contains(&from)) {
            for at in uses(source.production(), krate) {
                violations.push(source.violation(
                    at,
                    format!("`{from}` uses `{krate}`, which is fenced to {}", fence.join(", ")),
                    "go through the module that owns it, or move the code there",
                ));
            }
        }
    }
    violations
}

/// Where `krate::` or `use krate` starts a path.
fn uses<'a>(code: &'a str, krate: &'a str) -> impl Iterator<Item = usize> + 'a {
    words(code, krate).filter(move |at| {
        let (before, after) = (&code[..*at], &code[at + krate.len()..]);
        let path = after.starts_with("::") || before.ends_with("use ") && after.starts_with([';', ' ']);
        path && !before.ends_with("::")
    })
}

/// `async` on the pure floors, where nothing waits.
pub(crate) fn waiting_in_the_domain(sources: &[Source]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| !source.module().is_empty()) {
        let module = source.module();
        let planner = module.starts_with(&["engine", "plan"]);
        if !planner && place(module[0]).is_none_or(|(floor, _)| floor > 1) {
            continue;
        }
        for word in ["async", "await", "tokio", "tracing", "Clock", "Entropy"] {
            // The ground defines clock and chance; ids, tokens and keys are minted from them.
            if matches!(word, "Clock" | "Entropy")
                && matches!(module[0], "clock" | "entropy" | "id" | "password" | "seal")
            {
                continue;
            }
            for at in words(source.production(), word) {
                let what = format!("`{word}` in a pure module");
                violations.push(source.violation(at, what, "the domain and the planner take values and give values"));
            }
        }
    }
    violations
}
