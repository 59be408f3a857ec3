//! `kill -9` of a process that writes as fast as it can.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use usher::provision::entry::Fact;
use usher::store::Store;
use usher::store::exercise::words;

use super::world::{all_is_well, block_on, open};

/// Kills after this many acknowledged acts, each round somewhere else in what a commit does.
const ROUNDS: u64 = 25;

/// Runs the exercise, kills it after `acts` acknowledgements; returns every number that was acknowledged.
fn killed_after(store: &Path, acts: u64) -> BTreeSet<u64> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_usher"))
        .args(["store", "exercise"])
        .arg(store)
        .args(["--acts", "1000000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = BTreeSet::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: std::io::Result<String>| line.ok()?.strip_prefix("acknowledged ")?.parse::<u64>().ok();
    while (acknowledged.len() as u64) < acts {
        acknowledged.extend(number(lines.next().unwrap()));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What was still in the pipe was acknowledged too; a line that the kill cut short was not.
    let mut rest: Vec<String> = lines.map_while(Result::ok).collect();
    rest.pop();
    acknowledged.extend(rest.into_iter().filter_map(|line| number(Ok(line))));
    acknowledged
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let now = killed_after(&path, 1 + (round * 7_919) % 400);
        assert!(!now.is_empty());
        acknowledged.extend(now);
        let store = open(&path);
        block_on(async {
            all_is_well(&store).await;
            let entries = store.entries_after(0, usize::MAX).await.unwrap();
            let there: BTreeSet<String> = entries
                .into_iter()
                .filter_map(|entry| if let Fact::Store { what } = entry.fact { Some(what) } else { None })
                .collect();
            let lost: Vec<u64> =
                acknowledged.iter().copied().filter(|number| !there.contains(&words(*number))).collect();
            assert_eq!(lost, Vec::<u64>::new(), "round {round}");
        });
    }
}
