//! The files of a store on disk: the directory, what lies beside it, hygiene, the lock, free space.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::store::act::{StoreError, StoreResult};

/// An I/O error that names the file.
pub(crate) fn naming(path: &Path, act: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.display().to_string();
    move |source| StoreError::Io { act, source: io::Error::new(source.kind(), format!("{path}: {source}")) }
}

/// `<dir>.<what>`.
pub(crate) fn beside(dir: &Path, what: &str) -> PathBuf {
    let mut name = dir.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    PathBuf::from(name)
}

/// Creates a file that only its owner may read; fails if it exists.
pub(crate) fn create_private(file: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)
}

/// Creates the store's directory for its owner only.
pub(crate) fn create_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Makes names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(if dir.as_os_str().is_empty() { Path::new(".") } else { dir })?.sync_all()
}

/// Makes files that sled wrote beside its log durable: rows too large for the log, which its flush does not reach. `known` are
/// those that were made durable before.
pub(crate) fn sync_blobs(dir: &Path, known: &mut std::collections::BTreeSet<std::ffi::OsString>) -> io::Result<()> {
    let blobs = dir.join("blobs");
    let mut present = std::collections::BTreeSet::new();
    let mut fresh = false;
    for entry in fs::read_dir(&blobs)? {
        let entry = entry?;
        let name = entry.file_name();
        if !known.contains(&name) {
            match File::open(entry.path()) {
                Ok(file) => file.sync_all()?,
                // Removed meanwhile: nothing refers to it any more.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            }
            fresh = true;
        }
        present.insert(name);
    }
    if fresh {
        sync_dir(&blobs)?;
    }
    *known = present;
    Ok(())
}

/// Makes a file's name durable.
pub(crate) fn sync_parent(file: &Path) -> io::Result<()> {
    sync_dir(file.parent().unwrap_or(Path::new(".")))
}

/// Writes a file whole or not at all, durably.
pub(crate) fn write_whole(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = beside(file, "unfinished");
    drop(fs::remove_file(&draft));
    let mut out = create_private(&draft)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    fs::rename(&draft, file)?;
    sync_parent(file)
}

/// What sled creates is durable only after this.
pub(crate) fn sync_created(dir: &Path) -> io::Result<()> {
    for name in ["db", "conf", "journal"] {
        let file = dir.join(name);
        if file.exists() {
            File::open(file)?.sync_all()?;
        }
    }
    let blobs = dir.join("blobs");
    if blobs.exists() {
        sync_dir(&blobs)?;
    }
    sync_dir(dir)?;
    sync_parent(dir)
}

fn snapshots(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap."));
    Ok(fs::read_dir(dir)?.filter_map(Result::ok).map(|entry| entry.path()).filter(named).collect())
}

/// Removes what a crash while writing a snapshot leaves: sled would not open.
pub(crate) fn remove_unfinished_snapshots(dir: &Path) -> io::Result<()> {
    for file in snapshots(dir)? {
        if file.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(file)?;
        }
    }
    Ok(())
}

/// Sets snapshots aside so that sled replays its log; returns whether there were any.
pub(crate) fn set_snapshots_aside(dir: &Path) -> io::Result<bool> {
    let found = snapshots(dir)?;
    for file in &found {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        fs::rename(file, dir.join(format!("damaged-{name}")))?;
    }
    Ok(!found.is_empty())
}

/// Forgets what is remembered of a store that is no more.
pub(crate) fn forget_checkpoint(dir: &Path) -> io::Result<()> {
    for what in ["checkpoint", "tip"] {
        match fs::remove_file(beside(dir, what)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Takes the lock beside the store; it is held while the file is open, and says who holds it.
pub(crate) fn lock(dir: &Path, command: &str) -> StoreResult<File> {
    let path = beside(dir, "lock");
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let mut file = open.map_err(naming(&path, "be locked"))?;
    match patient_lock(&mut file) {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let holder = crate::text::printable(holder_of(&mut file).trim());
            return Err(StoreError::InUse(if holder.is_empty() { "another process".to_owned() } else { holder }));
        }
        Err(fs::TryLockError::Error(error)) => return Err(naming(&path, "be locked")(error)),
    }
    let holder = format!("process {} ({command})\n", std::process::id());
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(holder.as_bytes()));
    written.map_err(naming(&path, "be locked"))?;
    Ok(file)
}

fn holder_of(file: &mut File) -> String {
    let mut holder = String::new();
    // An unreadable name is no name.
    drop(file.rewind().and_then(|()| file.read_to_string(&mut holder)));
    holder
}

/// Locks at once, or waits a moment for this same process, whose last reader is just letting go of the store before.
fn patient_lock(file: &mut File) -> Result<(), fs::TryLockError> {
    let ours = format!("process {} ", std::process::id());
    for _ in 0..OWN_LOCK_TRIES {
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) if holder_of(file).starts_with(&ours) => {
                std::thread::park_timeout(OWN_LOCK_PAUSE);
            }
            other => return other,
        }
    }
    file.try_lock()
}

/// How often, and with which pauses, a lock of this same process is tried: a second in all.
const OWN_LOCK_TRIES: u32 = 100;
const OWN_LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

/// Bytes an unprivileged process can still write where `path` is.
pub(crate) fn free_bytes(path: &Path) -> io::Result<u64> {
    let stat = nix::sys::statvfs::statvfs(path).map_err(io::Error::from)?;
    Ok(stat.blocks_available().saturating_mul(stat.fragment_size()))
}

/// Writes the ballast if it is not there; best effort.
pub(crate) fn load_ballast(dir: &Path, bytes: u64) {
    let file = beside(dir, "ballast");
    if bytes == 0 || fs::metadata(&file).is_ok_and(|data| data.len() >= bytes) {
        return;
    }
    let write = || -> io::Result<()> {
        drop(fs::remove_file(&file));
        let mut out = create_private(&file)?;
        // Real blocks, not a hole.
        let block = vec![0xAA; 64 * 1024];
        let mut rest = bytes;
        while rest > 0 {
            let now = rest.min(block.len() as u64);
            out.write_all(&block[..usize::try_from(now).unwrap_or(0)])?;
            rest -= now;
        }
        out.sync_all()
    };
    if write().is_err() {
        drop(fs::remove_file(&file));
    }
}

/// Gives the ballast up.
pub(crate) fn drop_ballast(dir: &Path) {
    drop(fs::remove_file(beside(dir, "ballast")));
}
