//! What third parties have at a server: users, groups, and members in groups, also in those that Usher grants. It is made through
//! the server's own API, and a picture of it is taken to see later that it is what it was.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::peer::Peer;

/// Somebody whom Usher did not make.
#[derive(Debug, Clone)]
pub(crate) struct Outsider {
    /// The id at the server.
    pub(crate) id: String,
    /// Who he is in groups.
    pub(crate) member: String,
}

/// Everything that third parties have.
pub(crate) struct ThirdParty {
    /// Their users.
    pub(crate) users: Vec<Outsider>,
    /// Groups by name → id: their own, and those that Usher's rules name.
    pub(crate) groups: BTreeMap<String, String>,
}

/// One thing at the server → what it is, without `meta` and without our edges.
pub(crate) type Picture = BTreeMap<String, String>;

impl ThirdParty {
    /// Makes `count` users, and a group for each of `groups` with three of the users in it: the first as it is made, the others
    /// afterwards.
    pub(crate) async fn seed(peer: &Peer, count: usize, groups: &[String]) -> Self {
        let mut users = Vec::new();
        for number in 0..count {
            let user_name = format!("outsider.{number}@elsewhere.example");
            let user = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "userName": user_name,
                "externalId": format!("elsewhere:{number}"),
                "displayName": format!("Outsider {number}"),
                "name": { "givenName": "Out", "familyName": format!("Sider {number}") },
                "emails": [{ "value": user_name, "type": "work", "primary": true }],
                "active": number % 7 != 3,
            });
            let id = peer.seed(&user).await;
            let member = peer.member(&id, &user_name);
            users.push(Outsider { id, member });
        }
        let mut seeded = BTreeMap::new();
        for (number, name) in groups.iter().enumerate() {
            let of = |step: usize| users[(number * 3 + step) % users.len()].id.clone();
            let group = peer.seed_group(name, &[of(0)]).await;
            peer.seed_members(&group, &[of(1), of(2)]).await;
            seeded.insert(name.clone(), group);
        }
        Self { users, groups: seeded }
    }

    /// What is there now: every user and every group, byte for byte, in which `ours` (group id, member) are left out.
    pub(crate) async fn picture(&self, peer: &Peer, ours: impl Fn(&str, &str) -> bool) -> Picture {
        let mut picture = Picture::new();
        for user in &self.users {
            let path = format!("/Users/{}", user.id);
            let shown = plain(peer.get(&path).await);
            picture.insert(path, shown.to_string());
        }
        for id in self.groups.values() {
            let path = format!("/Groups/{id}");
            let mut group = plain(peer.get(&path).await);
            let parts = group.as_object_mut().unwrap();
            let members = parts.remove("members").unwrap_or(Json::Null);
            let mut kept: Vec<String> = members
                .as_array()
                .into_iter()
                .flatten()
                .filter(|member| !ours(id, member["value"].as_str().unwrap()))
                .map(Json::to_string)
                .collect();
            // In what order they come is the server's business.
            kept.sort();
            picture.insert(path, format!("{group} {}", kept.join(" ")));
        }
        picture
    }

    /// Says what of `before` is no longer what it was.
    #[track_caller]
    pub(crate) fn is_as_it_was(before: &Picture, now: &Picture) {
        for (path, shown) in before {
            assert_eq!(now.get(path), Some(shown), "{path} is not what it was");
        }
        assert_eq!(now.len(), before.len());
    }
}

/// A resource without what the server says about it. Names of attributes come in the order of the alphabet.
fn plain(mut resource: Json) -> Json {
    resource.as_object_mut().unwrap().remove("meta");
    resource
}
