//! What must have come out, looked up in the targets and in the store. Each expectation is a line with ✓ or ✗.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::bail;

use crate::cli::demo::company::{Company, DEVELOPERS, OFFICE, OWNERS, Target};
use crate::cli::demo::walk::{LEADS, RENAMED, ROBOT, Seen, TAKEN_OUT};
use crate::cli::door::Door;
use crate::cli::show::{Style, Tint};
use crate::directory::user::Standing;
use crate::engine::answer::{Answer, StatusRow};
use crate::engine::command::{Command, UserRef};
use crate::provision::account::{Origin, Presence};
use crate::provision::event::StatusKind;
use crate::sandbox::AccountView;

/// The person who moves, and the one who leaves.
const MOVED: &str = "femke.hoogland@tanuki.example";
const LEFT: &str = "iago.bittencourt@tanuki.example";
/// Whose account in Nulab Pass was adopted, whose was refused, whose in nullplatform waits for a decision.
const ADOPTED: &str = "zofia.brzezicka@tanuki.example";
const REFUSED: &str = "willem.drentstra@tanuki.example";
const WAITING: &str = "caleb.thornquist@tanuki.example";
/// Accounts that are nobody's business.
const NOBODYS: [&str; 3] = ["backups@tanuki.example", "auditor@elsewhere.example", "deploys@tanuki.example"];

/// What was expected, and whether it came out.
pub(super) struct Expectations(Vec<(bool, String)>);

impl Expectations {
    /// Looks into the targets and the store.
    pub(super) async fn check(door: &Door, company: &Company, seen: &Seen) -> anyhow::Result<Self> {
        let mut found = Self(Vec::new());
        let people = active_people(door).await?;
        found.everyone(company, &people);
        found.expect(
            seen.held > 10,
            format!(
                "an export that lost most of them held {} deactivations; they were rejected, and none was sent",
                seen.held
            ),
        );
        found.third_parties(company, seen);
        found.moved_and_left(company);
        found.adoption(door, company).await?;
        found.memberships(company);
        found.at_rest(door, seen).await?;
        Ok(found)
    }

    fn expect(&mut self, met: bool, what: impl Into<String>) {
        self.0.push((met, what.into()));
    }

    fn everyone(&mut self, company: &Company, people: &BTreeSet<String>) {
        let accounts = company.nulab.sandbox.accounts();
        let active =
            |name: &String| accounts.iter().filter(|a| a.active && a.user_name.eq_ignore_ascii_case(name)).count();
        let once = people.iter().filter(|name| active(name) == 1).count();
        self.expect(
            once == people.len() && people.len() > 50,
            format!("{once} of {} active people have exactly one active account in Nulab Pass", people.len()),
        );
        let ours = accounts.iter().filter(|account| !account.third_party);
        let strangers = ours.filter(|a| a.active && !people.contains(&a.user_name)).count();
        self.expect(strangers == 0, "nobody else has an active account of ours there");
    }

    fn third_parties(&mut self, company: &Company, seen: &Seen) {
        for target in [&company.nulab, &company.nullplatform] {
            let now = target.sandbox.third_party();
            let before = seen.before.get(target.app).cloned().unwrap_or_default();
            let untouched = |account: &AccountView| now.get(&account.id) == before.get(&account.id);
            let accounts = target.sandbox.accounts();
            let of_interest = |account: &&AccountView| {
                let name = account.user_name.as_str();
                account.third_party && (NOBODYS.contains(&name) || name == REFUSED || name == WAITING)
            };
            let watched: Vec<&AccountView> = accounts.iter().filter(of_interest).collect();
            let same = watched.iter().filter(|account| untouched(account)).count();
            self.expect(
                same == watched.len() && !watched.is_empty(),
                format!("{same} accounts that nobody gave us in {} are byte for byte as they were", target.app),
            );
        }
    }

    fn moved_and_left(&mut self, company: &Company) {
        let nulab = find(&company.nulab, MOVED);
        let role = nulab.as_ref().and_then(|account| account.body["roles"][0]["value"].as_str().map(str::to_owned));
        self.expect(role.as_deref() == Some("USER"), "who moved has the role of the new team in Nulab Pass (USER)");
        let there = find(&company.nullplatform, MOVED).is_some_and(|account| account.active);
        self.expect(there, "and a new account in nullplatform");
        for target in [&company.nulab, &company.nullplatform] {
            let gone = find(target, LEFT).is_some_and(|account| !account.active);
            self.expect(gone, format!("who left is deactivated in {}", target.app));
        }
    }

    fn memberships(&mut self, company: &Company) {
        let sandbox = &company.nullplatform.sandbox;
        let groups = sandbox.groups();
        let who = |id: &String| sandbox.accounts().into_iter().find(|account| account.id == *id).map(|a| a.user_name);
        let of = |name: &str, shown: bool| -> BTreeSet<String> {
            let group = groups.iter().find(|group| group.display_name == name);
            let ids = group.map(|group| if shown { &group.members } else { &group.assigned });
            ids.into_iter().flatten().filter_map(who).collect()
        };
        let (developers, office) = (of(DEVELOPERS, true), of(OFFICE, true));
        self.expect(
            developers.len() > 10 && !developers.contains(LEFT) && !developers.contains(TAKEN_OUT),
            format!(
                "{} are in {DEVELOPERS}; who left is out, and whom nullplatform took out is not sent again",
                developers.len()
            ),
        );
        self.expect(office.contains(MOVED), "who moved to Tokyo is in the group of that office");
        self.expect(
            developers.contains(ROBOT) && office.contains(ROBOT),
            "the robot that others put into groups is still there",
        );
        let (put, shown) = (of(OWNERS, false), of(OWNERS, true));
        self.expect(
            put.contains(LEADS) && shown.is_empty(),
            format!(
                "{} leads were put into {OWNERS}, where nullplatform shows nobody: sent once, not effective",
                put.len()
            ),
        );
        let name = find(&company.nullplatform, RENAMED).map(|account| account.body["displayName"].clone());
        self.expect(name.is_some_and(|name| name == "Sora Asanuma"), "a name that was misspelt there is put right");
    }

    async fn adoption(&mut self, door: &Door, company: &Company) -> anyhow::Result<()> {
        let row = pair(door, ADOPTED, company.nulab.app).await?;
        let account = row.as_ref().map(|row| &row.account);
        let adopted = account.is_some_and(|a| a.presence == Presence::Active && a.origin == Some(Origin::Adopted));
        self.expect(adopted, "an account that was there is adopted, after an approval");
        let row = pair(door, REFUSED, company.nulab.app).await?;
        self.expect(row.is_none_or(|row| row.account.origin.is_none()), "one that was rejected is left alone");
        let row = pair(door, WAITING, company.nullplatform.app).await?;
        let waiting = row.and_then(|row| row.event).is_some_and(|event| event.status.kind() == StatusKind::Pending);
        self.expect(waiting, "one still waits for a decision: yours");
        Ok(())
    }

    async fn at_rest(&mut self, door: &Door, seen: &Seen) -> anyhow::Result<()> {
        let Answer::Synced(apps) = &seen.last_sync else { bail!("`sync` answered something else") };
        let requests: u64 = apps.iter().map(|app| app.requests).sum();
        self.expect(requests == 0 && apps.len() == 2, format!("the last sync sent {requests} requests"));
        let Answer::Apps(apps) = door.ask(Command::Apps).await? else { bail!("`apps` answered something else") };
        let of = |status: StatusKind| -> u64 { apps.iter().filter_map(|app| app.counts.events.get(&status)).sum() };
        let bad = of(StatusKind::Failed) + of(StatusKind::Refused);
        self.expect(bad == 0, format!("{bad} events failed or were blocked, {} succeeded", of(StatusKind::Succeeded)));
        let open = of(StatusKind::Queued) + of(StatusKind::Running) + of(StatusKind::Verifying);
        self.expect(open == 0, "nothing is queued, running or unverified");
        let approved = seen.approved.len();
        self.expect(approved > 0, format!("{approved} held operations were approved, each for exactly what was shown"));
        let Answer::Verified(verified) = door.ask(Command::StoreVerify).await? else {
            bail!("`store verify` answered something else")
        };
        self.expect(
            verified.problems.is_empty() && verified.head.sequence > 0,
            format!("the history of {} entries is whole: every block's hash fits", verified.head.sequence),
        );
        Ok(())
    }

    /// Whether everything came out.
    pub(super) fn all_met(&self) -> bool {
        self.0.iter().all(|(met, _)| *met)
    }

    /// A line each.
    pub(super) fn shown(&self, style: &Style) -> String {
        let mut out = format!("\n{}\n", style.paint(Tint::Strong, "── Did everything come out as it should?"));
        for (met, what) in &self.0 {
            let mark = if *met { style.paint(Tint::Good, "✓") } else { style.paint(Tint::Bad, "✗") };
            let _ = writeln!(out, "{mark} {what}");
        }
        let wrong = self.0.iter().filter(|(met, _)| !met).count();
        let _ = match wrong {
            0 => writeln!(out, "\n{}", style.paint(Tint::Good, "All of it.")),
            wrong => writeln!(
                out,
                "\n{}",
                style.paint(Tint::Bad, &format!("{wrong} did not; that is a fault, please report it."))
            ),
        };
        out
    }
}

/// E-mail addresses of everybody who is active.
async fn active_people(door: &Door) -> anyhow::Result<BTreeSet<String>> {
    let Answer::Users(users) = door.ask(Command::Users { search: None, limit: 1_000 }).await? else {
        bail!("`users` answered something else")
    };
    let active = users.iter().filter(|user| user.effective_standing() == Standing::Active);
    Ok(active.filter_map(|user| user.text("email").map(str::to_owned)).collect())
}

fn find(target: &Target, user_name: &str) -> Option<AccountView> {
    target.sandbox.accounts().into_iter().find(|account| account.user_name == user_name)
}

async fn pair(door: &Door, user: &str, app: &str) -> anyhow::Result<Option<StatusRow>> {
    let user = Some(UserRef(user.to_owned()));
    let Answer::Status(rows) = door.ask(Command::Status { user, app: Some(app.parse()?), limit: 10 }).await? else {
        bail!("`status` answered something else")
    };
    Ok(rows.into_iter().next())
}
