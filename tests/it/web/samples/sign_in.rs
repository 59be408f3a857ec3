//! Pages for whoever is not signed in.

use usher::server::console::sign_in::{SignIn, page, set_up_page};

use super::Pages;
use super::parts::HARMFUL;

pub(crate) fn pages() -> Pages {
    let wrong = SignIn { name: HARMFUL.to_owned(), next: HARMFUL.to_owned(), trouble: Some(HARMFUL.to_owned()) };
    vec![
        ("sign in", page(&SignIn::default()).into_string()),
        ("sign in, wrong", page(&wrong).into_string()),
        ("set up", set_up_page(Some(HARMFUL)).into_string()),
    ]
}
