//! Who may do what, and what operators did.

use crate::access::credential::Way;
use crate::cli::show::style::{Style, Tint};
use crate::cli::show::table::{Grid, text};
use crate::cli::show::time;
use crate::engine::access_command::{AccessAnswer, Deed, KeptSecret, Person};
use crate::text::printable;

/// Any of its answers.
pub(crate) fn access(style: &Style, answer: &AccessAnswer) -> String {
    match answer {
        AccessAnswer::People(people) => self::people(style, people),
        AccessAnswer::Deeds { deeds, next } => self::deeds(style, deeds, *next),
        AccessAnswer::Secrets(secrets) => self::secrets(style, secrets),
    }
}

fn people(style: &Style, people: &[Person]) -> String {
    let mut grid = Grid::new(style, &["Operator", "Role!", "Signs in", "Last!", "Tokens!", ""]);
    for person in people {
        let operator = &person.operator;
        let mut ways: Vec<String> = Vec::new();
        ways.extend(operator.os_account.iter().map(|account| format!("OS account {account}")));
        ways.extend(person.password_since.map(|_| "password".to_owned()));
        ways.extend(person.issuer.clone());
        let last = person.last.map(|last| {
            let way = match last.way {
                Way::Password => "password",
                Way::OpenId => "OpenID",
            };
            format!("{}, {way}", time::relative(style, last.at))
        });
        grid.row([
            text(&operator.name),
            text(operator.role.to_string()),
            text(ways.join(", ")),
            text(last.unwrap_or_else(|| "never".to_owned())),
            text(person.tokens.to_string()),
            text(if operator.disabled { "disabled" } else { "" }).tinted(Tint::Faint),
        ]);
    }
    grid.finish()
}

fn deeds(style: &Style, deeds: &[Deed], next: Option<u64>) -> String {
    let mut grid = Grid::new(style, &["Entry!", "When!", "Operator", "Did", "User", "App"]);
    for deed in deeds {
        grid.row([
            text(deed.sequence.to_string()),
            text(time::absolute(style, deed.at)),
            text(&deed.operator),
            text(&deed.what),
            text(deed.user.as_ref().map(|(_, label)| label.clone()).unwrap_or_default()),
            text(deed.app.as_ref().map(ToString::to_string).unwrap_or_default()),
        ]);
    }
    if grid.is_empty() {
        return "Nothing of that was done.\n".to_owned();
    }
    let more = next.map(|next| format!("Older ones: --before {next}\n")).unwrap_or_default();
    format!("{}{more}", grid.finish())
}

fn secrets(style: &Style, secrets: &[KeptSecret]) -> String {
    let mut grid = Grid::new(style, &["App!", "Sent to", "Sealed!", "By"]);
    for secret in secrets {
        let (when, by) = match &secret.sealed {
            Some((at, by)) => (text(time::relative(style, *at)), text(by)),
            None => (text("missing").tinted(Tint::Bad), text(printable(&format!("usher apps secret {}", secret.app)))),
        };
        grid.row([text(secret.app.to_string()), text(&secret.origin), when, by]);
    }
    if grid.is_empty() { "No app says credential = \"sealed\".\n".to_owned() } else { grid.finish() }
}
