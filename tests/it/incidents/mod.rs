//! Incidents that are well known from other tools, replayed from the import to the target. Each file says what happened to people in
//! that incident, and what must happen here: nothing is removed without a hold, it is shown what would be, and one can go on.

mod blanked_column;
mod empty_source;
mod filter_ignored;
mod group_deleted;
mod provider_rename;
mod rehire;
mod role_renamed;
mod scene;
mod truncated_page;
