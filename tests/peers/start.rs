//! Every server starts, demands the token, refuses a taken name, and keeps an account byte for byte.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value as Json, json};
use usher::connector::Connector;

use crate::peer::{Peer, start_canaille, start_scim2_server, start_scimmy};

async fn keeps_what_it_is_given(peer: &Peer) {
    let connector = Connector::parse(Path::new(peer.connector), &peer.connector_text()).unwrap();
    assert_eq!(connector.name.as_str(), peer.connector);

    let user = peer.traits.fit(&json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "third.party@elsewhere.example",
        "externalId": "elsewhere:1",
        "name": { "givenName": "Third", "familyName": "Party" },
        "emails": [{ "value": "third.party@elsewhere.example", "type": "work", "primary": true }],
        "active": true,
    }));
    let id = peer.seed(&user).await;
    let before = peer.raw(&format!("/Users/{id}")).await;
    let kept: Json = serde_json::from_slice(&before).unwrap();
    for (name, value) in user.as_object().unwrap().iter().filter(|(name, _)| *name != "schemas") {
        assert_eq!(&kept[name], value, "{name}");
    }
    let (status, _) = peer.send(Method::POST, "/Users", Some(&user)).await;
    assert_eq!(status, peer.traits.duplicate);
    assert_eq!(peer.users_called("third.party@elsewhere.example").await.len(), 1);
    assert_eq!(peer.count().await, 1);
    assert_eq!(peer.raw(&format!("/Users/{id}")).await, before);

    let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = stranger.get(format!("{}/Users", peer.base_url)).bearer_auth("another").send().await.unwrap();
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn scim2_server_starts_and_keeps_what_it_is_given() {
    keeps_what_it_is_given(&start_scim2_server()).await;
}

#[tokio::test]
async fn scimmy_starts_and_keeps_what_it_is_given() {
    keeps_what_it_is_given(&start_scimmy()).await;
}

#[tokio::test]
async fn canaille_starts_and_keeps_what_it_is_given() {
    keeps_what_it_is_given(&start_canaille()).await;
}
