//! What the components of the conversations page share.

use crate::client::{Action, ItemKey};
use crate::live::Live;
use crate::page::PageModel;
use crate::route::Route;
use crate::ui::clock::Clock;
use crate::ui::focus::focus_soon;
use kafkatalk_protocol::{ConversationId, User};
use leptos::prelude::*;

/// Where one is, and the state behind both panes.
#[derive(Clone, Copy)]
pub struct Desk {
    /// The client's state.
    pub live: Live,
    /// What time it is here.
    pub clock: Clock,
    /// Where one is.
    pub route: RwSignal<Route>,
    /// The panel for a new conversation, with the start of a name; none where it is closed.
    pub finding: RwSignal<Option<String>>,
    /// The message whose details are shown.
    pub details: RwSignal<Option<ItemKey>>,
}

impl Desk {
    pub(super) fn new(live: Live, model: &PageModel) -> Self {
        Self {
            live,
            clock: Clock::new(model),
            route: RwSignal::new(model.route.clone()),
            finding: RwSignal::new(start_of_name(&model.route)),
            details: RwSignal::new(None),
        }
    }

    /// Who is signed in.
    pub fn viewer(self) -> User {
        self.live.viewer()
    }

    /// The open conversation.
    pub fn open_id(self) -> Option<ConversationId> {
        self.route.with(Route::conversation)
    }

    /// The person did something.
    pub fn act(self, action: Action) {
        self.live.act(action);
    }

    /// Goes to another page of the desk, and leaves a step to come back by.
    pub fn go(self, route: Route) {
        if self.route.with_untracked(|current| *current != route) {
            let address = route.to_string();
            if let Ok(history) = window().history() {
                let _ = history.push_state_with_url(&leptos::wasm_bindgen::JsValue::NULL, "", Some(&address));
            }
        }
        self.show(route);
    }

    /// Shows what the address bar says.
    #[cfg(feature = "hydrate")]
    pub(super) fn follow_address(self) {
        let location = window().location();
        let path = location.pathname().unwrap_or_default();
        let query = location.search().unwrap_or_default();
        self.show(Route::parse(&path, query.strip_prefix('?')));
    }

    fn show(self, route: Route) {
        if let (Some(left), None) = (self.route.with_untracked(Route::conversation), route.conversation()) {
            // Back in the list, the keyboard is where it left.
            focus_soon(format!(".item[href='{}']", Route::Conversation(left)));
        }
        self.finding.set(start_of_name(&route));
        self.details.set(None);
        self.act(Action::Open(route.conversation()));
        self.route.set(route);
    }
}

fn start_of_name(route: &Route) -> Option<String> {
    match route {
        Route::Conversations { to } => to.clone(),
        _ => None,
    }
}
