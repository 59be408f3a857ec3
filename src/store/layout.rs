//! The key layout: every row of the store, in one place. One ordered key space; the first byte names the kind of row.
//!
//! | tag | key after the tag | value |
//! |---|---|---|
//! | `m` | a word: `format`, `head`, `identity`, `active`, `deeds` | format version, end of the chain, identity, active revision, the entry up to which `L` is whole |
//! | `o` | operator id | operator |
//! | `u` | user id | user |
//! | `k` | source, key | user id |
//! | `f` | folded e-mail or userName, user id | nothing |
//! | `g` | source, manager's key, user id | nothing (direct reports) |
//! | `i` | import id, part | import, in parts |
//! | `s` | import id, position | staged row |
//! | `v` | revision number | revision |
//! | `b` | revision number, path, part | file of a bundle, in parts |
//! | `p` | app | app record |
//! | `c` | app | kept counters |
//! | `d` | app, urgency, user id | dirty mark |
//! | `a` | app, user id | account |
//! | `n` | app, folded userName, user id | nothing |
//! | `r` | app, remote id, user id | nothing |
//! | `e` | event id, 0 | the event as it was filed |
//! | `e` | event id, 1 | its state now, if it moved |
//! | `q` | app, lane (0 = leaving), due, event id | nothing: `queued` and `verifying` events by time |
//! | `x` | app, sequence of the first intent | a batch of running events |
//! | `l` | app, status, event id | nothing: events that are pending, failed, refused, rejected or expired |
//! | `j` | batch id, event id | nothing: pending members of a held batch |
//! | `h` | app, class digest | class and its open batch |
//! | `w` | app, hour, class digest | class and number sent in that hour without an approval; without a class: active accounts then |
//! | `y` | plan id, part | plan summary, in parts |
//! | `t` | app, time, user id | nothing: mutes of failures by time |
//! | `C` | app, kind, remote id | entitlement of the catalogue |
//! | `R` | app | last refresh of the catalogue |
//! | `E` | app, user id, kind, id | edge; the id of a group that is created first is its name behind a zero byte |
//! | `M` | app, kind, id, user id | nothing: who has an edge in an entitlement |
//! | `Q` | app, kind, id, phase (0 = add), user id | an edge that may be sent, and when |
//! | `X` | app, sequence of the first intent | members of one entitlement whose request may be out |
//! | `V` | app | what the last plan may still file, and what was filed without an approval and has not ended |
//! | `W` | app, hour | granted edges at the hour's first admission |
//! | `A` | app, user id | values that are kept as they are at the target |
//! | `P` | app, part | what the last reconcile found, and what it remembers for the next, in parts |
//! | `I` | number of the row | 256 events in brief: what the history is searched by |
//! | `S` | hour, app | how many events ended then, by how they ended |
//! | `T` | time, revision number | who activated it |
//! | `Z` | sequence | nothing: entries that say what was erased |
//! | `L` | sequence | operator and time: entries that tell what he did or decided |
//! | `O` | 0 and import id, or 1 and revision number | operators, beside the one who brought it, whose act put it in force |
//! | `K` | `p`, operator id | password hash |
//! | `K` | `t`, digest of the token | token for the API |
//! | `K` | `b` | digest of the one-time token |
//! | `D` | operator id, part | what the operator is writing, in parts |
//! | `N` | import id, part | what was said of an import's rows, in parts |
//! | `K` | `s`, app | the app's secret, sealed |
//! | `K` | `i`, digest of issuer and subject | who somebody at an OpenID provider is here |
//! | `K` | `l`, operator id | his last sign-in |
//! | `H` | first sequence | block header |
//! | `B` | first sequence, part | the block's bodies, in parts |

use crate::clock::Timestamp;
use crate::digest::{Digest, Hasher};
use crate::directory::user::User;
use crate::id::{AppName, BatchId, EventId, ImportId, Name, OperatorId, PlanId, RevisionNumber, SourceName, UserId};
use crate::provision::entitlement::EntitlementKey;
use crate::provision::event::StatusKind;
use crate::provision::guard::finding::Class;
use crate::store::query::Urgency;
pub(crate) use crate::store::read_back::{activation_at_end, due_at_end, number_at_end, user_at_end};

/// The layout's version, in the row `m/format`. A higher one is refused; a lower one is migrated.
pub(crate) const FORMAT: u32 = 1;
/// Values are kept at or below this (`reliability.md` section 1.5: 64 KiB, less some room for the header).
pub(crate) const VALUE_BYTES_MAX: usize = 60 * 1024;
/// Parts of larger values. sled keeps up to 16 rows in a leaf and writes a leaf above 128 KiB as a file of its own, which its flush
/// does not reach: 16 parts stay below that.
pub(crate) const PART_BYTES_MAX: usize = 7 * 1024;
/// Longer texts enter keys as their digest.
const KEY_TEXT_BYTES_MAX: usize = 512;

/// A key under construction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(pub(crate) Vec<u8>);

impl Key {
    fn new(tag: u8) -> Self {
        let mut bytes = Vec::with_capacity(48);
        bytes.push(tag);
        Self(bytes)
    }
    fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }
    fn name(mut self, name: &Name) -> Self {
        // A name has at most 64 bytes.
        self.0.push(u8::try_from(name.as_str().len()).unwrap_or(u8::MAX));
        self.0.extend_from_slice(name.as_str().as_bytes());
        self
    }
    fn text(mut self, text: &str) -> Self {
        if text.len() <= KEY_TEXT_BYTES_MAX {
            self.0.extend_from_slice(&u16::try_from(text.len()).unwrap_or(0).to_be_bytes());
            self.0.extend_from_slice(text.as_bytes());
        } else {
            self.0.extend_from_slice(&u16::MAX.to_be_bytes());
            self.0.extend_from_slice(&Hasher::new().text(text).finish().0);
        }
        self
    }
    /// Kind and id of an entitlement; one that is created first has only its name.
    fn entitlement(self, key: &EntitlementKey, name: &str) -> Self {
        let kind = self.text(&key.kind);
        if key.remote_id.is_empty() { kind.text(&format!("\0{name}")) } else { kind.text(&key.remote_id) }
    }
    fn id(mut self, id: &[u8; 16]) -> Self {
        self.0.extend_from_slice(id);
        self
    }
    fn number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }
    fn part(mut self, part: u16) -> Self {
        self.0.extend_from_slice(&part.to_be_bytes());
        self
    }
    /// Milliseconds with the sign flipped, so that bytes sort as times do.
    fn time(self, at: Timestamp) -> Self {
        self.number(at.as_millis().cast_unsigned() ^ (1 << 63))
    }
    fn digest(mut self, digest: Digest) -> Self {
        self.0.extend_from_slice(&digest.0[..16]);
        self
    }

    /// The least key after all keys that begin with this one.
    pub(crate) fn end(&self) -> Vec<u8> {
        let mut end = self.0.clone();
        while let Some(last) = end.pop() {
            if last < u8::MAX {
                end.push(last + 1);
                return end;
            }
        }
        vec![u8::MAX; 64]
    }
}

/// Without case, for searches of addresses; and how userNames were folded before [`crate::text::folded`].
pub(crate) fn folded(text: &str) -> String {
    text.to_lowercase()
}

/// The password of an operator.
pub(crate) fn password(operator: OperatorId) -> Key {
    Key::new(b'K').byte(b'p').id(operator.as_bytes())
}

/// A token for the API.
pub(crate) fn token(digest: Digest) -> Key {
    let mut key = tokens();
    key.0.extend_from_slice(&digest.0);
    key
}

/// All tokens.
pub(crate) fn tokens() -> Key {
    Key::new(b'K').byte(b't')
}

/// The one-time token.
pub(crate) fn bootstrap() -> Key {
    Key::new(b'K').byte(b'b')
}

/// Secrets of apps.
pub(crate) fn secrets() -> Key {
    Key::new(b'K').byte(b's')
}
pub(crate) fn secret(app: &AppName) -> Key {
    secrets().name(app)
}

/// People at OpenID providers.
pub(crate) fn open_identities() -> Key {
    Key::new(b'K').byte(b'i')
}
pub(crate) fn open_identity(issuer: &str, subject: &str) -> Key {
    let mut key = open_identities();
    key.0.extend_from_slice(&Hasher::new().text(issuer).text(subject).finish().0);
    key
}

/// The last sign-in of an operator.
pub(crate) fn sign_in(operator: OperatorId) -> Key {
    Key::new(b'K').byte(b'l').id(operator.as_bytes())
}

pub(crate) fn meta(word: &str) -> Key {
    let mut key = Key::new(b'm');
    key.0.extend_from_slice(word.as_bytes());
    key
}
pub(crate) fn operator(id: OperatorId) -> Key {
    Key::new(b'o').id(id.as_bytes())
}
pub(crate) fn operators() -> Key {
    Key::new(b'o')
}
pub(crate) fn user(id: UserId) -> Key {
    Key::new(b'u').id(id.as_bytes())
}
pub(crate) fn users() -> Key {
    Key::new(b'u')
}
pub(crate) fn user_key(source: &SourceName, key: &str) -> Key {
    Key::new(b'k').name(source).text(key)
}
/// User keys of all sources: for a search by bare key the sources are walked.
pub(crate) fn user_keys() -> Key {
    Key::new(b'k')
}
pub(crate) fn user_keys_of(source: &SourceName) -> Key {
    Key::new(b'k').name(source)
}
pub(crate) fn found(folded: &str) -> Key {
    Key::new(b'f').text(folded)
}
pub(crate) fn found_user(folded: &str, user: UserId) -> Key {
    found(folded).id(user.as_bytes())
}
pub(crate) fn reports(source: &SourceName, manager: &str) -> Key {
    Key::new(b'g').name(source).text(manager)
}
pub(crate) fn report(source: &SourceName, manager: &str, user: UserId) -> Key {
    reports(source, manager).id(user.as_bytes())
}
pub(crate) fn import(id: ImportId) -> Key {
    Key::new(b'i').id(id.as_bytes())
}
pub(crate) fn imports() -> Key {
    Key::new(b'i')
}
pub(crate) fn staged(id: ImportId) -> Key {
    Key::new(b's').id(id.as_bytes())
}
pub(crate) fn staged_row(id: ImportId, position: u64) -> Key {
    staged(id).number(position)
}
pub(crate) fn import_actors(id: ImportId) -> Key {
    Key::new(b'O').byte(0).id(id.as_bytes())
}
pub(crate) fn revision_actors(number: RevisionNumber) -> Key {
    Key::new(b'O').byte(1).number(number.0)
}
pub(crate) fn revision(number: RevisionNumber) -> Key {
    Key::new(b'v').number(number.0)
}
pub(crate) fn revisions() -> Key {
    Key::new(b'v')
}
pub(crate) fn bundle(number: RevisionNumber) -> Key {
    Key::new(b'b').number(number.0)
}
pub(crate) fn bundle_file(number: RevisionNumber, index: u16) -> Key {
    bundle(number).part(index)
}
pub(crate) fn app(app: &AppName) -> Key {
    Key::new(b'p').name(app)
}
pub(crate) fn counts(app: &AppName) -> Key {
    Key::new(b'c').name(app)
}
pub(crate) fn all_counts() -> Key {
    Key::new(b'c')
}
/// The app of a counters key.
pub(crate) fn app_of_counts(key: &[u8]) -> Option<AppName> {
    let name = std::str::from_utf8(key.get(2..)?).ok()?;
    AppName::new(name).ok()
}
pub(crate) fn dirty(app: &AppName) -> Key {
    Key::new(b'd').name(app)
}
pub(crate) fn dirty_of(app: &AppName, urgency: Urgency) -> Key {
    dirty(app).byte(u8::from(urgency == Urgency::Normal))
}
pub(crate) fn dirty_mark(app: &AppName, urgency: Urgency, user: UserId) -> Key {
    dirty_of(app, urgency).id(user.as_bytes())
}
pub(crate) fn all_dirty() -> Key {
    Key::new(b'd')
}
pub(crate) fn account(app: &AppName, user: UserId) -> Key {
    Key::new(b'a').name(app).id(user.as_bytes())
}
pub(crate) fn accounts(app: &AppName) -> Key {
    Key::new(b'a').name(app)
}
pub(crate) fn names(app: &AppName, folded: &str) -> Key {
    Key::new(b'n').name(app).text(folded)
}
pub(crate) fn name(app: &AppName, folded: &str, user: UserId) -> Key {
    names(app, folded).id(user.as_bytes())
}
pub(crate) fn remotes(app: &AppName, remote_id: &str) -> Key {
    Key::new(b'r').name(app).text(remote_id)
}
pub(crate) fn remote(app: &AppName, remote_id: &str, user: UserId) -> Key {
    remotes(app, remote_id).id(user.as_bytes())
}
pub(crate) fn events() -> Key {
    Key::new(b'e')
}
/// Both rows of an event.
pub(crate) fn event(id: EventId) -> Key {
    Key::new(b'e').number(id.0)
}
pub(crate) fn event_filed(id: EventId) -> Key {
    event(id).byte(0)
}
pub(crate) fn event_state(id: EventId) -> Key {
    event(id).byte(1)
}
pub(crate) fn queue(app: &AppName, leaving: bool) -> Key {
    Key::new(b'q').name(app).byte(u8::from(!leaving))
}
pub(crate) fn due(app: &AppName, leaving: bool, due: Timestamp, event: EventId) -> Key {
    queue(app, leaving).time(due).number(event.0)
}
pub(crate) fn running(app: &AppName) -> Key {
    Key::new(b'x').name(app)
}
pub(crate) fn running_batch(app: &AppName, sequence: u64) -> Key {
    running(app).number(sequence)
}
pub(crate) fn all_running() -> Key {
    Key::new(b'x')
}
pub(crate) fn listed(app: &AppName, status: StatusKind) -> Key {
    Key::new(b'l').name(app).byte(status as u8)
}
pub(crate) fn listed_event(app: &AppName, status: StatusKind, event: EventId) -> Key {
    listed(app, status).number(event.0)
}
pub(crate) fn batch(batch: BatchId) -> Key {
    Key::new(b'j').id(batch.as_bytes())
}
pub(crate) fn batch_member(of: BatchId, event: EventId) -> Key {
    batch(of).number(event.0)
}
pub(crate) fn held_of(app: &AppName) -> Key {
    Key::new(b'h').name(app)
}
pub(crate) fn held(app: &AppName, class: &Class) -> Key {
    held_of(app).digest(Digest::of(class))
}
pub(crate) fn window(app: &AppName, hour: u64) -> Key {
    Key::new(b'w').name(app).number(hour)
}
pub(crate) fn window_class(app: &AppName, hour: u64, class: Option<&Class>) -> Key {
    window(app, hour).digest(class.map_or(Digest::default(), Digest::of))
}
pub(crate) fn plan(id: PlanId) -> Key {
    Key::new(b'y').id(id.as_bytes())
}
pub(crate) fn mutes(app: &AppName) -> Key {
    Key::new(b't').name(app)
}
pub(crate) fn mute(app: &AppName, at: Timestamp, user: UserId) -> Key {
    mutes(app).time(at).id(user.as_bytes())
}
pub(crate) fn mutes_until(app: &AppName, at: Timestamp) -> Vec<u8> {
    mutes(app).time(at).0
}
pub(crate) fn catalogue(app: &AppName) -> Key {
    Key::new(b'C').name(app)
}
pub(crate) fn entitlement(app: &AppName, key: &EntitlementKey) -> Key {
    catalogue(app).text(&key.kind).text(&key.remote_id)
}
pub(crate) fn refresh(app: &AppName) -> Key {
    Key::new(b'R').name(app)
}
/// Edges of an app, by user.
pub(crate) fn edges(app: &AppName) -> Key {
    Key::new(b'E').name(app)
}
pub(crate) fn edges_of(app: &AppName, user: UserId) -> Key {
    edges(app).id(user.as_bytes())
}
pub(crate) fn edge(app: &AppName, user: UserId, (key, name): (&EntitlementKey, &str)) -> Key {
    edges_of(app, user).entitlement(key, name)
}
pub(crate) fn members(app: &AppName, (key, name): (&EntitlementKey, &str)) -> Key {
    Key::new(b'M').name(app).entitlement(key, name)
}
pub(crate) fn member(app: &AppName, entitlement: (&EntitlementKey, &str), user: UserId) -> Key {
    members(app, entitlement).id(user.as_bytes())
}
pub(crate) fn edge_queue(app: &AppName) -> Key {
    Key::new(b'Q').name(app)
}
pub(crate) fn queued_edge(app: &AppName, (key, name): (&EntitlementKey, &str), add: bool, user: UserId) -> Key {
    edge_queue(app).entitlement(key, name).byte(u8::from(!add)).id(user.as_bytes())
}
pub(crate) fn running_edges(app: &AppName) -> Key {
    Key::new(b'X').name(app)
}
pub(crate) fn running_chunk(app: &AppName, sequence: u64) -> Key {
    running_edges(app).number(sequence)
}
pub(crate) fn tally(app: &AppName) -> Key {
    Key::new(b'V').name(app)
}
pub(crate) fn window_edges(app: &AppName, hour: u64) -> Key {
    Key::new(b'W').name(app).number(hour)
}
/// Adopted values of an app, by user.
pub(crate) fn all_adopted(app: &AppName) -> Key {
    Key::new(b'A').name(app)
}
pub(crate) fn adopted(app: &AppName, user: UserId) -> Key {
    all_adopted(app).id(user.as_bytes())
}
pub(crate) fn reconciled(app: &AppName) -> Key {
    Key::new(b'P').name(app)
}
/// All events in brief.
pub(crate) fn briefs_rows() -> Key {
    Key::new(b'I')
}
pub(crate) fn briefs(row: u64) -> Key {
    Key::new(b'I').number(row)
}
/// How many events ended, by hour.
pub(crate) fn all_ended() -> Key {
    Key::new(b'S')
}
pub(crate) fn ended_in(hour: u64) -> Key {
    Key::new(b'S').number(hour)
}
pub(crate) fn ended(hour: u64, app: &AppName) -> Key {
    ended_in(hour).name(app)
}
/// Hour and app of a key made by [`ended`].
pub(crate) fn hour_and_app(key: &[u8]) -> Option<(u64, AppName)> {
    let hour = key.get(1..9)?.try_into().ok().map(u64::from_be_bytes)?;
    let name = std::str::from_utf8(key.get(10..)?).ok()?;
    Some((hour, AppName::new(name).ok()?))
}
/// All activations, oldest first.
pub(crate) fn activations() -> Key {
    Key::new(b'T')
}
pub(crate) fn activation(at: Timestamp, number: RevisionNumber) -> Key {
    Key::new(b'T').time(at).number(number.0)
}
/// Entries that say what was erased.
pub(crate) fn erasures() -> Key {
    Key::new(b'Z')
}
pub(crate) fn erasure(sequence: u64) -> Key {
    Key::new(b'Z').number(sequence)
}
pub(crate) fn deeds() -> Key {
    Key::new(b'L')
}
pub(crate) fn deed(sequence: u64) -> Key {
    Key::new(b'L').number(sequence)
}
pub(crate) fn draft(operator: OperatorId) -> Key {
    Key::new(b'D').id(operator.as_bytes())
}
pub(crate) fn remarks(import: ImportId) -> Key {
    Key::new(b'N').id(import.as_bytes())
}
pub(crate) fn headers() -> Key {
    Key::new(b'H')
}
pub(crate) fn header(first: u64) -> Key {
    Key::new(b'H').number(first)
}
pub(crate) fn bodies(first: u64) -> Key {
    Key::new(b'B').number(first)
}
/// Part `part` of a row that is kept in parts.
pub(crate) fn part(of: &Key, part: u16) -> Key {
    of.clone().part(part)
}

/// The texts by which a user is found without case: e-mail and userName.
pub(crate) fn searchable(user: &User) -> Vec<String> {
    let mut texts: Vec<String> = ["email", "username"].iter().filter_map(|name| user.text(name)).map(folded).collect();
    texts.sort();
    texts.dedup();
    texts
}
