//! `usher.toml`: parsed as typed, then checked once into what the engine uses. Every mistake has a line and a column.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::access::operator::FourEyes;
use crate::clock::Span;
use crate::config::server::{RawServer, ServerConfig};
use crate::connector::app::CredentialRef;
use crate::directory::role::RoleDefinition;
use crate::directory::source::{Missing, Source, SourceTarget};
use crate::directory::user::Standing;
use crate::id::SourceName;
use crate::text::{self, FileError};

/// What `usher.toml` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The store's folder, relative to the workspace.
    pub store: PathBuf,
    /// Whether an approver may decide about what he himself caused; written into the store when it is founded.
    pub four_eyes: FourEyes,
    /// Where users come from.
    pub sources: Vec<Source>,
    /// Roles by condition.
    pub roles: Vec<RoleDefinition>,
    /// The key under which secrets of apps are sealed in the store.
    pub seal_key: CredentialRef,
    /// Where the web server answers.
    pub server: ServerConfig,
    /// How long the history is kept.
    pub history: History,
}

/// `[history]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Events that ended longer ago are archived; `None` = never.
    pub keep: Option<Span>,
    /// The archive's folder, relative to the workspace.
    pub archive: PathBuf,
    /// The file of heads, relative to the workspace.
    pub head_file: PathBuf,
}

/// Where the key of sealed secrets lies unless the file says otherwise: in the folder that nobody else may read.
const SEAL_KEY: &str = "secrets/seal.key";
/// How long events are kept unless the file says otherwise.
const KEEP: Span = Span::from_days(400);
/// Shorter is a mistake: what is being worked on would vanish.
const KEEP_MIN: Span = Span::from_days(1);

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHistory {
    keep: Option<Spanned<String>>,
    archive: Option<PathBuf>,
    head_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    store: Option<PathBuf>,
    seal_key: Option<Spanned<CredentialRef>>,
    #[serde(default)]
    four_eyes: FourEyes,
    #[serde(default)]
    sources: Vec<RawSource>,
    #[serde(default)]
    roles: Vec<Spanned<RawRole>>,
    #[serde(default)]
    history: RawHistory,
    #[serde(default)]
    server: RawServer,
}

/// A role as typed. The domain's own type is for bundles; here the span matters.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRole {
    name: String,
    when: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    name: Spanned<String>,
    key: Spanned<String>,
    #[serde(default)]
    mapping: BTreeMap<Spanned<String>, Spanned<OneOrMany>>,
    #[serde(default)]
    multi_valued: Vec<Spanned<String>>,
    separator: Option<Spanned<String>>,
    missing: Option<Missing>,
    #[serde(default)]
    group_members: OneOrMany,
    group_name: Option<String>,
    #[serde(default)]
    states: BTreeMap<String, Standing>,
}

/// `"mail"` or `["mail", "email"]`.
#[derive(Debug, Default)]
struct OneOrMany(Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Columns;
        impl<'de> Visitor<'de> for Columns {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a column name or a list of column names")
            }
            fn visit_str<E: de::Error>(self, one: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![one.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMany, A::Error> {
                let mut many = Vec::new();
                while let Some(item) = items.next_element()? {
                    many.push(item);
                }
                Ok(OneOrMany(many))
            }
        }
        deserializer.deserialize_any(Columns)
    }
}

/// Parsing with the file at hand for messages.
struct Checker<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Config {
    /// Parses and checks `usher.toml`. `env` is the environment overlay: `USHER_STORE` replaces `store`, `USHER_LISTEN`
    /// `server.listen`.
    ///
    /// # Errors
    /// The first mistake, with line and column.
    pub fn parse(file: &Path, source: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, FileError> {
        let raw: RawConfig = text::from_toml(file, source)?;
        let checker = Checker { file, text: source };
        let mut sources: Vec<Source> = Vec::with_capacity(raw.sources.len());
        for typed in raw.sources {
            let span = typed.name.span();
            let checked = checker.source(typed)?;
            if sources.iter().any(|known| known.name == checked.name) {
                return Err(checker.at(&span, format!("the source `{}` is defined twice", checked.name)));
            }
            sources.push(checked);
        }
        let overlay = env("USHER_STORE").filter(|path| !path.is_empty()).map(PathBuf::from);
        let listen = env("USHER_LISTEN");
        let overlaid = listen.is_some();
        let server = raw.server.check(listen).map_err(|(at, reason)| match at {
            // What the environment said has no place in the file.
            0 if overlaid => FileError::whole(Path::new("USHER_LISTEN"), reason),
            at => FileError::at(file, source, at, reason),
        })?;
        Ok(Self {
            seal_key: checker.seal_key(raw.seal_key)?,
            server,
            store: overlay.or(raw.store).unwrap_or_else(|| PathBuf::from("store")),
            four_eyes: raw.four_eyes,
            sources,
            roles: checker.roles(raw.roles)?,
            history: checker.history(raw.history)?,
        })
    }
}

impl Checker<'_> {
    fn at(&self, span: &Range<usize>, reason: impl Into<String>) -> FileError {
        FileError::at(self.file, self.text, span.start, reason)
    }

    fn seal_key(&self, raw: Option<Spanned<CredentialRef>>) -> Result<CredentialRef, FileError> {
        match raw {
            None => Ok(CredentialRef::File(SEAL_KEY.to_owned())),
            Some(typed) if *typed.get_ref() == CredentialRef::Sealed => {
                Err(self.at(&typed.span(), "the key lies outside the store: `file:PATH` or `env:NAME`"))
            }
            Some(typed) => Ok(typed.into_inner()),
        }
    }

    fn history(&self, raw: RawHistory) -> Result<History, FileError> {
        let keep = match &raw.keep {
            None => Some(KEEP),
            Some(typed) if typed.get_ref() == "forever" => None,
            Some(typed) => match typed.get_ref().parse() {
                Ok(keep) if keep >= KEEP_MIN => Some(keep),
                Ok(_) => return Err(self.at(&typed.span(), "the history is kept for at least a day")),
                Err(_) => {
                    let reason = format!("`{}` is no length of time like \"400d\", nor \"forever\"", typed.get_ref());
                    return Err(self.at(&typed.span(), reason));
                }
            },
        };
        Ok(History {
            keep,
            archive: raw.archive.unwrap_or_else(|| PathBuf::from("archive")),
            head_file: raw.head_file.unwrap_or_else(|| PathBuf::from("history-head.jsonl")),
        })
    }

    fn roles(&self, raw: Vec<Spanned<RawRole>>) -> Result<Vec<RoleDefinition>, FileError> {
        let mut roles: Vec<RoleDefinition> = Vec::with_capacity(raw.len());
        for typed in raw {
            let span = typed.span();
            let RawRole { name, when } = typed.into_inner();
            if name.trim().is_empty() || when.trim().is_empty() {
                return Err(self.at(&span, "a role needs a `name` and a condition `when` that are not empty"));
            }
            if roles.iter().any(|known| known.name == name) {
                return Err(
                    self.at(&span, format!("the role `{name}` is defined twice; join the conditions with `||`"))
                );
            }
            roles.push(RoleDefinition { name, when });
        }
        Ok(roles)
    }

    fn source(&self, raw: RawSource) -> Result<Source, FileError> {
        let name = SourceName::new(raw.name.get_ref()).map_err(|error| self.at(&raw.name.span(), error.to_string()))?;
        self.column(&raw.key.span(), raw.key.get_ref())?;
        let mapping = self.mapping(&raw.mapping)?;
        let multi_valued = self.multi_valued(&raw.multi_valued, &mapping)?;
        Ok(Source {
            name,
            key: raw.key.into_inner(),
            mapping,
            multi_valued,
            separator: raw.separator.map_or(Ok(';'), |separator| self.separator(&separator))?,
            missing: raw.missing.unwrap_or(Missing::Suspend),
            group_members: raw.group_members.0,
            group_name: raw.group_name.unwrap_or_else(|| "cn".to_owned()),
            states: states(raw.states),
        })
    }

    fn mapping(
        &self,
        raw: &BTreeMap<Spanned<String>, Spanned<OneOrMany>>,
    ) -> Result<BTreeMap<SourceTarget, Vec<String>>, FileError> {
        let mut mapping = BTreeMap::new();
        for (target, columns) in raw {
            let parsed = SourceTarget::parse(target.get_ref()).map_err(|reason| self.at(&target.span(), reason))?;
            let OneOrMany(names) = columns.get_ref();
            if names.is_empty() {
                return Err(self.at(&columns.span(), format!("`{}` is mapped to no column", target.get_ref())));
            }
            for name in names {
                self.column(&columns.span(), name)?;
            }
            mapping.insert(parsed, names.clone());
        }
        Ok(mapping)
    }

    fn column(&self, span: &Range<usize>, name: &str) -> Result<(), FileError> {
        if name.trim().is_empty() {
            return Err(self.at(span, "a column name is empty"));
        }
        if Source::refuses_column(name) {
            let reason = format!("`{name}` holds passwords or their hashes, which are never imported; remove it");
            return Err(self.at(span, reason));
        }
        Ok(())
    }

    fn multi_valued(
        &self,
        raw: &[Spanned<String>],
        mapping: &BTreeMap<SourceTarget, Vec<String>>,
    ) -> Result<BTreeSet<String>, FileError> {
        for name in raw {
            if !mapping.contains_key(&SourceTarget::Attribute(name.get_ref().clone())) {
                let reason = format!("`{}` is multi-valued but not mapped; map it or remove it here", name.get_ref());
                return Err(self.at(&name.span(), reason));
            }
            if !name.get_ref().starts_with("custom.") && name.get_ref() != "emails" {
                let reason =
                    format!("`{}` has one value; only `emails` and `custom.…` may have several", name.get_ref());
                return Err(self.at(&name.span(), reason));
            }
        }
        Ok(raw.iter().map(|name| name.get_ref().clone()).collect())
    }

    fn separator(&self, raw: &Spanned<String>) -> Result<char, FileError> {
        let mut chars = raw.get_ref().chars();
        match (chars.next(), chars.next()) {
            (Some(one), None) if !one.is_alphanumeric() => Ok(one),
            _ => Err(self.at(
                &raw.span(),
                format!("`{}` is no separator, expected one character such as \";\" or \"|\"", raw.get_ref()),
            )),
        }
    }
}

/// The words of the source on top of the usual ones.
fn states(raw: BTreeMap<String, Standing>) -> BTreeMap<String, Standing> {
    let mut states = Source::default_states();
    states.extend(raw.into_iter().map(|(word, standing)| (word.to_lowercase(), standing)));
    states
}
