//! `usher rules check`: do the rules do what their examples say?

use clap::{Args, Subcommand};

use crate::cli::door::{Door, say};
use crate::cli::exit::Exit;
use crate::cli::show;
use crate::clock::{Clock, SystemClock};
use crate::engine::trial::{self, ExampleRun, Mistake};
use crate::id::AppName;

/// Work with rules.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  usher rules check")]
pub(crate) struct Rules {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Compile the rules in the workspace's files and run their examples
    ///
    /// Examples stand beside a script, in NAME.examples.toml: users, and what they must come out as. A revision whose examples fail is
    /// not activated. Exit code 3 if one fails.
    #[command(after_help = "Examples:\n  usher rules check\n  usher rules check --app nulab")]
    Check {
        /// Only the rules of this app
        #[arg(long)]
        app: Option<AppName>,
    },
}

impl Rules {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        let What::Check { app } = self.what;
        let bundle = door.bundle().await?;
        // Files and nothing else: it needs no store, and disturbs nobody who holds one.
        let checked = trial::check(&bundle, app.as_ref(), SystemClock.now())?;
        if door.globals().json {
            let one = |run: &ExampleRun| {
                let problems: Vec<&str> = run.deviations.iter().map(|each| each.sentence.as_str()).collect();
                serde_json::json!({
                    "rules": run.rules, "file": run.file, "example": run.name, "passed": run.passed(), "problems": problems,
                })
            };
            let broken = |mistake: &Mistake| {
                serde_json::json!({
                    "rules": mistake.file, "file": mistake.file, "example": "", "passed": false, "problems": [show::rules::place(mistake)],
                })
            };
            let runs = checked.mistakes.iter().map(broken).chain(checked.examples.iter().map(one));
            door.print_json(&runs.collect())?;
        } else {
            say(&show::rules::checked(&door.style(), &checked))?;
        }
        Ok(if checked.passed() { Exit::Done } else { Exit::Attention })
    }
}
