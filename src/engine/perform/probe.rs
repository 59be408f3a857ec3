//! Probing filters, once per app: a random value must find nobody, an account from the list must be found by its own value.

use crate::connector::capability::FilterProbe;
use crate::engine::perform::context::Context;
use crate::engine::perform::conversation::Conversation;
use crate::engine::perform::find::about_the_request;
use crate::engine::perform::lesson::Lesson;
use crate::entropy::Entropy;
use crate::provision::outcome::Failure;
use crate::scim::decode::Resource;

/// Accounts of the list that are looked at to find one with a value.
const SAMPLE_COUNT: u32 = 10;

/// Probes the filters on the connector's matching attributes and on externalId.
///
/// # Errors
/// A [`Failure`] of endpoint, credential or rate: nothing was learned then.
pub async fn probe_filters(cx: Context<'_>, entropy: &dyn Entropy) -> Result<Vec<Lesson>, Failure> {
    let users = &cx.connector().users;
    let mut paths: Vec<&str> = users.match_on.iter().map(String::as_str).collect();
    if cx.keeps_external_id() && !paths.contains(&"externalId") {
        paths.push("externalId");
    }
    if !cx.connector().filter.supported {
        let fails = || FilterProbe::Fails("the connector says that this kind of target does not filter".to_owned());
        return Ok(paths.into_iter().map(|path| Lesson::Filter(path.to_owned(), fails())).collect());
    }
    let mut talk = Conversation::new(cx);
    let sample = sample(&mut talk).await?;
    let mut lessons = Vec::new();
    for path in paths {
        let probe = probe(&mut talk, path, &sample, entropy).await?;
        lessons.push(Lesson::Filter(path.to_owned(), probe));
    }
    Ok(lessons)
}

/// Some accounts; none if the target is empty or can't list.
async fn sample(talk: &mut Conversation<'_>) -> Result<Vec<Resource>, Failure> {
    if !talk.cx.connector().paging.list {
        return Ok(Vec::new());
    }
    let count = SAMPLE_COUNT.min(talk.cx.page_size());
    match talk.page(1, count).await {
        Ok(page) => Ok(page.resources),
        Err(failure) if about_the_request(&failure) => Ok(Vec::new()),
        Err(failure) => Err(failure),
    }
}

async fn probe(
    talk: &mut Conversation<'_>,
    path: &str,
    sample: &[Resource],
    entropy: &dyn Entropy,
) -> Result<FilterProbe, Failure> {
    match talk.filter(path, &random_value(path, entropy)).await {
        Ok(page) if page.rows > 0 => {
            let rows = page.rows;
            return Ok(FilterProbe::Fails(format!(
                "a value that nobody has found {rows} accounts: the filter is ignored"
            )));
        }
        Ok(_) => {}
        Err(failure) if about_the_request(&failure) => return Ok(FilterProbe::Fails(failure.detail)),
        Err(failure) => return Err(failure),
    }
    let known = sample.iter().find_map(|resource| Some((resource, resource.texts(path).first().copied()?.to_owned())));
    let Some((owner, value)) = known else { return Ok(FilterProbe::HalfProven) };
    match talk.filter(path, &value).await {
        Ok(page) if page.resources.iter().any(|hit| hit.id == owner.id && hit.has(path, &value)) => {
            Ok(FilterProbe::Works)
        }
        Ok(_) => Ok(FilterProbe::Fails("it does not find an account by a value that the account has".to_owned())),
        Err(failure) if about_the_request(&failure) => Ok(FilterProbe::Fails(failure.detail)),
        Err(failure) => Err(failure),
    }
}

/// A value that nobody has, in a form that targets take: some insist on e-mail addresses.
fn random_value(path: &str, entropy: &dyn Entropy) -> String {
    let mut random = [0_u8; 8];
    entropy.fill(&mut random);
    let word = format!("usher-probe-{:016x}", u64::from_le_bytes(random));
    if path == "externalId" { word } else { format!("{word}@example.invalid") }
}
