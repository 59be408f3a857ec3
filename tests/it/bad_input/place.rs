//! Where the store is: in use, not writable, not there.

use std::time::{Duration, Instant};

use crate::workspace::{Manner, Target, Workspace, pause, people};

#[test]
fn a_store_in_use_names_who_has_it() {
    let target = Target::start(&Manner { latency: Duration::from_secs(600), ..Manner::default() });
    let workspace = Workspace::new();
    workspace.app(&target.base_url, "");
    workspace.write("people.csv", &people(1..=2, "Pilot"));
    workspace.usher("import --full people.csv").ends(0);
    // The target does not answer: the first process stays until it is ended.
    let mut first = workspace.start("sync");
    let began = Instant::now();
    while target.sandbox.requests() == 0 {
        assert!(began.elapsed() < Duration::from_secs(120), "the first process never sends anything");
        pause(Duration::from_millis(5));
    }
    let pid = format!("(process {})", first.id());
    workspace.usher("status").ends(1).says(&["in use by `usher", "sync", &pid, "wait until it ends"]);
    first.kill().unwrap();
    first.wait().unwrap();
    workspace.usher("status").ends(0);
    workspace.usher("store verify").ends(0);
}

#[test]
fn a_store_where_nothing_can_be_written_says_so_and_stays_as_it_was() {
    let workspace = Workspace::new();
    workspace.write("people.csv", &people(1..=2, "Pilot"));
    workspace.usher("import --full people.csv").ends(0);
    let config = std::fs::read_to_string(workspace.root().join("usher.toml")).unwrap();
    // /proc is read-only for everybody, the superuser too.
    workspace.write("usher.toml", &format!("store = \"/proc/usher\"\n{config}"));
    workspace.usher("import --full people.csv").ends(1).says(&["/proc/usher", "must be a folder that can be written"]);
    workspace.usher("status").ends(1).says(&["/proc/usher", "must be a folder that can be written"]);
    // A file where the store's folder should be.
    workspace.write("taken", "");
    workspace.write("usher.toml", &format!("store = \"taken\"\n{config}"));
    workspace
        .usher("import --full people.csv")
        .ends(1)
        .says(&["taken/usher.lock", "must be a folder that can be written"]);
    workspace.write("usher.toml", &config);
    assert_eq!(workspace.json("users list").as_array().unwrap().len(), 2);
}

#[test]
fn a_disk_that_takes_no_more_says_so_and_keeps_all_that_it_had() {
    let workspace = Workspace::new();
    workspace.write("people.csv", &people(1..=5, "Pilot"));
    workspace.usher("import --full people.csv").ends(0);
    workspace.write("many.csv", &people(1..=3_000, "Captain"));
    // Files of this process may not grow beyond 512 KiB (1,024 blocks): that holds for the superuser too.
    workspace.usher_limited(1_024, "import many.csv").ends(1).says(&["the store could not", "File too large"]);
    // Not even the open has room.
    workspace.usher_limited(16, "import many.csv").ends(1).says(&["could not open the store", "File too large"]);
    let users = workspace.json("users list");
    assert_eq!(users.as_array().unwrap().len(), 5);
    assert!(users.as_array().unwrap().iter().all(|user| user["attributes"]["title"] == "Pilot"), "{users:#}");
    workspace.usher("store verify").ends(0);
    workspace.usher("import many.csv").ends(0);
    assert_eq!(workspace.json("users list --limit 5000").as_array().unwrap().len(), 3_000);
    workspace.usher("store verify").ends(0);
}
