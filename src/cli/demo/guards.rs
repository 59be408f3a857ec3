//! What the guards are for: an export that lost nearly everybody is parked; let in all the same, it is a held batch; rejected, and
//! followed by a whole export, it has changed nothing.

use std::collections::BTreeSet;

use anyhow::{Context, bail};

use crate::cli::demo::walk::Walk;
use crate::cli::door::say;
use crate::cli::show::answer;
use crate::engine::answer::{Answer, ImportAnswer};
use crate::engine::command::Command;
use crate::engine::pending::Choice;
use crate::id::BatchId;
use crate::provision::event::Event;
use crate::provision::operation::Kind;

/// The export that a view without enough rights gives.
const SHORT: &str = "short.csv";
/// Of what concerns many, so many lines are shown.
const LINES: usize = 3;
/// Lines that are in it: the headings, and two departments.
const KEPT: [&str; 3] = ["department", "Engineering", "Finance"];

impl Walk<'_> {
    /// Takes the short export through both gates. Returns how many operations were held and rejected.
    pub(super) async fn short_export(&self) -> anyhow::Result<usize> {
        self.shorten()?;
        let Answer::Imported(ImportAnswer { import, .. }) = self.import(SHORT, true).await? else {
            bail!("`import` answered something else")
        };
        let missing = import.preview.missing;
        say("\nIt is parked, and nothing has changed. Suppose an admin lets it in all the same:\n")?;
        let typed = format!("usher imports apply {} --accept-shrink {missing}", import.id);
        self.step(&typed, Command::ImportApply { id: import.id, accept_shrink: Some(missing) }).await?;
        self.sync().await?;
        let held = self.held().await?;
        if let Some(event) = held.first() {
            let typed = format!("usher approvals show {}", event.id);
            self.step(&typed, Command::EventShow { event: event.id }).await?;
        }
        let batches: BTreeSet<BatchId> = held.iter().filter_map(|event| event.batch).collect();
        let batches: Vec<BatchId> = batches.into_iter().collect();
        let comment = "the export was cut short";
        let named: String = batches.iter().map(|batch| format!(" --batch {batch}")).collect();
        say(&format!("\n{}\n", self.typed(&format!("usher approvals reject{named} --comment \"{comment}\""))))?;
        let (choice, comment) = (Choice { batches, ..Choice::default() }, comment.to_owned());
        let reject = Command::Decide { choice, shown: None, approve: false, comment, dry_run: false };
        self.first_of_many(reject).await?;
        say("\nThe next export is whole again.\n")?;
        self.import("people.csv", true).await?;
        self.sync().await?;
        if let Some(event) = held.first() {
            self.step(&format!("usher history {}", event.id), Command::EventShow { event: event.id }).await?;
        }
        Ok(held.len())
    }

    fn shorten(&self) -> anyhow::Result<()> {
        let root = &self.company.workspace.root;
        let whole = std::fs::read_to_string(root.join("people.csv")).context("could not read people.csv")?;
        let kept = whole.lines().filter(|line| KEPT.iter().any(|word| line.contains(word)));
        let short: String = kept.map(|line| format!("{line}\n")).collect();
        std::fs::write(root.join(SHORT), short).with_context(|| format!("could not write {SHORT}"))?;
        let words: String = KEPT.iter().map(|word| format!(" -e {word}")).collect();
        say(&format!("\n{}\n", self.typed(&format!("grep{words} people.csv > {SHORT}"))))
    }

    /// The deactivations that wait; a few of them are shown.
    async fn held(&self) -> anyhow::Result<Vec<Event>> {
        let typed = format!("usher approvals list --limit {LINES}");
        self.step(&typed, Command::Approvals { app: None, limit: LINES }).await?;
        let Answer::Approvals(pending) = self.door.ask(Command::Approvals { app: None, limit: 1_000 }).await? else {
            bail!("`approvals list` answered something else")
        };
        Ok(pending
            .into_iter()
            .map(|waiting| waiting.event)
            .filter(|event| event.operation.kind == Kind::Deactivate)
            .collect())
    }

    /// Decides, and shows the first lines of the answer.
    async fn first_of_many(&self, decide: Command) -> anyhow::Result<()> {
        let Answer::Decided(mut decided) = self.door.ask(decide).await? else {
            bail!("`approvals` answered something else")
        };
        let more = decided.len().saturating_sub(LINES);
        decided.truncate(LINES);
        say(&answer::answer(self.style, &Answer::Decided(decided)))?;
        say(&format!("  and {more} more\n"))
    }
}
