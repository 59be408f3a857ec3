//! The part of the store that pages for people are made of: the directory by name, and what happened in the last hours. A trait of its own
//! beneath [`Store`](crate::store::act::Store): planners and pushers have no use for it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::directory::user::User;
use crate::id::AppName;
use crate::provision::event::StatusKind;
use crate::store::act::StoreResult;
use crate::store::acts::{directory, trends};
use crate::store::kv::Rows;
use crate::store::stored::Backend;
use crate::store::user_index::{UserIndex, UserPage, UserQuery};

/// Ages of events that wait: below each of these many minutes, and above the last.
pub const AGES: [u64; 5] = [1, 15, 60, 6 * 60, 24 * 60];

/// Events of one app that ended within one hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedHour {
    /// When the hour began.
    pub from: Timestamp,
    /// The app.
    pub app: AppName,
    /// How many, by how they ended.
    pub ended: BTreeMap<StatusKind, u64>,
}

/// What waits in one app, by age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueAges {
    /// The app.
    pub app: AppName,
    /// What waits for a person, by [`AGES`].
    pub people: Vec<u64>,
    /// What waits for its turn, for another attempt or for an outcome, by [`AGES`].
    pub target: Vec<u64>,
    /// What waits beyond those whose age was looked at.
    pub more: u64,
}

/// What happened in the last hours, and what waits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trends {
    /// By hour, then by app; hours in which nothing ended are left out.
    pub hours: Vec<EndedHour>,
    /// By app; apps in which nothing waits are left out.
    pub queues: Vec<QueueAges>,
}

/// Reads for pages.
#[async_trait]
pub trait Views: Send + Sync {
    /// Users by name.
    async fn users_by_name(&self, query: UserQuery) -> StoreResult<UserPage>;
    /// Everybody who does not work here now, by id.
    async fn not_active(&self) -> StoreResult<Vec<User>>;
    /// What ended since `since`, in whole hours, and what waits at `now`.
    async fn trends(&self, since: Timestamp, now: Timestamp) -> StoreResult<Trends>;
}

/// Rows that keep no index of users are read as a whole.
fn of<T>(rows: &dyn Rows, ask: impl FnOnce(&UserIndex) -> StoreResult<T>) -> StoreResult<T> {
    match rows.user_index() {
        Some(index) => ask(index),
        None => ask(&UserIndex::default()),
    }
}

#[async_trait]
impl<B: Backend> Views for B {
    async fn users_by_name(&self, query: UserQuery) -> StoreResult<UserPage> {
        self.stored().read(move |rows| of(rows, |index| index.find(rows, &query))).await
    }
    async fn not_active(&self) -> StoreResult<Vec<User>> {
        let read = move |rows: &dyn Rows| {
            let ids = of(rows, |index| index.not_active(rows))?;
            let users = ids.into_iter().map(|id| directory::user(rows, id)).collect::<StoreResult<Vec<_>>>()?;
            Ok(users.into_iter().flatten().collect())
        };
        self.stored().read(read).await
    }
    async fn trends(&self, since: Timestamp, now: Timestamp) -> StoreResult<Trends> {
        self.stored().read(move |rows| trends::read(rows, since, now)).await
    }
}
