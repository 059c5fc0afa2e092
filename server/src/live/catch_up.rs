//! What a device missed while it was away: sent after its `hello`, before anything newer.

use super::hub::Outgoing;
use crate::{
    chat::{Chat, errors::Unavailable},
    views::{HistoryPage, Query, ViewsError},
};
use kafkatalk_protocol::{
    ConversationId, Offset, ServerFrame, UserId,
    limits::{CATCH_UP_MESSAGES_MAX, HELLO_POSITIONS_MAX},
};
use std::collections::{BTreeMap, HashMap};

/// What to send, and how far that brings the device in each conversation.
#[derive(Debug, Default)]
pub struct CatchUp {
    /// In order.
    pub frames: Vec<Outgoing>,
    /// The newest offset that the device holds or was told of.
    pub reached: HashMap<ConversationId, Offset>,
}

/// Gathers it. Conversations that the caller may not see, or that are not there, are passed over in silence.
pub async fn gather(
    chat: &Chat,
    caller: UserId,
    positions: BTreeMap<ConversationId, Offset>,
) -> Result<CatchUp, Unavailable> {
    let mut whole = CatchUp::default();
    for (conversation, held) in positions.into_iter().take(HELLO_POSITIONS_MAX) {
        // One read each: a device that was away for long must not hold a reader for all of it.
        let part = chat.views().read(move |views| of_one(views, caller, conversation, held)).await?;
        let Some((frames, reached)) = part else { continue };
        whole.frames.extend(frames);
        whole.reached.insert(conversation, reached);
    }
    Ok(whole)
}

type Part = Option<(Vec<Outgoing>, Offset)>;

fn of_one(
    views: &Query<'_>,
    caller: UserId,
    conversation: ConversationId,
    held: Offset,
) -> Result<Part, ViewsError> {
    if !views.members(conversation)?.is_some_and(|members| members.contains(&caller)) {
        return Ok(None);
    }
    let page = views.messages(conversation, HistoryPage::After(Some(held)), CATCH_UP_MESSAGES_MAX)?;
    let mut reached = page.messages.last().map_or(held, |message| message.offset);
    let mut frames: Vec<_> =
        page.messages.into_iter().map(|message| Outgoing::of(&ServerFrame::Message { message })).collect();
    if page.next.is_some() {
        let newest = views.messages(conversation, HistoryPage::Latest, 1)?.messages.pop();
        let latest = newest.map_or(reached, |message| message.offset);
        frames.push(Outgoing::of(&ServerFrame::Behind { conversation, after: Some(reached), latest }));
        // What is between is for the client to page; a live frame for it would only come twice.
        reached = latest;
    }
    Ok(Some((frames, reached)))
}
