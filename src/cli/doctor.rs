//! `usher doctor`: is all well?

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::connect::environment;
use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::config::Workspace;
use crate::connector::app::CredentialRef;
use crate::connector::revision::Bundle;
use crate::engine::answer::{Answer, Check, CheckLevel};
use crate::engine::command::Command;

/// Below this the store soon refuses to write.
const FREE_BYTES_MIN: u64 = 256 << 20;
/// Below this somebody should make room.
const FREE_BYTES_NOTE: u64 = 2 << 30;
/// The clock was set before this program was written: 2026-01-01.
const CLOCK_MIN: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Check store, disk, credentials, clock, draft against active, and leavers who are still active.
///
/// Exit code 3 if something must be put right.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  usher doctor\n  usher doctor --json")]
pub(crate) struct Doctor {}

impl Doctor {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        if door.remote()?.is_some() {
            return far(door).await;
        }
        let workspace = door.workspace().await?;
        let mut checks = vec![disk(workspace), clock(workspace), secrets(workspace)];
        let bundle = match workspace.load_bundle() {
            Ok(bundle) => {
                checks.extend(credentials(workspace, &bundle));
                Some(bundle)
            }
            Err(error) => {
                checks.push(bad("files", error.to_string()));
                None
            }
        };
        match door.ask(Command::Doctor { workspace: bundle }).await {
            Ok(Answer::Doctor(found)) => checks.extend(found),
            Ok(other) => checks.push(bad("engine", format!("an answer that was not asked for: {other:?}"))),
            Err(error) => checks.push(bad("store", format!("{error:#}"))),
        }
        door.print(&Answer::Doctor(checks))
    }
}

/// What a server says of itself. This machine's disk and clock are no concern of its; the draft is, if there is one here.
async fn far(door: &Door) -> anyhow::Result<Exit> {
    let workspace = match door.workspace_if_any().await {
        Some(workspace) => Some(workspace.load_bundle()?),
        None => None,
    };
    door.show(Command::Doctor { workspace }).await
}

fn check(subject: &str, level: CheckLevel, finding: String) -> Check {
    Check { subject: subject.to_owned(), level, finding }
}

fn bad(subject: &str, finding: String) -> Check {
    check(subject, CheckLevel::Bad, finding)
}

fn disk(workspace: &Workspace) -> Check {
    let folder = workspace.store_dir();
    let folder = if folder.exists() { folder } else { workspace.root.clone() };
    let free = match nix::sys::statvfs::statvfs(&folder) {
        Ok(stat) => stat.blocks_available().saturating_mul(stat.fragment_size()),
        Err(error) => return bad("disk", format!("free space of {} can't be read: {error}", folder.display())),
    };
    let said = format!("{} MiB free where the store is", free >> 20);
    match free {
        free if free < FREE_BYTES_MIN => bad("disk", format!("{said}; make room, soon nothing can be written")),
        free if free < FREE_BYTES_NOTE => check("disk", CheckLevel::Note, format!("{said}; make room")),
        _ => check("disk", CheckLevel::Good, said),
    }
}

fn clock(workspace: &Workspace) -> Check {
    let now = SystemClock.now();
    let written = std::fs::metadata(workspace.root.join("usher.toml"))
        .and_then(|meta| meta.modified())
        .ok()
        .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok())
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .map(Timestamp::from_millis);
    if now < CLOCK_MIN {
        return bad("clock", format!("it says {now}, which is past; set it, or times in the history are wrong"));
    }
    match written {
        Some(written) if written > now.plus_millis(60_000) => check(
            "clock",
            CheckLevel::Note,
            format!("it says {now}, but usher.toml was written at {written}; is it right?"),
        ),
        _ => check("clock", CheckLevel::Good, now.to_string()),
    }
}

fn secrets(workspace: &Workspace) -> Check {
    let open = |path: &Path| {
        std::fs::metadata(path).map(|meta| meta.permissions().mode() & 0o077).ok().filter(|mode| *mode != 0)
    };
    for folder in [workspace.root.join("secrets"), workspace.store_dir()] {
        if open(&folder).is_some() {
            let finding = format!("others on this machine may look into {0}; run `chmod 700 {0}`", folder.display());
            return check("privacy", CheckLevel::Note, finding);
        }
    }
    if let Some(path) = written_by_others(workspace) {
        let finding = format!(
            "everybody on this machine may write {0}, and so say where tokens are sent; run `chmod o-w` on it",
            path.display()
        );
        return bad("privacy", finding);
    }
    check("privacy", CheckLevel::Good, "secrets and store are readable by their owner alone".to_owned())
}

/// A file of the workspace, or a folder of such, that everybody may write.
fn written_by_others(workspace: &Workspace) -> Option<PathBuf> {
    let folders = ["apps", "connectors", "rules"].map(|name| workspace.root.join(name));
    let files = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let files = files.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let own = [workspace.root.clone(), workspace.root.join("usher.toml")];
    let all = own.into_iter().chain(folders.iter().cloned()).chain(files);
    let open = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o002 != 0);
    all.into_iter().find(open)
}

fn credentials(workspace: &Workspace, bundle: &Bundle) -> Vec<Check> {
    let apps = match bundle.resolve() {
        Ok(apps) => apps,
        Err(errors) => return errors.iter().map(|error| bad("files", error.to_string())).collect(),
    };
    // What is sealed lies in the store: the desk says whether it opens.
    let here = apps.iter().filter(|(_, spec)| spec.app.credential != CredentialRef::Sealed);
    let one = |(name, spec): (&crate::id::AppName, &crate::connector::app::AppSpec)| {
        let subject = format!("credential of {name}");
        match workspace.credential(&spec.app.credential, &environment) {
            Err(error) => bad(&subject, crate::cli::run::one_line(&error)),
            Ok(credential) if credential.warnings.is_empty() => {
                check(&subject, CheckLevel::Good, format!("{} is there", spec.app.credential))
            }
            Ok(credential) => check(&subject, CheckLevel::Note, credential.warnings.join("; ")),
        }
    };
    here.map(one).collect()
}
