//! The console: pages made on the server, one file each, with a little script of our own. A page has a context, which is data, and a
//! function that shows it; what a page changes it sends as a form, and the answer is the page again.

pub mod access;
pub mod activity;
pub mod approvals;
pub mod apps;
pub mod asking;
pub mod assets;
pub mod home;
pub mod imports;
pub mod layout;
pub mod routes;
pub mod rules;
pub mod sign_in;
pub mod sign_in_openid;
pub mod users;
pub mod words;

pub use routes::router;
