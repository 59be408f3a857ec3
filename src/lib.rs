//! Usher: an identity provider's outbound provisioning engine. This file is the map; `ARCHITECTURE.md` says more.
//!
//! # The walk
//!
//! ```text
//! directory change / timer / admin           a kick: "look again", carries nothing else
//!   └─ intake      import → engine::intake   one generation of users, all or nothing
//!       └─ judge    engine::plan, rules      access first, then the desired account                 pure
//!           └─ observe  engine::observe      what is there already, before anything is created
//!               └─ diff     provision::diff  desired × ledger → operations, each complete in itself  pure
//!                   └─ guard    provision::guard::admission   queued | pending | refused             pure
//!                       └─ approve  engine::desk              released for exactly the payload that was shown
//!                           └─ push     engine::push, engine::perform, scim
//!                               │       clear → intent on disk → request → outcome on disk
//!                               └─ record   store            ledger, event, chain in one atomic act
//! ```
//!
//! Two gates: *admission* looks at a whole plan once and is durable; *clearance* ([`provision::guard::clearance`]) looks at one
//! event at every attempt, and only what it returns can be encoded into a request. The planner and the pusher of an app meet only
//! in the [`store`].
//!
//! # The floors
//!
//! A module imports only from floors below its own, and on its own floor only from what stands left of a `<`. `tests/it/tidy.rs`
//! holds this.
//!
//! | floor | modules |
//! |---|---|
//! | 5 door | [`config`], [`telemetry`] < [`cli`] < `main` |
//! | 4 house | [`server`], [`sandbox`] |
//! | 3 engine | [`timetable`] < [`engine`] < [`scheduler`] |
//! | 2 instruments | [`rules`], [`scim`], [`store`], [`import`]: never each other |
//! | 1 domain, pure | [`directory`] < [`access`] < [`connector`] < [`provision`] < [`history`] |
//! | 0 ground | [`id`], [`clock`], [`entropy`], [`digest`], [`secret`], [`password`], [`seal`], [`text`], [`page`] |
//!
//! # The invariants
//!
//! 1. No two active accounts of ours for one user in one app, whatever crashes or answers get lost.
//! 2. A third-party account, membership or group is never changed or removed without a recorded consent.
//! 3. Nothing is pushed that was not admitted and cleared; what was approved is what is sent, once.
//! 4. Every acknowledged act is on disk; every event reaches a final status or is visibly waiting, with the reason.
//! 5. With a reachable target and no new changes the target converges to the desired state, except for what is held, muted or
//!    blocked, and the next cycle sends no request.
//! 6. A leaver's deactivation is never lost, overtaken by an older update, or starved by other work.
//! 7. An empty, truncated or failing source, rule or target answer never causes a removal without a hold.
//! 8. One user's or one app's failure never stops another's; a refused user never trips the app's breaker.
//! 9. Secrets and passwords appear in no log, event, error, plan or export.
//! 10. The same page input gives the same page, byte for byte.

pub mod clock;
pub mod digest;
pub mod entropy;
pub mod id;
pub mod page;
pub mod password;
pub mod seal;
pub mod secret;
pub mod text;

pub mod access;
pub mod connector;
pub mod directory;
pub mod history;
pub mod provision;

pub mod import;
pub mod rules;
pub mod scim;
pub mod store;

pub mod engine;
pub mod scheduler;
pub mod timetable;

pub mod sandbox;
pub mod server;

pub mod cli;
pub mod config;
pub mod telemetry;
