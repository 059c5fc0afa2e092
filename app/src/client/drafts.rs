//! Texts that were begun and not sent.

use super::{
    event::{Effect, Ticks},
    limits::{DRAFT_BYTES_MAX, DRAFT_DELAY_MS, DRAFTS_MAX},
};
use kafkatalk_protocol::ConversationId;
use std::{collections::BTreeMap, sync::Arc};

#[derive(Clone, Debug)]
struct Draft {
    text: Arc<str>,
    /// When it is to be stored, where it is not yet.
    store_at: Option<Ticks>,
    /// Higher ones were changed later.
    changed: u64,
}

/// The drafts of all conversations.
#[derive(Clone, Debug, Default)]
pub(super) struct Drafts {
    drafts: BTreeMap<ConversationId, Draft>,
    changes: u64,
}

impl Drafts {
    /// The draft of a conversation; empty for none.
    pub(super) fn get(&self, conversation: ConversationId) -> Arc<str> {
        self.drafts.get(&conversation).map_or_else(|| "".into(), |draft| draft.text.clone())
    }

    /// What this device had stored.
    pub(super) fn restore(&mut self, conversation: ConversationId, text: &str) {
        // What was typed since the page was loaded is newer.
        if !self.drafts.contains_key(&conversation) && !text.is_empty() {
            self.put(conversation, text, None);
        }
    }

    fn put(&mut self, conversation: ConversationId, text: &str, store_at: Option<Ticks>) {
        let text = &text[..text.floor_char_boundary(DRAFT_BYTES_MAX)];
        self.changes += 1;
        let draft = Draft { text: text.into(), store_at, changed: self.changes };
        self.drafts.insert(conversation, draft);
    }

    /// The text in a composer changed. True where the list shows a difference.
    pub(super) fn change(
        &mut self,
        conversation: ConversationId,
        text: &str,
        now: Ticks,
        effects: &mut Vec<Effect>,
    ) -> bool {
        if *self.get(conversation) == *text {
            return false;
        }
        self.put(conversation, text, Some(now.plus(DRAFT_DELAY_MS)));
        if self.drafts.len() > DRAFTS_MAX
            && let Some(oldest) = self.drafts.iter().min_by_key(|(_, draft)| draft.changed).map(|(id, _)| *id)
        {
            self.drafts.remove(&oldest);
            effects.push(Effect::StoreDraft(oldest, None));
        }
        true
    }

    /// Another tab stored a text, or dropped it. What it was here and is now, where this tab had the one that was stored
    /// before and takes it over: what was typed here since stays.
    pub(super) fn stored_elsewhere(
        &mut self,
        conversation: ConversationId,
        text: &str,
    ) -> Option<(Arc<str>, Arc<str>)> {
        let before = self.get(conversation);
        let typed_since = self.drafts.get(&conversation).is_some_and(|draft| draft.store_at.is_some());
        if typed_since || *before == *text {
            return None;
        }
        self.drafts.remove(&conversation);
        self.restore(conversation, text);
        Some((before, self.get(conversation)))
    }

    /// It was sent.
    pub(super) fn clear(&mut self, conversation: ConversationId, effects: &mut Vec<Effect>) {
        if self.drafts.remove(&conversation).is_some() {
            effects.push(Effect::StoreDraft(conversation, None));
        }
    }

    /// Stores what is due; all of it where the page may go away.
    pub(super) fn store(&mut self, now: Ticks, all: bool, effects: &mut Vec<Effect>) {
        for (conversation, draft) in &mut self.drafts {
            if draft.store_at.is_some_and(|moment| all || moment <= now) {
                draft.store_at = None;
                let text = (!draft.text.is_empty()).then(|| draft.text.to_string());
                effects.push(Effect::StoreDraft(*conversation, text));
            }
        }
        self.drafts.retain(|_, draft| !draft.text.is_empty() || draft.store_at.is_some());
    }

    /// When one is to be stored.
    pub(super) fn wake_at(&self) -> Option<Ticks> {
        self.drafts.values().filter_map(|draft| draft.store_at).min()
    }
}
