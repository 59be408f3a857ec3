//! The walk itself: each step is a command that anyone could type, with its answer below it.

use std::collections::BTreeMap;

use anyhow::bail;

use crate::cli::apply::{base, remember_base};
use crate::cli::demo::company::{Company, DEVELOPERS, OFFICE, Target};
use crate::cli::door::{Door, say};
use crate::cli::show::{Style, Tint, answer};
use crate::engine::answer::Answer;
use crate::engine::command::{Command, UserRef};
use crate::engine::desk::status::HistoryFilter;
use crate::engine::pending::Choice;
use crate::id::{AppName, EventId};
use crate::provision::event::Event;

/// Rows of long answers that the demo shows.
const ROWS: usize = 6;
/// Whose held operation the demo leaves for the person at the keyboard.
const LEFT: &str = "Caleb Thornquist";
/// Whose account is not ours: the demo's operator says no.
const REJECTED: &str = "Willem Drentstra";

/// Whom the target's admin takes out of a group, whose name that admin misspells, and what is put into a group.
pub(super) const TAKEN_OUT: &str = "wanjiru.kamotho@tanuki.example";
pub(super) const RENAMED: &str = "sora.asanuma@tanuki.example";
pub(super) const ROBOT: &str = "deploys@tanuki.example";
/// A lead: in a group that does not take effect.
pub(super) const LEADS: &str = "aoba.kirishima@tanuki.example";

/// What the walk saw, for the expectations.
pub(super) struct Seen {
    /// Third-party accounts before the first push, or as others left them after that, byte for byte, by app.
    pub(super) before: BTreeMap<&'static str, BTreeMap<String, Vec<u8>>>,
    /// Events that the demo's operator approved.
    pub(super) approved: Vec<EventId>,
    /// How many deactivations a short export held, all of them rejected.
    pub(super) held: usize,
    /// What the last sync said: nothing is left to do.
    pub(super) last_sync: Answer,
}

/// The walk.
pub(super) struct Walk<'a> {
    pub(super) door: &'a Door,
    pub(super) style: &'a Style,
    pub(super) company: &'a Company,
}

impl Walk<'_> {
    pub(super) async fn run(&self) -> anyhow::Result<Seen> {
        let mut before: BTreeMap<_, _> =
            [&self.company.nulab, &self.company.nullplatform].map(third_party).into_iter().collect();
        self.heading("A company, and two apps with accounts that somebody else made")?;
        self.import("people.csv", true).await?;
        self.apply().await?;
        self.step("usher apps test nulab", Command::AppTest { app: AppName::new("nulab")? }).await?;
        let refresh = Command::Refresh { app: AppName::new("nullplatform")? };
        self.step("usher apps refresh nullplatform", refresh).await?;
        self.heading("What would happen? (reads only)")?;
        self.step("usher plan", Command::Plan { app: None, user: None, draft: None }).await?;
        self.heading("Make it so")?;
        self.sync().await?;
        self.heading("What is held waits for a person")?;
        let approved = self.decide().await?;
        self.sync().await?;
        self.heading("An export that lost most of the company")?;
        let held = self.short_export().await?;
        self.heading("One person moves, one leaves")?;
        self.import("changes.csv", false).await?;
        self.step("usher plan", Command::Plan { app: None, user: None, draft: None }).await?;
        self.sync().await?;
        self.heading("Somebody changes things in nullplatform by hand")?;
        self.tamper()?;
        before.extend([third_party(&self.company.nullplatform)]);
        self.reconcile().await?;
        self.sync().await?;
        self.heading("Where everybody stands, and what happened")?;
        self.look_around().await?;
        self.heading("Once more: nothing is left to do")?;
        let last_sync = self.sync().await?;
        Ok(Seen { before, approved, held, last_sync })
    }

    fn heading(&self, title: &str) -> anyhow::Result<()> {
        let rule = "─".repeat(usize::from(self.style.width).saturating_sub(title.chars().count() + 4).min(60));
        say(&format!("\n{}\n", self.style.paint(Tint::Strong, &format!("── {title} {rule}"))))
    }

    pub(super) fn typed(&self, typed: &str) -> String {
        format!("{} {typed}", self.style.paint(Tint::Faint, "$"))
    }

    /// Shows a command as it is typed, carries it out, shows the answer.
    pub(super) async fn step(&self, typed: &str, command: Command) -> anyhow::Result<Answer> {
        say(&format!("\n{}\n", self.typed(typed)))?;
        let answer = self.door.ask(command).await?;
        let style = Style { rows_max: ROWS, ..self.door.style() };
        say(&answer::answer(&style, &answer))?;
        Ok(answer)
    }

    pub(super) async fn import(&self, file: &str, full: bool) -> anyhow::Result<Answer> {
        let source = self.company.workspace.source(None)?.clone();
        let files = vec![self.company.workspace.root.join(file)];
        let typed = format!("usher import {}{file}", if full { "--full " } else { "" });
        self.step(&typed, Command::Import { source, files, full, accept_shrink: None, park: false, within: None }).await
    }

    async fn apply(&self) -> anyhow::Result<()> {
        let workspace = &self.company.workspace;
        let bundle = workspace.load_bundle()?;
        let comment = "the demo's two apps".to_owned();
        let command = Command::Apply { bundle, base: base(workspace), comment, dry_run: false };
        let typed = "usher apply --comment \"the demo's two apps\"";
        if let Answer::Applied(applied) = self.step(typed, command).await?
            && let Some(revision) = applied.revision
        {
            remember_base(workspace, revision.number);
        }
        Ok(())
    }

    pub(super) async fn sync(&self) -> anyhow::Result<Answer> {
        let workspace = Some(self.company.workspace.load_bundle()?);
        self.step("usher sync", Command::Sync { app: None, plan: None, workspace }).await
    }

    /// Approves what is held, but for one that is rejected and one that is left.
    async fn decide(&self) -> anyhow::Result<Vec<EventId>> {
        let list = Command::Approvals { app: None, limit: 100 };
        let Answer::Approvals(pending) = self.step("usher approvals list", list).await? else {
            bail!("`approvals list` answered something else")
        };
        let pending: Vec<Event> = pending.into_iter().map(|waiting| waiting.event).collect();
        let of = |label: &str| pending.iter().filter(|event| event.operation.label == label).collect::<Vec<&Event>>();
        if let Some(left) = of(LEFT).first() {
            self.company.leave(left.id);
        }
        let rejected: Vec<EventId> = of(REJECTED).iter().map(|event| event.id).collect();
        let approved: Vec<EventId> = pending
            .iter()
            .filter(|event| event.operation.label != LEFT && event.operation.label != REJECTED)
            .map(|event| event.id)
            .collect();
        self.ruling(approved.clone(), true, "known accounts").await?;
        self.ruling(rejected, false, "an account of his own, not ours").await?;
        Ok(approved)
    }

    async fn ruling(&self, events: Vec<EventId>, approve: bool, comment: &str) -> anyhow::Result<()> {
        let ids: Vec<String> = events.iter().map(|event| event.0.to_string()).collect();
        let word = if approve { "approve" } else { "reject" };
        let typed = format!("usher approvals {word} {} --comment \"{comment}\"", ids.join(" "));
        let (choice, comment) = (Choice::of(events), comment.to_owned());
        let command = Command::Decide { choice, shown: None, approve, comment, dry_run: false };
        self.step(&typed, command).await?;
        Ok(())
    }

    /// What an admin of the target does without us: one of ours out of a group, another one's name changed, a robot into a group.
    fn tamper(&self) -> anyhow::Result<()> {
        let sandbox = &self.company.nullplatform.sandbox;
        let account = |name: &str| sandbox.accounts().into_iter().find(|account| account.user_name == name);
        let group = |name: &str| sandbox.groups().into_iter().find(|group| group.display_name == name);
        let (Some(out), Some(renamed), Some(robot)) = (account(TAKEN_OUT), account(RENAMED), account(ROBOT)) else {
            bail!("somebody is not in nullplatform")
        };
        let (Some(developers), Some(office)) = (group(DEVELOPERS), group(OFFICE)) else { bail!("a group is gone") };
        sandbox.take_out_of_group(&developers.id, &out.id);
        sandbox.tamper(&renamed.id, |body| drop(body.insert("displayName".to_owned(), "Soraaa".into())));
        sandbox.put_into_group(&office.id, &robot.id);
        say(
            "\nAn admin of nullplatform takes Wanjiru out of Developers, misspells Sora, and puts the deploy robot into Office tokyo.\n",
        )
    }

    async fn reconcile(&self) -> anyhow::Result<()> {
        let command = Command::Reconcile { app: AppName::new("nullplatform")?, last: false };
        self.step("usher reconcile nullplatform", command).await?;
        Ok(())
    }

    async fn look_around(&self) -> anyhow::Result<()> {
        self.step("usher apps list", Command::Apps).await?;
        self.step("usher approvals list", Command::Approvals { app: None, limit: 100 }).await?;
        self.step("usher status --limit 12", Command::Status { user: None, app: None, limit: 12 }).await?;
        let user = UserRef(LEADS.to_owned());
        self.step(&format!("usher users show {LEADS}"), Command::UserShow { user }).await?;
        let filter = HistoryFilter { limit: 10, ..HistoryFilter::default() };
        let history = Command::History { user: None, filter };
        self.step("usher history --limit 10", history).await?;
        let app = AppName::new("nullplatform")?;
        let explain = Command::Explain { user: UserRef(LEADS.to_owned()), app, at: None };
        self.step(&format!("usher explain {LEADS} nullplatform"), explain).await?;
        self.step("usher store verify", Command::StoreVerify).await?;
        self.step("usher history head", Command::HistoryHead).await?;
        Ok(())
    }
}

fn third_party(target: &Target) -> (&'static str, BTreeMap<String, Vec<u8>>) {
    (target.app, target.sandbox.third_party())
}
