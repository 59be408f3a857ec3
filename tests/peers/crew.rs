//! Who works at Planet Express and what account each must have; and two accounts that were there before.

use serde_json::{Value as Json, json};

use crate::peer::Peer;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Somebody of the export, as the server must have him. `None` = no value.
pub(crate) struct Member {
    pub(crate) uid: &'static str,
    pub(crate) user_name: &'static str,
    given_name: &'static str,
    family_name: &'static str,
    display_name: &'static str,
    title: Option<&'static str>,
    user_type: Option<&'static str>,
    department: &'static str,
    emails: &'static [&'static str],
}

/// Everybody but Leela, whose name is taken by an account that was there before.
pub(crate) const ARRIVALS: [Member; 6] = [
    Member {
        uid: "amy",
        user_name: "Amy Wong",
        given_name: "Amy",
        family_name: "Kroker",
        display_name: "Amy Kroker",
        title: None,
        user_type: None,
        department: "Intern",
        emails: &["amy@planetexpress.com"],
    },
    Member {
        uid: "bender",
        user_name: "Bender Bending Rodriguez",
        given_name: "Bender",
        family_name: "Rodriguez",
        display_name: "Bender",
        title: Some("Ship's Robot"),
        user_type: Some("Crew"),
        department: "Delivering Crew",
        emails: &["bender@planetexpress.com"],
    },
    Member {
        uid: "fry",
        user_name: "Philip J. Fry",
        given_name: "Philip",
        family_name: "Fry",
        display_name: "Fry",
        title: Some("Delivery boy"),
        user_type: Some("Crew"),
        department: "Delivering Crew",
        emails: &["fry@planetexpress.com"],
    },
    Member {
        uid: "hermes",
        user_name: "Hermes Conrad",
        given_name: "Hermes",
        family_name: "Conrad",
        display_name: "Hermes Conrad",
        title: Some("Bureaucrat"),
        user_type: Some("Office"),
        department: "Office Management",
        emails: &["hermes@planetexpress.com"],
    },
    Member {
        uid: "professor",
        user_name: "Hubert J. Farnsworth",
        given_name: "Hubert",
        family_name: "Farnsworth",
        display_name: "Professor Farnsworth",
        title: Some("Professor"),
        user_type: Some("Office"),
        department: "Office Management",
        emails: &["professor@planetexpress.com", "hubert@planetexpress.com"],
    },
    Member {
        uid: "zoidberg",
        user_name: "John A. Zoidberg",
        given_name: "John",
        family_name: "Zoidberg",
        display_name: "Zoidberg",
        title: Some("Ph.D."),
        user_type: None,
        department: "Staff",
        emails: &["zoidberg@planetexpress.com"],
    },
];

impl Member {
    /// The account at `peer`, `meta` and `schemas` apart: the whole of it, so that nothing else may be there.
    pub(crate) fn account(&self, peer: &Peer, id: &str, external_id: &str) -> Json {
        let emails: Vec<Json> = (self.emails.iter().enumerate())
            .map(|(index, value)| {
                json!({ "value": value, "type": if index == 0 { "work" } else { "other" }, "primary": index == 0 })
            })
            .collect();
        let mut account = json!({
            "id": id,
            "externalId": external_id,
            "userName": self.user_name,
            "name": { "formatted": self.user_name, "givenName": self.given_name, "familyName": self.family_name },
            "displayName": self.display_name,
            "active": true,
            "emails": emails,
            ENTERPRISE: { "department": self.department },
        });
        for (name, value) in [("title", self.title), ("userType", self.user_type)] {
            if let Some(value) = value {
                account[name] = value.into();
            }
        }
        peer.traits.fit(&account)
    }
}

/// Two accounts that Usher did not make: one that has Leela's name, one that has nothing to do with anybody.
pub(crate) struct ThirdParties {
    /// The id of the one that has Leela's name.
    pub(crate) leela: String,
    stranger: String,
    before: [Vec<u8>; 2],
}

impl ThirdParties {
    /// Makes them through the server's own API.
    pub(crate) async fn seed(peer: &Peer) -> Self {
        let leela = peer
            .seed(&json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "userName": "Turanga Leela",
                "externalId": "orphanarium:1",
                "displayName": "The Captain",
                "name": { "formatted": "Leela of the Orphanarium", "familyName": "Leela" },
                "active": true,
            }))
            .await;
        let stranger = peer
            .seed(&json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "userName": "Zapp Brannigan",
                "displayName": "Zapp",
                "emails": [{ "value": "zapp@doop.example", "type": "work", "primary": true }],
                "active": true,
            }))
            .await;
        let before = [peer.raw(&format!("/Users/{leela}")).await, peer.raw(&format!("/Users/{stranger}")).await];
        Self { leela, stranger, before }
    }

    /// Both are byte for byte what they were.
    pub(crate) async fn are_as_they_were(&self, peer: &Peer) {
        let leela = peer.raw(&format!("/Users/{}", self.leela)).await;
        assert_eq!(String::from_utf8_lossy(&leela), String::from_utf8_lossy(&self.before[0]));
        self.the_stranger_is_as_he_was(peer).await;
    }

    /// The one that matches nobody is byte for byte what it was.
    pub(crate) async fn the_stranger_is_as_he_was(&self, peer: &Peer) {
        let stranger = peer.raw(&format!("/Users/{}", self.stranger)).await;
        assert_eq!(String::from_utf8_lossy(&stranger), String::from_utf8_lossy(&self.before[1]));
    }
}
