//! Drafts: what an operator writes before it is a revision. One each; nobody else sees it.

use crate::access::actor::Actor;
use crate::connector::draft::{Draft, DraftEdit, compare, digest_of};
use crate::engine::answer::Answer;
use crate::engine::context::{Engine, EngineError};
use crate::engine::trial::DraftAnswer;
use crate::id::RevisionNumber;

impl Engine {
    pub(super) async fn draft(&self, actor: &Actor) -> Result<Answer, EngineError> {
        let Some(draft) = self.parts.store.draft(actor.operator).await? else { return Ok(Answer::Draft(None)) };
        let active = self.parts.store.active_revision().await?.map(|revision| revision.number);
        let parent = self.bundle_of(draft.parent).await?;
        let moved = match active == draft.parent {
            true => Default::default(),
            false => compare(&parent, &self.bundle_of(active).await?),
        };
        let changes = compare(&parent, &draft.bundle);
        Ok(Answer::Draft(Some(Box::new(DraftAnswer { digest: draft.bundle.digest(), draft, changes, active, moved }))))
    }

    pub(super) async fn draft_edit(&self, actor: &Actor, edit: DraftEdit) -> Result<Answer, EngineError> {
        let kept = self.parts.store.draft(actor.operator).await?;
        let active = self.parts.store.active_revision().await?.map(|revision| revision.number);
        let mut draft = match kept {
            Some(draft) => draft,
            None => Draft { parent: active, bundle: self.bundle_of(active).await?, at: self.parts.clock.now() },
        };
        let parent = self.bundle_of(draft.parent).await?;
        let told = match edit {
            DraftEdit::Drop => {
                self.parts.store.put_draft(actor.operator, None).await?;
                return Ok(Answer::Done("the draft is dropped; the active revision is as it was".to_owned()));
            }
            DraftEdit::Write { file, text, over } => {
                let stands = digest_of(draft.bundle.files.get(&file).map(String::as_str));
                if over.is_some_and(|over| over != stands) {
                    return Err(EngineError::Invalid(format!(
                        "{file} was written elsewhere since this page was opened; what you typed is below, and nothing of it is kept yet"
                    )));
                }
                draft.write(&file, Some(&text)).map_err(EngineError::Invalid)?;
                format!("{file} is kept in your draft")
            }
            DraftEdit::Remove { file } => {
                draft.write(&file, None).map_err(EngineError::Invalid)?;
                format!("{file} is not in your draft any more")
            }
            DraftEdit::Restore { file } => {
                draft.write(&file, parent.files.get(&file).map(String::as_str)).map_err(EngineError::Invalid)?;
                format!("{file} is as it was in the revision that your draft was taken from")
            }
            DraftEdit::Rebase => self.rebased(&mut draft, active).await?,
        };
        draft.at = self.parts.clock.now();
        let base = self.bundle_of(draft.parent).await?;
        let idle = draft.parent == active && compare(&base, &draft.bundle).is_empty();
        self.parts.store.put_draft(actor.operator, (!idle).then_some(draft)).await?;
        Ok(Answer::Done(told))
    }

    async fn rebased(&self, draft: &mut Draft, active: Option<RevisionNumber>) -> Result<String, EngineError> {
        let Some(number) = active.filter(|active| draft.parent != Some(*active)) else {
            return Ok("your draft is based on the active revision already".to_owned());
        };
        let base = self.bundle_of(draft.parent).await?;
        let both = draft.rebase(&base, (number, &self.bundle_of(active).await?));
        Ok(match both.as_slice() {
            [] => format!("your draft is based on {number} now; no file was changed on both sides"),
            both => format!(
                "your draft is based on {number} now; {} changed on both sides and stay as you wrote them: see the differences",
                both.join(", ")
            ),
        })
    }

    async fn bundle_of(
        &self,
        number: Option<RevisionNumber>,
    ) -> Result<crate::connector::revision::Bundle, EngineError> {
        match number {
            Some(number) => Ok(self.parts.store.bundle(number).await?),
            None => Ok(Default::default()),
        }
    }
}
