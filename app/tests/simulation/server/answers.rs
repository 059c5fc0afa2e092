//! Answers over HTTP, and the pages that the server renders.

use super::{Fault, Server, wall};
use crate::api::{Answer, Fetch, Page, refused};
use kafkatalk_app::{
    client::RequestError,
    page::{OpenModel, PageModel},
};
use kafkatalk_protocol::{
    Conversation, ConversationId, ErrorCode, Message, User, UserId,
    http::{Conversations, Messages},
};

impl Server {
    /// Answers over HTTP, from a node whose view may lag.
    pub(crate) fn answer(&mut self, user: UserId, fetch: &Fetch, now: u64) -> Result<Answer, RequestError> {
        let lag = self.random.below(self.trouble.lag_ms + 1);
        let before = now.saturating_sub(lag);
        match fetch {
            Fetch::Session => Ok(Answer::Session(crate::world::user(user.0.as_u128()))),
            Fetch::Conversations { before: cursor, limit } => {
                let mut all = self.list(user, before);
                let start = cursor
                    .as_ref()
                    .map_or(0, |cursor| all.iter().position(|c| cursor_of(c) < *cursor).unwrap_or(all.len()));
                let rest = all.split_off(start.min(all.len()));
                let more = rest.len() > *limit;
                let conversations: Vec<_> = rest.into_iter().take(*limit).collect();
                let next = conversations.last().filter(|_| more).map(cursor_of);
                Ok(Answer::Conversations(Conversations { conversations, next }))
            }
            Fetch::Conversation(id) => self
                .conversation(*id, user, before)
                .map(|conversation| Answer::Conversation(Box::new(conversation)))
                .ok_or(refused(self.absence(*id, user, before))),
            Fetch::Messages { conversation, page, limit } => {
                let skips = self.fault == Fault::SkipsInHistory && self.lot(300);
                let absent = refused(self.absence(*conversation, user, before));
                let conv = self.convs.get(conversation);
                let conv = conv.filter(|conv| conv.state_at(before).member(user).is_some()).ok_or(absent)?;
                let of_changes = matches!(page, Page::ChangedAfter(_));
                if of_changes && !self.trouble.knows_changes {
                    return Err(refused(ErrorCode::InvalidInput));
                }
                let mut page = page_of(&self.messages_for(conv, user, before), *page, *limit);
                page.through = conv.through(before).filter(|_| self.trouble.knows_changes);
                if skips && !of_changes && page.messages.len() > 2 {
                    page.messages.remove(1);
                }
                Ok(Answer::Messages(page))
            }
        }
    }

    /// Why a conversation is not there for somebody.
    fn absence(&self, id: ConversationId, user: UserId, before: u64) -> ErrorCode {
        let had = self.convs.get(&id).is_some_and(|conv| conv.had(user, before));
        if had { ErrorCode::NotAllowed } else { ErrorCode::NotFound }
    }

    fn list(&self, user: UserId, before: u64) -> Vec<Conversation> {
        let mut all: Vec<_> = self
            .convs
            .iter()
            .filter(|(_, conv)| conv.created_at <= wall(before))
            .filter_map(|(id, _)| self.conversation(*id, user, before))
            .collect();
        all.sort_by_key(|conversation| std::cmp::Reverse(cursor_of(conversation)));
        all
    }

    /// What the server puts into a page.
    pub(crate) fn page(
        &self,
        viewer: &User,
        open: Option<ConversationId>,
        limit: usize,
        now: u64,
    ) -> PageModel {
        let mut conversations = self.list(viewer.id, now);
        let more = conversations.len() > limit;
        conversations.truncate(limit);
        let open = open.and_then(|id| {
            let conversation = self.conversation(id, viewer.id, now)?;
            let page = page_of(&self.messages_for(self.convs.get(&id)?, viewer.id, now), Page::Latest, limit);
            Some(OpenModel { conversation, messages: page.messages, earlier: page.next })
        });
        PageModel {
            viewer: Some(viewer.clone()),
            conversations_next: conversations.last().filter(|_| more).map(cursor_of),
            conversations,
            open,
            now: wall(now),
            ..PageModel::default()
        }
    }
}

fn cursor_of(conversation: &Conversation) -> String {
    let last = conversation.last_message.as_ref().map_or(conversation.created_at, |last| last.sent_at);
    format!("{}/{}", last.max(conversation.created_at), conversation.id)
}

pub(super) fn page_of(all: &[Message], page: Page, limit: usize) -> Messages {
    let (range, forward): (Vec<_>, _) = match page {
        Page::Latest => (all.iter().collect(), false),
        Page::Before(offset) => (all.iter().filter(|m| m.offset < offset).collect(), false),
        Page::After(offset) => (all.iter().filter(|m| Some(m.offset) > offset).collect(), true),
        Page::ChangedAfter(record) => {
            let mut changed: Vec<_> = all.iter().filter(|m| m.revision() > record).collect();
            changed.sort_by_key(|message| message.revision());
            (changed, true)
        }
    };
    let by_revision = matches!(page, Page::ChangedAfter(_));
    let more = range.len() > limit;
    let skip = if forward { 0 } else { range.len().saturating_sub(limit) };
    let messages: Vec<_> = range.into_iter().skip(skip).take(limit).cloned().collect();
    let edge = if forward { messages.last() } else { messages.first() };
    let next =
        edge.filter(|_| more).map(|message| if by_revision { message.revision() } else { message.offset });
    Messages { messages, next, through: None }
}
