//! Looking for something that was said.

use crate::{
    features::conversations::errors::ConversationError,
    kernel::{Kernel, views::SearchText},
};
use kafkatalk_protocol::{ConversationId, UserId, http::Found};

impl Kernel {
    /// Messages of the caller's, latest first, in one conversation or in all that they are in.
    pub async fn search(
        &self,
        caller: UserId,
        text: SearchText,
        conversation: Option<ConversationId>,
        before: Option<String>,
        limit: usize,
    ) -> Result<Found, ConversationError> {
        if let Some(conversation) = conversation {
            self.require_member(caller, conversation).await?;
        }
        Ok(self.views.search(caller, text, conversation, before, limit).await?)
    }
}
