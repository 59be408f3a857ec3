//! What an app file says that can't be meant. Asked before it becomes part of a revision; what is active already goes on as it is.

use std::collections::BTreeSet;

use crate::connector::app::{AppSpec, LeavingPolicy};
use crate::connector::descriptor::Deactivation;
use crate::directory::source::names_user;
use crate::text::{Mistake, printable};

impl AppSpec {
    /// All of them. Whether a schedule means anything is not asked here.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        self.base_url(&mut mistakes);
        self.people(&mut mistakes);
        mistakes.extend(self.app.guard.mistakes());
        self.numbers(&mut mistakes);
        self.leaving(&mut mistakes);
        mistakes
    }

    fn base_url(&self, mistakes: &mut Vec<Mistake>) {
        let url = &self.app.base_url;
        let authority = url.split_once("://").map_or("", |(_, rest)| rest).split('/').next().unwrap_or_default();
        if authority.contains('@') {
            // The value is not repeated: people paste tokens here.
            let reason = "base_url carries a user name or password; put the token into the app's credential";
            mistakes.push(Mistake::new("base_url", reason));
        } else if url.contains(['?', '#']) || url.contains(char::is_whitespace) {
            let reason = format!("base_url `{}` is more than scheme, host, port and path", printable(url));
            mistakes.push(Mistake::new("base_url", reason));
        }
        let port = authority.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            mistakes.push(Mistake::new("base_url", format!("base_url `{}` has no usable port", printable(url))));
        }
    }

    /// Who is named by source and key, and in which order app roles stand.
    fn people(&self, mistakes: &mut Vec<Mistake>) {
        for user in self.app.assign.users.iter().filter(|user| !names_user(user)) {
            let reason =
                format!("assign.users has `{}`; a user is named as source:key, for example hr:1001", printable(user));
            mistakes.push(Mistake::of_value(user, reason));
        }
        let mut seen = BTreeSet::new();
        for role in self.app.app_role_order.iter().filter(|role| !seen.insert(role.as_str())) {
            let reason = format!(
                "app_role_order has `{}` twice; it lists each app role once, from least to most",
                printable(role)
            );
            mistakes.push(Mistake::of_value(role, reason));
        }
    }

    fn numbers(&self, mistakes: &mut Vec<Mistake>) {
        let limits = &self.app.limits;
        for (key, value) in [
            ("connect_timeout_secs", limits.connect_timeout_secs),
            ("list_timeout_secs", limits.list_timeout_secs),
            ("timeout_secs", limits.timeout_secs),
        ] {
            if value == 0 {
                mistakes.push(Mistake::new(key, format!("limits.{key} is 0: nothing would ever be answered in time")));
            }
        }
    }

    fn leaving(&self, mistakes: &mut Vec<Mistake>) {
        let users = &self.connector.users;
        let deletes = users.delete || users.deactivate == Deactivation::Delete;
        for (key, policy) in [("on_unassign", self.app.leaving.on_unassign), ("on_delete", self.app.leaving.on_delete)]
        {
            if policy == LeavingPolicy::Delete && !deletes {
                let reason = format!(
                    "leaving.{key} is `delete`, but connector `{}` can't delete accounts; use deactivate or nothing",
                    self.connector.name
                );
                mistakes.push(Mistake::new(key, reason));
            }
        }
    }
}
