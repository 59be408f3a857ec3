//! `usher users`: the directory, and what operators lay over it.

use anyhow::bail;
use clap::{Args, Subcommand};

use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::cli::value::setting;
use crate::directory::user::Standing;
use crate::engine::answer::Answer;
use crate::engine::command::{Command, Edit, UserRef};

/// See users; suspend, restore, delete or override them by hand.
///
/// A user is named by key (`TW1004`), `source:key`, e-mail address, user name or id (`usr_…`). What an operator sets by hand survives
/// imports until it is lifted, and is shown as such. With a running `usher serve` a change reaches the apps at once.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher users list --search amy\n  usher users show hr:TW1004\n  usher users set TW1004 title=\"Team Lead\" custom.badge:=17\n  usher users set TW1004 --lift title\n  usher users suspend TW1004        leaves every app, by the apps' leaving policies\n  usher users restore TW1004        the source counts again"
)]
pub(crate) struct Users {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Users, in the order in which they came
    #[command(after_help = "Example:\n  usher users list --search sales --limit 100")]
    List {
        /// Part of a name, e-mail address or key
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
    },
    /// One user: attributes, where each comes from, and his accounts
    #[command(after_help = "Example:\n  usher users show amy@example.com")]
    Show {
        /// Key, source:key, e-mail address, user name or id
        user: String,
    },
    /// Override attributes by hand, or lift overrides
    #[command(
        after_help = "Examples:\n  usher users set amy title=\"Team Lead\"\n  usher users set amy title=           no value\n  usher users set amy --lift title     the source counts again"
    )]
    Set {
        /// Key, source:key, e-mail address, user name or id
        user: String,
        /// attribute=value, attribute= for no value, or attribute:=JSON
        #[arg(value_name = "ATTRIBUTE=VALUE")]
        settings: Vec<String>,
        /// Lift the override of this attribute
        #[arg(long, value_name = "ATTRIBUTE")]
        lift: Vec<String>,
    },
    /// Suspend by hand: the user leaves every app, by the apps' leaving policies
    #[command(after_help = "Example:\n  usher users suspend amy@example.com")]
    Suspend {
        /// Key, source:key, e-mail address, user name or id
        user: String,
    },
    /// Lift a manual suspension or deletion: the source counts again
    #[command(after_help = "Example:\n  usher users restore amy@example.com")]
    Restore {
        /// Key, source:key, e-mail address, user name or id
        user: String,
    },
    /// Delete by hand: a tombstone stays, so that the same key is the same person again
    #[command(after_help = "Example:\n  usher users delete amy@example.com")]
    Delete {
        /// Key, source:key, e-mail address, user name or id
        user: String,
    },
}

impl Users {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        let edit = |user, edit| Command::UserEdit { user: UserRef(user), edit };
        let command = match self.what {
            What::List { search, limit } => return list(door, search, limit).await,
            What::Show { user } => Command::UserShow { user: UserRef(user) },
            What::Suspend { user } => edit(user, Edit::Stand(Standing::Suspended)),
            What::Restore { user } => edit(user, Edit::Restore),
            What::Delete { user } => edit(user, Edit::Stand(Standing::Deleted)),
            What::Set { user, settings, lift } => return set(door, &user, &settings, lift).await,
        };
        door.show(command).await
    }
}

async fn list(door: &Door, search: Option<String>, limit: usize) -> anyhow::Result<Exit> {
    let answer = door.ask(Command::Users { search, limit }).await?;
    let exit = door.print(&answer)?;
    if matches!(&answer, Answer::Users(users) if users.len() == limit) {
        eprintln!("These are the first {limit}; there may be more: --limit N, or --search TEXT.");
    }
    Ok(exit)
}

async fn set(door: &Door, user: &str, settings: &[String], lift: Vec<String>) -> anyhow::Result<Exit> {
    if settings.is_empty() && lift.is_empty() {
        bail!("nothing to set; give attribute=value, or --lift attribute");
    }
    let mut edits: Vec<Edit> = lift.into_iter().map(|attribute| Edit::Lift { attribute }).collect();
    // All are read before the first is carried out.
    for typed in settings {
        let (attribute, value) = setting(typed)?;
        edits.push(Edit::Set { attribute, value });
    }
    // All of them, or none.
    let edit = Edit::Several { edits, from: None };
    door.show(Command::UserEdit { user: UserRef(user.to_owned()), edit }).await
}
