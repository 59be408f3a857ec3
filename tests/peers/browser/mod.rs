//! The console in a real browser: Debian's chromium, driven through its own driver. Whatever breaks the content security policy or is
//! logged as an error fails a test.

mod decide;
mod driver;
mod people;
mod place;
mod rules;
mod session;
mod sound;
