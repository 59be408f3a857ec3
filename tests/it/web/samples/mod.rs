//! A sample of every page: its context with values that would do harm if they were not escaped. One test renders them all.
//! A place adds its pages by a module here with `pages()`, and a line in [`all`].

pub(crate) mod access;
pub(crate) mod activity;
pub(crate) mod approvals;
pub(crate) mod apps;
pub(crate) mod home;
pub(crate) mod imports;
pub(crate) mod parts;
pub(crate) mod people;
pub(crate) mod rules;
pub(crate) mod sign_in;
pub(crate) mod users;

/// Pages with their names.
pub(crate) type Pages = Vec<(&'static str, String)>;

/// Places as their files or folders in `src/server/console` are called, and their pages.
pub(crate) fn all() -> Vec<(&'static str, Pages)> {
    vec![
        ("access", access::pages()),
        ("activity", activity::pages()),
        ("approvals", approvals::pages()),
        ("apps", apps::pages()),
        ("home", home::pages()),
        ("imports", imports::pages()),
        ("rules", rules::pages()),
        ("sign_in", sign_in::pages()),
        ("users", users::pages()),
    ]
}
