//! What others wrote: SCIM servers, what Usher does to them, and that they start; a browser before the console; and what a program that
//! reads the API's description finds in it. `.ci/run` installs them; without them these tests fail.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says what it expected")]

mod browser;
mod company;
mod crew;
mod groups;
mod openid;
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
