//! Acts on pairs and events by ops: retry, rematch, disassociate.

use crate::access::actor::Actor;
use crate::engine::answer::Answer;
use crate::engine::command::UserRef;
use crate::engine::context::{Engine, EngineError};
use crate::id::{AppName, EventId};
use crate::text::printable;

impl Engine {
    pub(super) async fn retry(&self, actor: &Actor, events: &[EventId]) -> Result<Answer, EngineError> {
        let mut done = Vec::new();
        for event in events {
            let what = self.parts.store.retry(*event, actor.operator, self.parts.clock.now()).await?;
            done.push(format!("{event}: {what}"));
        }
        self.lanes.kick_all();
        Ok(Answer::Done(done.join("\n")))
    }

    pub(super) async fn rematch(&self, actor: &Actor, user: &UserRef, app: &AppName) -> Result<Answer, EngineError> {
        let user = self.find_user(user).await?;
        self.active().await?.app(app)?;
        self.parts.store.rematch(app, user.id, actor.operator, self.parts.clock.now()).await?;
        self.lanes.kick_all();
        let label = printable(&user.label());
        Ok(Answer::Done(format!("{label} is looked up in {app} again with the next plan; what is found may be linked")))
    }

    pub(super) async fn disassociate(
        &self,
        actor: &Actor,
        user: &UserRef,
        app: &AppName,
    ) -> Result<Answer, EngineError> {
        let user = self.find_user(user).await?;
        self.parts.store.disassociate(app, user.id, actor.operator, self.parts.clock.now()).await?;
        let label = printable(&user.label());
        Ok(Answer::Done(format!(
            "the account of {label} in {app} is no longer Usher's; nothing is planned for it until `usher rematch`"
        )))
    }
}
