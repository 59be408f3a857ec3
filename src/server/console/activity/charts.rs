//! The last 24 hours as pictures: how much went through, what failed where, and how old what waits is.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};

use crate::clock::{Span, Timestamp};
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::id::AppName;
use crate::provision::event::StatusKind;
use crate::server::console::activity::picture::{self, Bar, Tone};
use crate::server::console::activity::{links, list};
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};
use crate::store::views::{QueueAges, Trends};

/// Hours shown, the one that goes on among them.
const HOURS: i64 = 24;
const HOUR_MILLIS: i64 = 3_600_000;
/// Ages of what waits, as [`crate::store::views::AGES`] divides them.
const AGES: [&str; 6] = ["below 1 min", "1 to 15 min", "15 min to 1 h", "1 to 6 h", "6 to 24 h", "above 24 h"];

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Charts {
    /// Who looks.
    pub viewer: Viewer,
    /// What ended, and what waits.
    pub trends: Trends,
    /// The time.
    pub now: Timestamp,
}

/// `GET /activity/charts`.
///
/// # Errors
/// If the store fails.
pub async fn show(State(house): State<Arc<House>>, visitor: Visitor<Read>) -> Result<Markup, Trouble> {
    let now = house.now();
    let since = Timestamp::from_millis(first_hour(now));
    let answer = asking::ask(&house, &visitor, Command::Trends { since }).await?;
    let Answer::Trends(trends) = answer else { return Err(asking::unexpected(&answer)) };
    Ok(page(&Charts { viewer: Viewer::of(&visitor.actor, &visitor.session), trends: *trends, now }))
}

fn first_hour(now: Timestamp) -> i64 {
    (now.as_millis().div_euclid(HOUR_MILLIS) - HOURS + 1) * HOUR_MILLIS
}

/// What the pictures tell apart.
fn tone(status: StatusKind) -> Tone {
    match status {
        StatusKind::Succeeded => Tone::Good,
        StatusKind::Failed | StatusKind::Refused => Tone::Bad,
        _ => Tone::Plain,
    }
}

/// Numbers of one hour or of one app: succeeded, failed or blocked, other ends.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    good: u64,
    bad: u64,
    plain: u64,
}

impl Ends {
    fn add(&mut self, ended: &BTreeMap<StatusKind, u64>) {
        for (status, number) in ended {
            match tone(*status) {
                Tone::Good => self.good += number,
                Tone::Bad => self.bad += number,
                Tone::Note | Tone::Plain => self.plain += number,
            }
        }
    }

    fn parts(self) -> Vec<(Tone, u64)> {
        vec![(Tone::Good, self.good), (Tone::Bad, self.bad), (Tone::Plain, self.plain)]
    }

    fn total(self) -> u64 {
        self.good + self.bad + self.plain
    }
}

/// The page.
pub fn page(context: &Charts) -> Markup {
    let hours = by_hour(context);
    let apps = by_app(&context.trends);
    let total = hours.iter().fold(0, |sum, (_, ends)| sum + ends.total());
    let body = html! {
        h1 { "Activity" }
        (list::tabs("/activity/charts"))
        div #charts data-live {
            p .hint {
                "All events that ended within the last " (HOURS) " hours, counted as they ended; hours are UTC, the last one goes on. "
                @if total == 0 { "None did." }
            }
            section .panel aria-labelledby="throughput-title" { (throughput(&hours)) }
            div .panels {
                section .panel aria-labelledby="failures-title" { (failures(&apps, context.now)) }
                section .panel aria-labelledby="queue-title" { (queue(&context.trends.queues)) }
            }
        }
    };
    layout::page(&context.viewer, Place::Activity, "The last 24 hours", &body)
}

fn by_hour(context: &Charts) -> Vec<(Timestamp, Ends)> {
    let first = first_hour(context.now);
    let mut hours: Vec<(Timestamp, Ends)> =
        (0..HOURS).map(|hour| (Timestamp::from_millis(first + hour * HOUR_MILLIS), Ends::default())).collect();
    for each in &context.trends.hours {
        if let Some((_, ends)) = hours.iter_mut().find(|(from, _)| *from == each.from) {
            ends.add(&each.ended);
        }
    }
    hours
}

fn by_app(trends: &Trends) -> BTreeMap<&AppName, Ends> {
    let mut apps: BTreeMap<&AppName, Ends> = BTreeMap::new();
    for each in &trends.hours {
        apps.entry(&each.app).or_default().add(&each.ended);
    }
    apps
}

/// `09:00` of a time, in UTC.
fn clock(at: Timestamp) -> String {
    at.to_string().get(11..16).unwrap_or_default().to_owned()
}

fn throughput(hours: &[(Timestamp, Ends)]) -> Markup {
    let sum = hours.iter().fold(Ends::default(), |sum, (_, ends)| Ends {
        good: sum.good + ends.good,
        bad: sum.bad + ends.bad,
        plain: sum.plain + ends.plain,
    });
    let bars: Vec<Bar> = hours
        .iter()
        .enumerate()
        .map(|(position, (from, ends))| Bar {
            label: if position.is_multiple_of(3) { clock(*from) } else { String::new() },
            parts: ends.parts(),
        })
        .collect();
    let title = format!(
        "Events by the hour in which they ended: {} succeeded, {} failed or blocked, {} other",
        sum.good, sum.bad, sum.plain
    );
    html! {
        h2 #throughput-title { "Throughput" }
        p .legend {
            span .key .good { "succeeded " (sum.good) }
            span .key .bad { "failed or blocked " (sum.bad) }
            span .key .plain { "superseded, rejected or expired " (sum.plain) }
        }
        (picture::bars(&title, &bars))
        details {
            summary { "The same as a table" }
            table {
                thead { tr { th { "Hour (UTC)" } th .number { "Succeeded" } th .number { "Failed or blocked" } th .number { "Other" } } }
                tbody {
                    @for (from, ends) in hours.iter().rev() {
                        tr { th scope="row" { time datetime=(from) { (clock(*from)) } } td .number { (ends.good) } td .number { (ends.bad) } td .number { (ends.plain) } }
                    }
                }
            }
        }
    }
}

fn failures(apps: &BTreeMap<&AppName, Ends>, now: Timestamp) -> Markup {
    let mut rows: Vec<(&AppName, Ends)> = apps.iter().map(|(app, ends)| (*app, *ends)).collect();
    rows.sort_by_key(|(app, ends)| (std::cmp::Reverse(ends.bad), *app));
    let most = rows.iter().map(|(_, ends)| ends.bad).max().unwrap_or_default();
    let since = now.minus(Span::from_hours(24)).to_string();
    let address = |app: &AppName| {
        let query = [("app", app.to_string()), ("status", "trouble".to_owned()), ("since", since.clone())];
        links::with("/activity", query)
    };
    html! {
        h2 #failures-title { "Failures by app" }
        @if rows.is_empty() { p .empty { "No event ended in any app." } }
        @else {
            table {
                thead { tr { th { "App" } th .number { "Ended" } th .number { "Failed or blocked" } th { span .aside { "Bar" } } } }
                tbody {
                    @for (app, ends) in rows {
                        tr {
                            th scope="row" { a href=(links::app(app)) { (app) } }
                            td .number { (ends.total()) }
                            td .number { @if ends.bad > 0 { a href=(address(app)) { (ends.bad) } } @else { "0" } }
                            td { (picture::lying(&[(Tone::Bad, ends.bad)], most)) }
                        }
                    }
                }
            }
        }
    }
}

fn queue(queues: &[QueueAges]) -> Markup {
    let at = |ages: &[u64], position: usize| ages.get(position).copied().unwrap_or_default();
    let rows: Vec<(&str, u64, u64)> = AGES
        .iter()
        .enumerate()
        .map(|(position, age)| {
            let sum = |of: &dyn Fn(&QueueAges) -> u64| queues.iter().map(of).sum::<u64>();
            (*age, sum(&|queue| at(&queue.target, position)), sum(&|queue| at(&queue.people, position)))
        })
        .collect();
    let most = rows.iter().map(|(_, target, people)| target + people).max().unwrap_or_default();
    let more: u64 = queues.iter().map(|queue| queue.more).sum();
    html! {
        h2 #queue-title { "Age of what waits" }
        @if queues.is_empty() { p .empty { "Nothing waits: no event is queued, under way or pending." } }
        @else {
            p .legend { span .key .plain { "for the target" } span .key .note { "for a person" } }
            table {
                thead { tr { th { "Since it was planned" } th .number { "Target" } th .number { "Person" } th { span .aside { "Bar" } } } }
                tbody {
                    @for (age, target, people) in rows {
                        tr {
                            th scope="row" { (age) }
                            td .number { (target) }
                            td .number { @if people > 0 { a href="/approvals" { (people) } } @else { "0" } }
                            td { (picture::lying(&[(Tone::Plain, target), (Tone::Note, people)], most)) }
                        }
                    }
                }
            }
            @if more > 0 { p .hint { (more) " more are open whose age was not looked at: they are being sent, wait for their entitlements, or are too many." } }
        }
    }
}
