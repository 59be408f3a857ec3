//! `usher approvals`: what waits for a person.

use std::io::IsTerminal;
use std::str::FromStr;

use anyhow::bail;
use clap::{Args, Subcommand};

use crate::cli::door::{Door, say};
use crate::cli::exit::Exit;
use crate::cli::prompt;
use crate::cli::value::kind;
use crate::clock::Span;
use crate::engine::answer::Answer;
use crate::engine::command::{Command, UserRef};
use crate::engine::pending::{Choice, Shown};
use crate::id::{AppName, BatchId, EventId};
use crate::provision::guard::finding::FindingKind;
use crate::provision::operation::Kind;

/// See what waits for a decision, and decide.
///
/// An approval is for exactly the payload that was shown: if anything changes afterwards, it is asked again. A rejection is remembered:
/// the same payload is not asked again until it changes or someone says `usher retry`. Where the app asks for two approvers, the first
/// one leaves it pending.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher approvals list\n  usher approvals show 17\n  usher approvals approve 17 18 19 --comment \"known accounts\"\n  usher approvals approve --app nulab --finding third_party_account --dry-run\n  usher approvals approve --batch bat_0192… --shown 42:bbd486394747 --comment \"the reorganisation\"\n  usher approvals reject 20 --comment \"not ours\""
)]
pub(crate) struct Approvals {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What waits, newest first
    #[command(after_help = "Example:\n  usher approvals list --app nulab")]
    List {
        /// Only of this app
        #[arg(long)]
        app: Option<AppName>,
        /// At most this many
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
    },
    /// One event: what it would do, why it is held, its history; or one held batch
    #[command(
        after_help = "Examples:\n  usher approvals show 17            old → new, rule and line, findings, who may decide, history\n  usher approvals show bat_0192…    count and digest; adoptions sorted into exact, differing, ambiguous"
    )]
    Show {
        /// The event or the batch
        #[arg(value_name = "EVENT|BATCH")]
        what: Shows,
    },
    /// Release
    #[command(
        after_help = "Examples:\n  usher approvals approve 17 18 --comment \"known accounts\"\n  usher approvals approve --app nulab --kind create --older-than 2h --dry-run\n  usher approvals approve --app nulab --kind create --shown 12:bbd486394747 --comment \"first import\""
    )]
    Approve(Typed),
    /// Drop, and do not ask again for the same payload
    #[command(after_help = "Example:\n  usher approvals reject 20 --comment \"not ours\"")]
    Reject(Typed),
}

/// What is shown.
#[derive(Debug, Clone, Copy)]
enum Shows {
    Event(EventId),
    Batch(BatchId),
}

impl FromStr for Shows {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("bat_") {
            return text.parse().map(Self::Batch).map_err(|error| format!("{error}"));
        }
        text.parse().map(Self::Event).map_err(|error| format!("{error}"))
    }
}

/// What is decided. Filters are all to match; they never reach into a held batch unless --batch names it.
#[derive(Debug, Args)]
struct Typed {
    /// Events, as `evt_17` or `17`
    #[arg(value_name = "EVENT", conflicts_with_all = ["app", "user", "kind", "finding", "older_than"])]
    events: Vec<EventId>,
    /// A held batch
    #[arg(long, value_name = "BATCH")]
    batch: Vec<BatchId>,
    /// Everything that waits, held batches apart
    #[arg(long, conflicts_with_all = ["events", "batch"])]
    all: bool,
    /// Only of this app
    #[arg(long)]
    app: Option<AppName>,
    /// Only of this user: key, source:key, e-mail address, user name or id
    #[arg(long)]
    user: Option<String>,
    /// Only of these kinds: link, create, update, rename, deactivate, reactivate, delete
    #[arg(long, value_delimiter = ',', value_parser = kind)]
    kind: Vec<Kind>,
    /// Only with one of these findings, for example third_party_account, role_downgrade
    #[arg(long, value_delimiter = ',')]
    finding: Vec<FindingKind>,
    /// Only what waits for longer than this: 30m, 12h, 3d
    #[arg(long, value_name = "LENGTH")]
    older_than: Option<Span>,
    /// Exactly what was shown, count and digest: what joined since waits, and if something else changed nothing is decided
    #[arg(long, value_name = "COUNT:DIGEST")]
    shown: Option<Shown>,
    /// Show what it would take, and stop
    #[arg(long)]
    dry_run: bool,
    /// Don't ask
    #[arg(long, short = 'y')]
    yes: bool,
    /// Why; needed to approve what you caused yourself
    #[arg(long, short = 'm', default_value = "", value_name = "TEXT")]
    comment: String,
}

impl Typed {
    async fn run(self, approve: bool, door: &Door) -> anyhow::Result<Exit> {
        let choice = Choice {
            events: self.events,
            batches: self.batch,
            all: self.all,
            app: self.app,
            user: self.user.map(UserRef),
            kinds: self.kind,
            findings: self.finding,
            older_than: self.older_than,
        };
        if choice.is_empty() {
            bail!("nothing to decide; name events, a --batch, a filter, or --all (`usher approvals list` shows them)");
        }
        let named = choice.batches.is_empty() && !choice.all && !choice.filters();
        let decide =
            |choice, shown, dry_run| Command::Decide { choice, shown, approve, comment: self.comment.clone(), dry_run };
        if self.dry_run {
            return door.show(decide(choice, self.shown, true)).await;
        }
        let asks = !named && !self.yes && self.shown.is_none() && !door.globals().json && is_a_person();
        if !asks {
            return door.show(decide(choice, self.shown, false)).await;
        }
        let answer = door.ask(decide(choice.clone(), None, true)).await?;
        door.print(&answer)?;
        let Answer::Chosen(chosen) = answer else { bail!("the dry run answered something else") };
        if !confirmed(approve, chosen.shown.count)? {
            say("Nothing was decided.\n")?;
            return Ok(Exit::Done);
        }
        door.show(decide(choice, Some(chosen.shown), false)).await
    }
}

/// Whether somebody sits there who can be asked.
fn is_a_person() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

fn confirmed(approve: bool, count: usize) -> anyhow::Result<bool> {
    let word = if approve { "Approve" } else { "Reject" };
    say(&format!("{word} these {count}? [y/N] "))?;
    Ok(matches!(prompt::line()?.trim(), "y" | "Y" | "yes"))
}

impl Approvals {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        match self.what {
            What::List { app, limit } => list(door, app, limit).await,
            What::Show { what: Shows::Event(event) } => door.show(Command::EventShow { event }).await,
            What::Show { what: Shows::Batch(batch) } => door.show(Command::BatchShow { batch }).await,
            What::Approve(typed) => typed.run(true, door).await,
            What::Reject(typed) => typed.run(false, door).await,
        }
    }
}

/// What waits; for people also who should have left already.
async fn list(door: &Door, app: Option<AppName>, limit: usize) -> anyhow::Result<Exit> {
    let exit = door.show(Command::Approvals { app: app.clone(), limit }).await?;
    if !door.globals().json
        && let Answer::Leavers(leavers) = door.ask(Command::Leavers { app }).await?
        && !leavers.is_empty()
    {
        say("\n")?;
        door.print(&Answer::Leavers(leavers))?;
    }
    Ok(exit)
}
