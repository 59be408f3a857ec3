//! `usher import`: users from files.

use std::path::PathBuf;

use clap::Args;

use crate::cli::door::{Door, absolute};
use crate::cli::exit::Exit;
use crate::cli::remote::Upload;
use crate::engine::command::Command;

/// Read users from CSV, JSON lines or LDIF files.
///
/// All files of one call are one generation: planners see all of it or nothing. Without --full absence means nothing; with it, users
/// of the same source who are missing are suspended (or what the source's `missing` says). If too many would leave, lose a role or
/// lose a value, the generation is parked until someone applies or drops it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher import changes.csv                     what the file says, nothing else\n  usher import --full people.csv               who is missing leaves\n  usher import --source ldap 10_people.ldif 30_groups.ldif\n  usher import --full --accept-shrink 12 people.csv\n                                               12 leavers are expected; more still park"
)]
pub(crate) struct Import {
    /// The source that the files come from [default: the only one in usher.toml]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The files are everybody: who is missing leaves
    #[arg(long)]
    full: bool,
    /// The expected number of users who leave, lose a role or lose a value
    #[arg(long, value_name = "N")]
    accept_shrink: Option<u64>,
    /// Look first: park it whatever the guard says; `usher imports apply` lets it count
    #[arg(long)]
    park: bool,
    /// CSV, JSON (lines or an array) or LDIF, told by the ending
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Import {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        if let Some(remote) = door.remote()? {
            let (source, files) = (self.source.as_deref(), self.files.as_slice());
            let upload = Upload { source, full: self.full, accept_shrink: self.accept_shrink, park: self.park, files };
            return door.send(remote, upload).await;
        }
        let source = door.workspace().await?.source(self.source.as_deref())?.clone();
        let files = self.files.iter().map(|file| absolute(file)).collect::<Result<_, _>>()?;
        door.show(Command::Import {
            source,
            files,
            full: self.full,
            accept_shrink: self.accept_shrink,
            park: self.park,
            within: None,
        })
        .await
    }
}
