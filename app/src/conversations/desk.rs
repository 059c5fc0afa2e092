//! What the components of the conversations page share.

use crate::conversation::timeline::Entry;
use crate::page::PageModel;
use crate::route::Route;
use crate::ui::time::Zone;
use kafkatalk_protocol::{Conversation, Timestamp, User, UserId};
use leptos::prelude::*;
use std::sync::Arc;

/// The state that both panes show, as signals.
#[derive(Clone, Copy)]
pub struct Desk {
    viewer: StoredValue<User>,
    /// Where one is.
    pub route: RwSignal<Route>,
    /// The clock, as far as wording times needs it.
    pub now: RwSignal<Timestamp>,
    /// The reader's zone.
    pub zone: RwSignal<Zone>,
    /// Latest activity first.
    pub conversations: RwSignal<Vec<Conversation>>,
    /// The conversation that is open, as far as it is known.
    pub open: RwSignal<Option<Conversation>>,
    /// Its messages.
    pub entries: RwSignal<Vec<Arc<Entry>>>,
    /// Whether the panel for a new conversation is open.
    pub finding: RwSignal<bool>,
}

impl Desk {
    pub(super) fn new(viewer: User, model: &PageModel) -> Self {
        let messages = model.open.iter().flat_map(|open| &open.messages);
        let entries = messages.map(|message| Arc::new(Entry::of_message(message, viewer.id))).collect();
        Self {
            viewer: StoredValue::new(viewer),
            route: RwSignal::new(model.route.clone()),
            now: RwSignal::new(model.now),
            zone: RwSignal::new(Zone::Fixed { offset_minutes: model.utc_offset_minutes }),
            conversations: RwSignal::new(model.conversations.clone()),
            open: RwSignal::new(model.open.as_ref().map(|open| open.conversation.clone())),
            entries: RwSignal::new(entries),
            finding: RwSignal::new(matches!(model.route, Route::Conversations { to: Some(_) })),
        }
    }

    /// Who is signed in.
    pub fn viewer(self) -> User {
        self.viewer.get_value()
    }

    /// The id of who is signed in.
    pub fn viewer_id(self) -> UserId {
        self.viewer.with_value(|viewer| viewer.id)
    }

    /// Goes to another page of the desk.
    pub fn go(self, route: Route) {
        self.route.set(route);
    }
}
