//! The console: pages made on the server, one file each, with a little script of our own. A page has a context, which is data, and a
//! function that shows it; what a page changes it sends as a form, and the answer is the page again.

pub mod approvals;
pub mod apps;
pub mod assets;
pub mod home;
pub mod layout;
pub mod routes;
pub mod sign_in;

pub use routes::router;
