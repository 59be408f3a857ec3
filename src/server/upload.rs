//! Files that came over the network, for as long as one import reads them: in a folder of their own that nobody else may read, gone when
//! this is dropped. What is said of them names the file as it was sent, never where it lay.
//!
//! They are full of personal data, and a process that is killed drops nothing: so they lie below the store's folder, which one process has
//! at a time, and the next one removes what it finds there.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The largest upload, all files of it together, in bytes.
pub const UPLOAD_BYTES_MAX: usize = 256 << 20;

/// Below the store's folder.
const FOLDER: &str = "uploads";

/// Where uploads lie.
#[derive(Debug)]
pub struct Uploads(Option<PathBuf>);

impl Uploads {
    /// Below the folder of a store; a store without a folder has them where the system keeps what passes.
    pub fn beside(store: Option<&Path>) -> Self {
        Self(store.map(|store| store.join(FOLDER)))
    }

    /// Removes what a process left that had the store before. Waits for the disk.
    ///
    /// # Errors
    /// If something can't be removed.
    pub fn sweep(&self) -> io::Result<()> {
        let Some(folder) = &self.0 else { return Ok(()) };
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Begins one, without files. Waits for the disk.
    ///
    /// # Errors
    /// If its folder can't be made.
    pub fn begin(&self) -> io::Result<Upload> {
        let mut folder = tempfile::Builder::new();
        folder.prefix("usher-upload-").permissions(Permissions::from_mode(0o700));
        let folder = match &self.0 {
            None => folder.tempdir()?,
            Some(uploads) => {
                std::fs::create_dir_all(uploads)?;
                folder.tempdir_in(uploads)?
            }
        };
        Ok(Upload { folder, files: Vec::new() })
    }
}

/// Uploaded files.
#[derive(Debug)]
pub struct Upload {
    folder: TempDir,
    files: Vec<PathBuf>,
}

impl Upload {
    /// Adds a file under the last part of `name`. Writes to the disk: not for a thread that others wait for.
    ///
    /// # Errors
    /// If it can't be written, or the name is taken or says nothing.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.begin(name)?;
        io::Write::write_all(&mut file, bytes)
    }

    /// Begins a file that is written as it comes.
    ///
    /// # Errors
    /// As [`Upload::add`].
    pub fn begin(&mut self, name: &str) -> io::Result<std::fs::File> {
        let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let plain = |each: char| each.is_alphanumeric() || matches!(each, '.' | '-' | '_' | ' ');
        let safe: String = last.chars().map(|each| if plain(each) { each } else { '_' }).take(100).collect();
        if safe.trim_matches(['.', ' ']).is_empty() {
            return Err(io::Error::other(format!("`{}` is no name of a file", crate::text::printable(name))));
        }
        let path = self.folder.path().join(safe);
        let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path).map_err(|error| {
            let twice = error.kind() == io::ErrorKind::AlreadyExists;
            if twice { io::Error::new(error.kind(), format!("two of the files are called {last}")) } else { error }
        })?;
        self.files.push(path);
        Ok(file)
    }

    /// The folder that they lie in.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Where they lie, in the order of their coming.
    pub fn files(&self) -> Vec<PathBuf> {
        self.files.clone()
    }

    /// A sentence about them without the folder.
    pub fn told(&self, sentence: &str) -> String {
        sentence.replace(&format!("{}/", self.folder.path().display()), "")
    }
}
