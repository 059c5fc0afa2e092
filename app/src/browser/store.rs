//! The outbox and the drafts in `localStorage`, one key each, so that tabs do not overwrite each other's.

use crate::client::{ChangeKind, StoredEntry};
use kafkatalk_protocol::{ConversationId, MessageId, UserId};
use web_sys::Storage;

/// The keys of one viewer: whoever signs in next on this device finds their own only. Signing out removes them.
#[derive(Clone)]
pub(super) struct Store {
    outbox: String,
    drafts: String,
    /// How changes are read.
    kinds: &'static [ChangeKind],
}

/// What was stored: messages that wait, and texts that were begun.
pub(super) type Stored = (Vec<StoredEntry>, Vec<(ConversationId, String)>);

fn storage() -> Option<Storage> {
    web_sys::window()?.local_storage().ok()?
}

impl Store {
    pub(super) fn of(viewer: UserId, kinds: &'static [ChangeKind]) -> Self {
        let key = |of: &str| format!("kafkatalk.{of}.{viewer}.");
        Self { outbox: key("outbox"), drafts: key("draft"), kinds }
    }

    pub(super) fn load(&self) -> Stored {
        let (mut outbox, mut drafts) = Stored::default();
        let Some(storage) = storage() else { return (outbox, drafts) };
        for index in 0..storage.length().unwrap_or(0) {
            let Ok(Some(key)) = storage.key(index) else { continue };
            let Ok(Some(value)) = storage.get_item(&key) else { continue };
            if let Some(entry) = self.entry(&key, &value) {
                outbox.push(entry);
            } else if let Some(conversation) = self.draft(&key) {
                drafts.push((conversation, value));
            }
        }
        (outbox, drafts)
    }

    /// The message under that key, where it is one of the outbox.
    pub(super) fn entry(&self, key: &str, value: &str) -> Option<StoredEntry> {
        let id = self.entry_id(key)?;
        StoredEntry::from_json(value, self.kinds).filter(|entry| entry.id == id)
    }

    /// The id of the message of the outbox with that key.
    pub(super) fn entry_id(&self, key: &str) -> Option<MessageId> {
        key.strip_prefix(&self.outbox)?.parse().ok()
    }

    /// The conversation of the draft with that key.
    pub(super) fn draft(&self, key: &str) -> Option<ConversationId> {
        key.strip_prefix(&self.drafts)?.parse().ok()
    }

    /// False where the device does not take it.
    pub(super) fn put_entry(&self, entry: &StoredEntry) -> bool {
        let key = format!("{}{}", self.outbox, entry.id);
        let value = entry.to_json().ok();
        storage().zip(value).is_some_and(|(storage, value)| storage.set_item(&key, &value).is_ok())
    }

    pub(super) fn remove_entry(&self, id: MessageId) {
        if let Some(storage) = storage() {
            let _ = storage.remove_item(&format!("{}{id}", self.outbox));
        }
    }

    /// Drops all of this viewer.
    pub(super) fn forget(&self) {
        let Some(storage) = storage() else { return };
        // From the end, since keys move up.
        for index in (0..storage.length().unwrap_or(0)).rev() {
            let Ok(Some(key)) = storage.key(index) else { continue };
            if key.starts_with(&self.outbox) || key.starts_with(&self.drafts) {
                let _ = storage.remove_item(&key);
            }
        }
    }

    pub(super) fn put_draft(&self, conversation: ConversationId, text: Option<&str>) {
        let Some(storage) = storage() else { return };
        let key = format!("{}{conversation}", self.drafts);
        // A draft that cannot be kept is still in the composer.
        let _ = match text {
            Some(text) => storage.set_item(&key, text),
            None => storage.remove_item(&key),
        };
    }
}
