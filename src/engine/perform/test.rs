//! *Test connection*: credential, discovery and filters, and what was found in sentences.

use serde::{Deserialize, Serialize};

use crate::connector::capability::FilterProbe;
use crate::engine::perform::context::Context;
use crate::engine::perform::conversation::Conversation;
use crate::engine::perform::discover::{DESCRIBES, discover};
use crate::engine::perform::lesson::Lesson;
use crate::engine::perform::probe::probe_filters;
use crate::entropy::Entropy;
use crate::provision::outcome::{Failure, FailureClass};
use crate::text::printable;

/// How one thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, with something to know.
    Note,
    /// It does not work.
    Bad,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// How it stands.
    pub verdict: Verdict,
    /// What was tried: `connection`, `discovery`, `filter on userName`.
    pub about: String,
    /// What was found and, if it is bad, what to do; a sentence.
    pub sentence: String,
}

/// What a test found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestReport {
    /// In the order of trying.
    pub tried: Vec<Tried>,
    /// What it taught.
    pub lessons: Vec<Lesson>,
    /// Why the app can't be used, if so: for the app's state.
    pub failure: Option<Failure>,
}

impl TestReport {
    /// Whether the app can be used.
    pub fn is_good(&self) -> bool {
        self.tried.iter().all(|tried| tried.verdict != Verdict::Bad)
    }

    fn say(&mut self, verdict: Verdict, about: impl Into<String>, sentence: impl AsRef<str>) {
        let sentence = printable(sentence.as_ref());
        self.tried.push(Tried { verdict, about: about.into(), sentence });
    }

    fn fail(&mut self, about: &str, failure: Failure) {
        // Whoever reads this has just tested, and nothing is tried again by itself.
        let remedy = failure.class.remedy();
        let remedy = remedy.split([';', '(']).next().unwrap_or(remedy).replace(", then `usher apps test APP`", "");
        let remedy = remedy.trim_end();
        self.say(Verdict::Bad, about, format!("{}. To do: {remedy}.", failure.detail));
        self.failure = Some(failure);
    }
}

/// Tries the connection: reads only.
pub async fn test_connection(cx: Context<'_>, entropy: &dyn Entropy) -> TestReport {
    let mut report = TestReport::default();
    let mut talk = Conversation::new(cx);
    if let Err(failure) = connection(&mut talk, &mut report).await {
        report.fail("connection", failure);
        return report;
    }
    let discovered = discover(&mut talk).await;
    if let Lesson::Discovered { remarks, .. } = &discovered {
        if remarks.is_empty() {
            report.say(Verdict::Good, "discovery", "What the target says of itself agrees with the connector.");
        }
        for remark in remarks {
            let verdict = if remark.starts_with(DESCRIBES) { Verdict::Good } else { Verdict::Note };
            report.say(verdict, "discovery", format!("{remark}."));
        }
    }
    report.lessons.push(discovered);
    match probe_filters(cx, entropy).await {
        Ok(lessons) => {
            filters(cx, &lessons, &mut report);
            report.lessons.extend(lessons);
        }
        Err(failure) => report.fail("filters", failure),
    }
    report
}

/// One page of one account: does the endpoint answer, and does it take the credential?
async fn connection(talk: &mut Conversation<'_>, report: &mut TestReport) -> Result<(), Failure> {
    let spec = talk.cx.spec;
    match talk.page(1, 1).await {
        Ok(page) => {
            let many = page.total.map_or("accounts".to_owned(), |total| format!("{total} accounts"));
            let sentence = format!("{} answers, takes the credential and has {many}.", spec.app.base_url);
            report.say(Verdict::Good, "connection", sentence);
            Ok(())
        }
        Err(failure) if failure.status == Some(403) => Err(Failure { class: FailureClass::Credential, ..failure }),
        Err(failure) if failure.class == FailureClass::Missing => {
            Err(Failure { class: FailureClass::NotScim, ..failure })
        }
        // `count` or listing is not liked: the endpoint and the credential are, or it would be a 401.
        Err(failure) if failure.class == FailureClass::Refused => {
            report.say(
                Verdict::Note,
                "connection",
                format!("The target answers, but lists no accounts: {}.", failure.detail),
            );
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

fn filters(cx: Context<'_>, lessons: &[Lesson], report: &mut TestReport) {
    let mut usable = false;
    for lesson in lessons {
        let Lesson::Filter(path, probe) = lesson else { continue };
        let about = format!("filter on {path}");
        match probe {
            FilterProbe::Works => {
                usable = true;
                report.say(Verdict::Good, about, "It finds whom it should, and nobody else.");
            }
            FilterProbe::HalfProven => {
                usable = true;
                let sentence = "A value that nobody has finds nobody; no account had a value to be found by, so the first one created tells the rest.";
                report.say(Verdict::Note, about, sentence);
            }
            FilterProbe::Fails(why) => report.say(Verdict::Note, about, format!("It is not used: {why}.")),
        }
    }
    match (usable, cx.connector().paging.list) {
        (true, _) => {}
        (false, true) => report.say(Verdict::Note, "matching", "No filter can be used: existing accounts are found by reading the whole list."),
        (false, false) => report.say(
            Verdict::Bad,
            "matching",
            "Neither a filter nor a list can be used: existing accounts can't be found, so creates are held. To do: check users.match_on and paging.list of the connector.",
        ),
    }
}
