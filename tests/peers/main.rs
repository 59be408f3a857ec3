//! Servers that others wrote: what Usher does to them, and that they start; and what programs that others wrote find in Usher's API.
//! `.ci/run` installs them; without them these tests fail.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says what it expected")]

mod company;
mod crew;
mod groups;
mod peer;
mod run;
mod schemathesis;
mod shrink;
mod start;
mod tap;
mod third;
mod town;
mod traits;
mod walk;
