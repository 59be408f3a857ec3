//! Files that came over the network, for as long as one import reads them: in a folder of their own that nobody else may read, gone when
//! this is dropped. What is said of them names the file as it was sent, never where it lay.

use std::io;
use std::path::PathBuf;

use tempfile::TempDir;

/// The largest upload, all files of it together, in bytes.
pub const UPLOAD_BYTES_MAX: usize = 256 << 20;

/// Uploaded files.
#[derive(Debug)]
pub struct Upload {
    folder: TempDir,
    files: Vec<PathBuf>,
}

impl Upload {
    /// An empty one.
    ///
    /// # Errors
    /// If the folder can't be made.
    pub fn new() -> io::Result<Self> {
        Ok(Self { folder: tempfile::Builder::new().prefix("usher-upload-").tempdir()?, files: Vec::new() })
    }

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
        let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
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
