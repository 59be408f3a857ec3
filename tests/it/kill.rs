//! `kill -9` of the real process while it provisions 2,000 users, again and again: nothing is made twice, lost, or left undone. With each
//! wave some of them move from one group to another: no membership is made twice or lost, and whoever else is in there stays.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::time::{Duration, Instant};

use usher::entropy::{Entropy, SeededEntropy};

use crate::workspace::{COLUMNS, Manner, Target, Workspace, pause};

/// People in the directory.
const USERS: u32 = 2_000;
/// Kills a test; two tests make fifty.
const KILLS: u32 = 25;
/// Of them, the last ones are in a group, another one with each wave.
const MEMBERS: u32 = 200;
/// The groups.
const GROUPS: [&str; 2] = ["Even", "Odd"];
/// Somebody else in both of them.
const STRANGER: &str = "a-stranger";
const RULES: &str = "fn account(user) { #{ userName: user.email, externalId: user.external_id, title: user.title, \
    name: #{ givenName: user.given_name, familyName: user.family_name } } }\n\
    fn entitlements(user) { if user.department == \"Crew\" { [] } else { [grant(\"group\", user.department)] } }\n";
/// Every so many kills, one while memberships are changed.
const MEMBERS_EVERY: u32 = 6;
/// People who leave with each wave of changes: fewer than what guards hold.
const LEAVERS: u32 = 3;
/// How long a slow machine may take for what takes seconds.
const PATIENCE: Duration = Duration::from_secs(180);

#[test]
fn twenty_five_kills_leave_one_account_for_each_user_where_the_target_keeps_external_ids() {
    survive(false, 0x5eed_0001);
}

#[test]
fn twenty_five_kills_leave_one_account_for_each_user_where_the_target_forgets_external_ids() {
    survive(true, 0x5eed_0002);
}

fn survive(drop_external_id: bool, seed: u64) {
    let target = Target::start(&Manner { drop_external_id, latency: Duration::from_millis(3) });
    let workspace = Workspace::new();
    // Waves change everybody's title: that is what this test wants, not what the guards should hold.
    let much = "{ count = 100000, percent = 100 }";
    workspace.app(&target.base_url, &format!("[guard.blast_radius]\nupdate = {much}\nedge_removal = {much}\n"));
    workspace.write("rules/crew.rhai", RULES);
    let app = std::fs::read_to_string(workspace.root().join("apps/app.toml")).unwrap();
    workspace.write("apps/app.toml", &app.replace("generic.rhai", "crew.rhai"));
    let groups = GROUPS.map(|name| target.sandbox.add_group(name, &[STRANGER]));
    // Whoever is added twice is listed twice.
    target.faults(&["member-twice:1"]);
    let random = Random(SeededEntropy::new(seed));
    let mut victim = Victim { workspace, target, groups, random, wave: 0, among_members: 0 };
    victim.import();
    let mut kills = 0;
    while kills < KILLS {
        let aim = victim.aim(kills);
        if victim.strike(&aim) {
            kills += 1;
        } else {
            // It came to its end before it was hit: there must be work for the next one.
            victim.wave += 1;
            victim.import();
        }
    }
    victim.settle();
    // One more wave over whatever the kills have left behind: nothing of it may be in the way.
    victim.wave += 1;
    victim.import();
    victim.settle();
    victim.check_target(drop_external_id);
    victim.check_members();
    victim.check_history();
    assert!(victim.among_members >= KILLS / MEMBERS_EVERY / 2, "killed {} times among members", victim.among_members);
}

/// When a process dies.
#[derive(Debug)]
enum Aim {
    /// So long after its start: while it opens the store, plans, or files.
    After(Duration),
    /// Once the target has seen so many more writes, and a little later.
    Writes(u64, Duration),
    /// Once the first members were changed, and a little later.
    Members(Duration),
}

struct Random(SeededEntropy);

impl Random {
    /// 0 to `most`.
    fn up_to(&mut self, most: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % (most + 1)
    }
}

struct Victim {
    workspace: Workspace,
    target: Target,
    groups: [String; 2],
    random: Random,
    wave: u32,
    /// Kills while memberships were changed.
    among_members: u32,
}

impl Victim {
    /// Everybody with this wave's title; some more have left with each wave.
    fn import(&self) {
        let mut csv = COLUMNS.to_owned();
        for number in 1..=USERS {
            let state = if self.has_left(number) { "suspended" } else { "active" };
            let title = self.title();
            let team = if number > USERS - MEMBERS { GROUPS[self.team()] } else { "Crew" };
            let _ =
                writeln!(csv, "{number},p{number}@planet.example,Given{number},Family{number},{title},{team},{state}");
        }
        self.workspace.write("people.csv", &csv);
        self.workspace.usher("import --full people.csv").ends(0);
    }

    fn title(&self) -> String {
        format!("Title {}", self.wave)
    }

    /// Which group it is in this wave.
    fn team(&self) -> usize {
        usize::from(self.wave % 2 == 1)
    }

    fn has_left(&self, number: u32) -> bool {
        number <= self.wave * LEAVERS
    }

    /// The first two right after the first POSTs; then at random.
    fn aim(&mut self, kill: u32) -> Aim {
        let moment = |random: &mut Random| Duration::from_micros(random.up_to(9_000));
        match kill {
            0 => Aim::Writes(1, Duration::ZERO),
            1 => Aim::Writes(2, moment(&mut self.random)),
            kill if kill % MEMBERS_EVERY == MEMBERS_EVERY - 1 => Aim::Members(moment(&mut self.random)),
            kill if kill % 3 == 0 => Aim::After(Duration::from_millis(self.random.up_to(1_500))),
            _ => {
                let writes = 1 + self.random.up_to(250);
                Aim::Writes(writes, moment(&mut self.random))
            }
        }
    }

    /// Starts a sync and kills it there; false if it ended by itself before.
    fn strike(&mut self, aim: &Aim) -> bool {
        let (began, writes, members) = (Instant::now(), self.target.sandbox.writes(), self.members());
        let mut child = self.workspace.start("sync");
        loop {
            let hit = match aim {
                Aim::After(time) => began.elapsed() >= *time,
                Aim::Writes(more, _) => self.target.sandbox.writes() >= writes + more,
                Aim::Members(_) => self.members() != members,
            };
            if hit {
                if let Aim::Writes(_, later) | Aim::Members(later) = aim {
                    pause(*later);
                }
                let struck = killed(&mut child);
                self.among_members += u32::from(struck && matches!(aim, Aim::Members(_)));
                return struck;
            }
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "a sync after {} writes, {aim:?}: {status}", self.target.sandbox.writes());
                return false;
            }
            assert!(began.elapsed() < PATIENCE, "the sync neither ends nor comes to {aim:?}");
            pause(Duration::from_micros(500));
        }
    }

    /// How many members each group lists.
    fn members(&self) -> Vec<usize> {
        self.target.sandbox.groups().iter().map(|group| group.members.len()).collect()
    }

    /// Syncs until nothing is left to do; what is being found out may be due a little later.
    fn settle(&self) {
        let began = Instant::now();
        loop {
            self.workspace.usher("sync").ends(0);
            let synced = self.workspace.json("sync");
            let app = &synced[0];
            if app["waiting"].as_object().is_some_and(serde_json::Map::is_empty) && app["requests"] == 0 {
                return;
            }
            let open = "history --status pending,queued,running,verifying,failed,refused --limit 5";
            assert!(began.elapsed() < PATIENCE, "no rest: {synced:#}\n{}", self.workspace.usher(open));
        }
    }

    /// One account a user, with the right values, active unless he has left.
    fn check_target(&self, drop_external_id: bool) {
        let accounts = self.target.sandbox.accounts();
        let names: BTreeSet<String> = accounts.iter().map(|each| each.user_name.to_lowercase()).collect();
        assert_eq!(names.len(), accounts.len(), "two accounts with one userName");
        let external: BTreeSet<&String> = accounts.iter().filter_map(|each| each.external_id.as_ref()).collect();
        assert_eq!(external.len(), if drop_external_id { 0 } else { accounts.len() }, "externalIds, each once");
        let by_name: BTreeMap<&str, _> = accounts.iter().map(|each| (each.user_name.as_str(), each)).collect();
        for number in 1..=USERS {
            let name = format!("p{number}@planet.example");
            match by_name.get(name.as_str()) {
                Some(account) if self.has_left(number) => assert!(!account.active, "{name} has left"),
                Some(account) => {
                    assert!(account.active, "{name} is no leaver");
                    assert_eq!(account.body["title"], self.title(), "{name}");
                    assert_eq!(account.body["name"]["familyName"], format!("Family{number}"), "{name}");
                }
                // Somebody who left before he had an account never gets one.
                None => assert!(self.has_left(number), "{name} has no account"),
            }
        }
        let ours = accounts.iter().filter(|each| each.user_name.ends_with("@planet.example"));
        assert_eq!(ours.count(), accounts.len(), "accounts of nobody");
    }

    /// Whoever belongs into a group is in it, once; nobody is left in the other; and the stranger is where he was.
    fn check_members(&self) {
        let accounts = self.target.sandbox.accounts();
        let last = (USERS - MEMBERS + 1..=USERS).map(|number| format!("p{number}@planet.example"));
        let last: BTreeSet<String> = last.collect();
        let ids = accounts.iter().filter(|each| last.contains(&each.user_name)).map(|each| each.id.clone());
        let mut expected: Vec<String> = ids.chain([STRANGER.to_owned()]).collect();
        expected.sort();
        for group in self.target.sandbox.groups() {
            let mut members = group.members.clone();
            members.sort();
            if group.id == self.groups[self.team()] {
                assert_eq!(members, expected, "{}", group.display_name);
            } else {
                assert_eq!(members, [STRANGER], "{}", group.display_name);
            }
        }
        let edges = self.workspace.json("apps show app")["counts"]["edges"].clone();
        assert_eq!(edges, serde_json::json!({ "granted": MEMBERS }), "all of them ours, none under way");
    }

    /// Every event has come to its end, the ledger knows exactly the target's accounts, and the chain holds.
    fn check_history(&self) {
        let app = self.workspace.json("apps show app");
        let events = app["counts"]["events"].as_object().unwrap().clone();
        for status in ["pending", "queued", "running", "verifying", "failed", "refused", "expired"] {
            let number = events.get(status).and_then(serde_json::Value::as_u64).unwrap_or(0);
            assert_eq!(number, 0, "{status} events: {events:?}");
        }
        let pairs = self.workspace.json("status --limit 5000");
        let rows = pairs.as_array().unwrap();
        let known = rows.iter().filter_map(|row| row["account"]["remote_id"].as_str().map(str::to_owned));
        let known: Vec<String> = known.collect();
        let ledger: BTreeSet<String> = known.iter().cloned().collect();
        assert_eq!(ledger.len(), known.len(), "one remote id in two ledger entries");
        let there: BTreeSet<String> = self.target.sandbox.accounts().into_iter().map(|each| each.id).collect();
        assert_eq!(ledger, there, "the ledger and the target know other accounts");
        self.workspace.usher("store verify").ends(0);
    }
}

/// Kills a process; whether it was alive until then.
fn killed(child: &mut Child) -> bool {
    child.kill().unwrap();
    child.wait().unwrap().signal() == Some(9)
}
