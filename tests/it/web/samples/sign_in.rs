//! Pages for whoever is not signed in.

use usher::server::console::sign_in::{SignIn, page, set_up_page};

use super::Pages;
use super::parts::HARMFUL;

pub(crate) fn pages() -> Pages {
    let plain = SignIn {
        name: String::new(),
        next: String::new(),
        again: false,
        trouble: None,
        passwords: true,
        provider: None,
    };
    let wrong = SignIn {
        name: HARMFUL.to_owned(),
        next: HARMFUL.to_owned(),
        again: true,
        trouble: Some(HARMFUL.to_owned()),
        passwords: true,
        provider: Some(HARMFUL.to_owned()),
    };
    vec![
        ("sign in", page(&plain).into_string()),
        ("sign in, wrong", page(&wrong).into_string()),
        ("set up", set_up_page(Some(HARMFUL)).into_string()),
    ]
}
