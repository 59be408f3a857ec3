//! Servers that others wrote: what Usher does to them, and that they start; and a browser that others wrote, before the console. `.ci/run`
//! installs them; without them these tests fail.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says what it expected")]

mod browser;
mod company;
mod crew;
mod groups;
mod openid;
mod peer;
mod run;
mod shrink;
mod start;
mod tap;
mod third;
mod town;
mod traits;
mod walk;
