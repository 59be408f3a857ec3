//! The house's servers: the workspace's socket for the command line, and the web for the API and the console. All are doors to the same
//! engine: they send it [`Command`](crate::engine::Command)s and show its [`Answer`](crate::engine::Answer)s.

pub mod api;
pub mod background;
pub mod console;
pub mod export;
pub mod house;
pub mod jobs;
pub mod live;
pub mod lockout;
pub mod meter;
pub mod metrics;
pub mod openid;
pub mod permit;
pub mod problem;
pub mod session;
pub mod shield;
pub mod socket;
pub mod stream;
pub mod tls;
pub mod upload;
pub mod web;

pub use house::{House, Metrics, Net, Settings, SignInSettings, TlsFiles};
