//! What a test of the connection found.

use maud::{Markup, html};

use crate::engine::answer::{Check, CheckLevel};
use crate::server::console::apps::frame::{Frame, Tab};
use crate::server::console::layout;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Tested {
    /// The app, and who looks.
    pub frame: Frame,
    /// What was checked, in order.
    pub checks: Vec<Check>,
}

/// The page.
pub fn page(context: &Tested) -> Markup {
    let bad = context.checks.iter().filter(|check| check.level == CheckLevel::Bad).count();
    let body = html! {
        @if bad == 0 { p .notice .good role="status" { "The connection works. Only reads were sent." } }
        @else { p .notice .bad role="alert" { (bad) " of " (context.checks.len()) " checks failed: nothing can be sent before that is put right." } }
        (layout::wide("Checks", &html! { table {
            thead { tr { th { "Check" } th { "Result" } th { "What was found" } } }
            tbody { @for check in &context.checks { tr { th scope="row" { (check.subject) } td { (level(check.level)) } td { (check.finding) } } } }
        } }))
        p { a href=(format!("/apps/{}", context.frame.app.name)) { "Back to the app" } }
    };
    context.frame.page(Tab::Overview, &body)
}

fn level(level: CheckLevel) -> Markup {
    let (tone, word) = match level {
        CheckLevel::Good => ("good", "good"),
        CheckLevel::Note => ("note", "note"),
        CheckLevel::Bad => ("bad", "failed"),
    };
    html! { span .badge .(tone) { (word) } }
}
