//! `usher init`: a commented workspace to start from.

use std::path::{Path, PathBuf};

use crate::config::bundle::replace;
use crate::config::workspace::{WorkspaceError, io};

/// What every workspace begins with, by path.
const FILES: [(&str, &str); 4] = [
    ("usher.toml", include_str!("template/usher.toml")),
    ("apps/example.toml.disabled", include_str!("template/app.toml")),
    (".gitignore", include_str!("template/gitignore")),
    ("secrets/README", include_str!("template/secrets.txt")),
];

/// Writes a commented workspace into `dir` (created if need be): `usher.toml`, a sample app, and the connectors and rules that come with
/// Usher, given as (file name, text): `("nulab-pass.toml", …)`, `("nulab-pass.rhai", …)`. A name without an ending gets the usual one.
/// Returns the files written, by path below `dir`.
///
/// # Errors
/// [`WorkspaceError::Exists`] if any of the files is there already: then nothing is written.
pub fn init(dir: &Path, connectors: &[(&str, &str)], rules: &[(&str, &str)]) -> Result<Vec<PathBuf>, WorkspaceError> {
    let mut files: Vec<(PathBuf, &str)> = FILES.iter().map(|(path, text)| (PathBuf::from(path), *text)).collect();
    files.extend(connectors.iter().map(|(name, text)| (below("connectors", name, ".toml"), *text)));
    files.extend(rules.iter().map(|(name, text)| (below("rules", name, ".rhai"), *text)));
    if let Some((path, _)) = files.iter().find(|(path, _)| dir.join(path).exists()) {
        return Err(WorkspaceError::Exists { path: dir.join(path) });
    }
    for folder in ["apps", "connectors", "rules", "secrets"] {
        let folder = dir.join(folder);
        std::fs::create_dir_all(&folder).map_err(|source| io("create", &folder, source))?;
    }
    keep_private(&dir.join("secrets"))?;
    for (path, text) in &files {
        replace(&dir.join(path), text)?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

fn below(folder: &str, name: &str, ending: &str) -> PathBuf {
    let name = name.rsplit('/').next().unwrap_or(name);
    let full = if name.contains('.') { name.to_owned() } else { format!("{name}{ending}") };
    Path::new(folder).join(full)
}

fn keep_private(folder: &Path) -> Result<(), WorkspaceError> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
        .map_err(|source| io("write", folder, source))
}
