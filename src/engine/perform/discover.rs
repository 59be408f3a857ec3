//! Reading what a target says of itself, and comparing it with the connector.

use crate::connector::descriptor::UpdateVerb;
use crate::engine::perform::context::Context;
use crate::engine::perform::conversation::Conversation;
use crate::engine::perform::lesson::Lesson;
use crate::engine::perform::probe::probe_filters;
use crate::entropy::Entropy;
use crate::provision::outcome::Failure;
use crate::scim::discovery::{self, ProviderConfig};

/// What an app is asked once, before its first plan and after its connector or base URL changed: discovery and filters.
///
/// # Errors
/// A [`Failure`] of endpoint, credential or rate.
pub async fn first_contact(cx: Context<'_>, entropy: &dyn Entropy) -> Result<Vec<Lesson>, Failure> {
    let mut lessons = probe_filters(cx, entropy).await?;
    lessons.push(discover(&mut Conversation::new(cx)).await);
    Ok(lessons)
}

/// How the remark begins that says nothing for or against a target.
pub const DESCRIBES: &str = "it describes ";

/// Reads the discovery endpoints that the connector names. What is missing or broken is a remark, never a failure.
pub async fn discover(talk: &mut Conversation<'_>) -> Lesson {
    let paths = &talk.cx.connector().discovery;
    let mut config = ProviderConfig::default();
    let mut remarks = Vec::new();
    if !paths.service_provider_config.is_empty() {
        match talk.discover(&paths.service_provider_config).await.map(|answer| discovery::provider_config(&answer)) {
            Ok(Ok(found)) => {
                config = found;
                remarks = compare(talk.cx, &config);
            }
            Ok(Err(error)) => remarks.push(format!("ServiceProviderConfig can't be read: {error}")),
            Err(failure) => remarks.push(format!("there is no ServiceProviderConfig: {}", failure.detail)),
        }
    }
    if !paths.resource_types.is_empty()
        && let Ok(answer) = talk.discover(&paths.resource_types).await
        && let Ok(types) = discovery::resource_types(&answer)
    {
        remarks.extend(elsewhere(talk.cx, &types));
    }
    if !paths.schemas.is_empty()
        && let Ok(answer) = talk.discover(&paths.schemas).await
        && let Ok(schemas) = discovery::schemas(&answer)
    {
        let extensions = schemas.iter().filter(|urn| urn.contains(":extension:")).count();
        let schemas = if schemas.len() == 1 { "1 schema".to_owned() } else { format!("{} schemas", schemas.len()) };
        remarks.push(format!("{DESCRIBES}{schemas}, {extensions} of them extensions"));
    }
    Lesson::Discovered { config, remarks, at: talk.cx.clock.now() }
}

/// Where discovery and the connector differ.
fn compare(cx: Context<'_>, config: &ProviderConfig) -> Vec<String> {
    let mut remarks = Vec::new();
    if config.patch == Some(false) && cx.connector().users.update == UpdateVerb::Patch {
        remarks.push("it says that it has no PATCH: updates are sent as PUT".to_owned());
    }
    if config.filter == Some(false) {
        remarks.push("it says that it can't filter: the probes tell".to_owned());
    }
    if let Some(max) = config.results_max
        && max < cx.connector().paging.page_size
    {
        remarks.push(format!("it gives at most {max} results a query: pages are made that small"));
    }
    remarks
}

/// A User resource type that lives elsewhere than the connector says. The target's address is shown, never followed.
fn elsewhere(cx: Context<'_>, types: &[(String, String)]) -> Option<String> {
    let path = cx.connector().users.path.trim_start_matches('/');
    let (_, endpoint) = types.iter().find(|(name, _)| name.eq_ignore_ascii_case("User"))?;
    (!endpoint.is_empty() && !endpoint.trim_end_matches('/').ends_with(path))
        .then(|| format!("it says that users are at {endpoint}, the connector says {}", cx.connector().users.path))
}
