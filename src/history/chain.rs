//! The chain: entries in blocks, each block's header bound to the one before by SHA-256. Headers hold the digests of the entries'
//! bodies, not the bodies: a body can be erased without breaking the chain. Pure: the store reads and writes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::digest::{self, Digest, Hasher};
use crate::id::{AppName, OperatorId};
use crate::provision::entry::{Entry, Fact};
use crate::provision::event::StatusKind;
use crate::provision::gone::Gone;
use crate::provision::operation::Kind;

/// At most this many entries a block: the header stays below 64 KiB.
pub const BLOCK_ENTRIES_MAX: usize = 1_024;
/// A block is closed once its bodies have this many bytes.
pub const BLOCK_BYTES_MAX: usize = 512 * 1024;
/// The version byte of an encoded header.
const VERSION: u8 = 1;

/// Where one entry lies in its block, and what it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// BLAKE3 of the encoded entry.
    pub digest: Digest,
    /// Length of the encoded entry.
    pub bytes: u32,
}

/// A block without its bodies. Rare filters read headers only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Sequence number of the first entry.
    pub first: u64,
    /// Hash of the block before; zeros for the first.
    pub previous: [u8; 32],
    /// Earliest and latest time.
    pub times: (Timestamp, Timestamp),
    /// Apps that entries are about.
    pub apps: BTreeSet<AppName>,
    /// Kinds of operations filed.
    pub kinds: BTreeSet<Kind>,
    /// Statuses filed or reached.
    pub statuses: BTreeSet<StatusKind>,
    /// Operators who acted.
    pub operators: BTreeSet<OperatorId>,
    /// The entries, in order.
    pub bodies: Vec<Body>,
}

/// A block can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a block of the chain can't be read: {0}")]
pub struct Unreadable(String);

impl Header {
    /// Sequence number of the last entry.
    pub fn last(&self) -> u64 {
        self.first + self.bodies.len() as u64 - 1
    }

    /// Its bytes: what the hash covers and the store keeps.
    ///
    /// # Panics
    /// Never: a header has only numbers, names and digests.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![VERSION]).expect("headers serialise")
    }

    /// From its bytes.
    ///
    /// # Errors
    /// [`Unreadable`] with the reason.
    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        match bytes.split_first() {
            Some((&VERSION, body)) => postcard::from_bytes(body).map_err(|error| Unreadable(error.to_string())),
            Some((version, _)) => Err(Unreadable(format!("version {version}, expected {VERSION}"))),
            None => Err(Unreadable("it is empty".to_owned())),
        }
    }

    /// Where the entry with this sequence number lies within the bodies.
    pub fn span(&self, sequence: u64) -> Option<std::ops::Range<usize>> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        let body = self.bodies.get(index)?;
        let start: usize = self.bodies[..index].iter().map(|body| body.bytes as usize).sum();
        Some(start..start + body.bytes as usize)
    }
}

/// The hash of a block: SHA-256 of its encoded header.
pub fn hash(header: &[u8]) -> [u8; 32] {
    digest::sha256(header)
}

/// An entry as it is stored.
///
/// # Panics
/// Never: entries have only numbers, names and texts.
pub fn encode(entry: &Entry) -> Vec<u8> {
    postcard::to_extend(entry, vec![VERSION]).expect("entries serialise")
}

/// An entry from its stored form.
///
/// # Errors
/// [`Unreadable`] with the reason.
pub fn decode(bytes: &[u8]) -> Result<Entry, Unreadable> {
    match bytes.split_first() {
        Some((&VERSION, body)) => postcard::from_bytes(body).map_err(|error| Unreadable(error.to_string())),
        Some((version, _)) => Err(Unreadable(format!("an entry has version {version}, expected {VERSION}"))),
        None => Err(Unreadable("an entry is empty".to_owned())),
    }
}

/// Whether a body was erased: zeros keep its place.
pub fn is_erased(body: &[u8]) -> bool {
    body.iter().all(|byte| *byte == 0)
}

fn body_digest(bytes: &[u8]) -> Digest {
    Hasher::new().bytes(bytes).finish()
}

/// A finished block.
#[derive(Debug)]
pub struct Block {
    /// Its header.
    pub header: Header,
    /// The header's bytes.
    pub encoded: Vec<u8>,
    /// Its hash.
    pub hash: [u8; 32],
    /// The entries' bytes, one after the other.
    pub bodies: Vec<u8>,
}

/// Puts numbered entries into blocks that follow a known end of the chain.
///
/// # Panics
/// Never: each chunk has at least one entry.
pub fn build(entries: &[(Entry, Vec<u8>)], mut previous: [u8; 32]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut rest = entries;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take(BLOCK_ENTRIES_MAX).take_while(|(_, body)| {
            let room = bytes < BLOCK_BYTES_MAX;
            bytes += body.len();
            room
        });
        let (now, later) = rest.split_at(fits.count().max(1));
        let block = seal(now, previous);
        previous = block.hash;
        blocks.push(block);
        rest = later;
    }
    blocks
}

fn seal(entries: &[(Entry, Vec<u8>)], previous: [u8; 32]) -> Block {
    let first = &entries.first().expect("a block has entries").0;
    let mut header = Header {
        first: first.sequence,
        previous,
        times: (first.at, first.at),
        apps: BTreeSet::new(),
        kinds: BTreeSet::new(),
        statuses: BTreeSet::new(),
        operators: BTreeSet::new(),
        bodies: Vec::with_capacity(entries.len()),
    };
    let mut bodies = Vec::with_capacity(entries.iter().map(|(_, body)| body.len()).sum());
    for (entry, body) in entries {
        header.times = (header.times.0.min(entry.at), header.times.1.max(entry.at));
        if let Some(app) = &entry.app
            && !header.apps.contains(app)
        {
            header.apps.insert(app.clone());
        }
        index(&mut header, &entry.fact);
        header.bodies.push(Body { digest: body_digest(body), bytes: u32::try_from(body.len()).unwrap_or(u32::MAX) });
        bodies.extend_from_slice(body);
    }
    let encoded = header.encode();
    let hash = hash(&encoded);
    Block { header, encoded, hash, bodies }
}

fn index(header: &mut Header, fact: &Fact) {
    match fact {
        Fact::Planned { kind, status, .. } | Fact::Filed { kind, status, .. } => {
            header.kinds.insert(*kind);
            header.statuses.insert(*status);
        }
        Fact::Stepped { status, .. } => drop(header.statuses.insert(*status)),
        Fact::Decided(decision) => drop(header.operators.insert(decision.operator)),
        Fact::Import { operator, .. }
        | Fact::UserEdited { operator, .. }
        | Fact::Revision { operator, .. }
        | Fact::AccountTouched { operator, .. }
        | Fact::Operator { operator, .. } => drop(header.operators.insert(*operator)),
        Fact::Erased { operator, .. } => header.operators.extend(*operator),
        Fact::EdgeIntent { .. }
        | Fact::Found { .. }
        | Fact::EdgeEnded { .. }
        | Fact::Intent { .. }
        | Fact::Attempted { .. }
        | Fact::AppState { .. }
        | Fact::Store { .. }
        | Fact::Catalogue { .. }
        | Fact::Reconciled { .. } => {}
    }
}

/// A walk along the chain from its start that collects what is wrong, in words.
#[derive(Debug, Default)]
pub struct Walk {
    /// Entries so far.
    pub sequence: u64,
    /// Blocks so far.
    pub blocks: u64,
    /// Hash of the last block.
    pub hash: [u8; 32],
    /// What is wrong.
    pub problems: Vec<String>,
    /// What may be gone.
    pub gone: Gone,
}

/// More problems than this are counted, not listed.
const PROBLEMS_MAX: usize = 100;

impl Walk {
    /// Adds a block as the store has it.
    pub fn block(&mut self, encoded: &[u8], bodies: &[u8]) {
        self.blocks += 1;
        let header = match Header::decode(encoded) {
            Ok(header) => header,
            Err(error) => return self.problem(format!("after entry {}: {error}", self.sequence)),
        };
        if header.first != self.sequence + 1 {
            self.problem(format!("entries {} to {} are missing", self.sequence + 1, header.first.saturating_sub(1)));
        }
        if header.previous != self.hash {
            self.problem(format!("the block of entry {} does not follow the one before it", header.first));
        }
        self.bodies(&header, bodies);
        self.sequence = header.last();
        self.hash = hash(encoded);
    }

    fn bodies(&mut self, header: &Header, bodies: &[u8]) {
        if bodies.is_empty() && (header.first..=header.last()).all(|sequence| self.gone.has_entry(sequence)) {
            return;
        }
        let mut start = 0;
        for (sequence, body) in (header.first..).zip(&header.bodies) {
            let end = start + body.bytes as usize;
            match bodies.get(start..end) {
                None => {
                    return self.problem(format!("the bodies of entries {sequence} to {} are missing", header.last()));
                }
                Some(bytes) if is_erased(bytes) && self.gone.has_entry(sequence) => {}
                Some(bytes) if body_digest(bytes) != body.digest => {
                    self.problem(format!("entry {sequence} was changed"));
                }
                Some(_) => {}
            }
            start = end;
        }
        if start != bodies.len() {
            self.problem(format!("the block of entry {} has bytes of no entry", header.first));
        }
    }

    /// Adds a problem.
    pub fn problem(&mut self, what: String) {
        match self.problems.len() {
            listed if listed < PROBLEMS_MAX => self.problems.push(what),
            PROBLEMS_MAX => self.problems.push("and more".to_owned()),
            _ => {}
        }
    }
}
