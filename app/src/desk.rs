//! What the components of the conversations page share: where one is, and links to elsewhere.

mod link;

pub use link::RouteLink;

use crate::client::{Action, ItemKey};
use crate::live::Live;
use crate::page::PageModel;
use crate::route::Route;
use crate::ui::clock::Clock;
use crate::ui::focus::focus_soon;
use kafkatalk_protocol::{ConversationId, Offset, User};
use leptos::{prelude::*, wasm_bindgen::JsValue};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use std::sync::Arc;

/// The button for a new conversation.
pub const NEW_CONVERSATION: &str = "new-conversation";
/// The button for searching.
pub const SEARCH: &str = "search";

/// Where one is, and the state behind both panes.
#[derive(Clone, Copy)]
pub struct Desk {
    /// The client's state.
    pub live: Live,
    /// What time it is here.
    pub clock: Clock,
    /// What is shown. The address bar says the same, or is about to.
    pub route: RwSignal<Route>,
    /// The panel for finding people and messages, with the start of a name; none where it is closed.
    pub finding: RwSignal<Option<String>>,
    /// The message whose details are shown.
    pub details: RwSignal<Option<ItemKey>>,
    /// The message that was found and is looked at.
    pub sought: RwSignal<Option<ItemKey>>,
    /// Whether it is still to be brought into view.
    pub aims: StoredValue<bool>,
    inner: StoredValue<Inner>,
}

/// What does not change what is seen.
struct Inner {
    /// Whether the panel for finding was opened to search.
    searching: bool,
    /// What a step back in the browser's history leads to, where that is known.
    behind: Option<Route>,
    /// Whether nobody has gone anywhere yet since the page was loaded.
    first_page: bool,
    /// Where one reads in conversations, as the scroll position of the log: 0 at the newest message, less further up.
    places: Vec<(ConversationId, i32)>,
    /// Where one read in the open conversation when it was left, and goes on: one has come back to it.
    resumes: Option<i32>,
    /// Changes the address, and leaves a step to come back by.
    navigate: Arc<dyn Fn(&Route) + Send + Sync>,
}

impl Desk {
    pub(crate) fn new(live: Live, model: &PageModel) -> Self {
        let navigate = use_navigate();
        let navigate = Arc::new(move |route: &Route| {
            let address = route.to_string();
            // The step is left here: the router leaves none to an address that it takes for the present one, and it does
            // not count steps forward.
            let history = window().history();
            let left =
                history.and_then(|history| history.push_state_with_url(&JsValue::NULL, "", Some(&address)));
            let replace = left.is_ok();
            navigate(&address, NavigateOptions { scroll: false, replace, ..NavigateOptions::default() });
        });
        let inner = Inner {
            searching: false,
            behind: None,
            first_page: true,
            places: Vec::new(),
            resumes: None,
            navigate,
        };
        Self {
            live,
            clock: Clock::new(model),
            route: RwSignal::new(model.route.clone()),
            finding: RwSignal::new(start_of_name(&model.route)),
            details: RwSignal::new(None),
            sought: RwSignal::new(None),
            aims: StoredValue::new(false),
            inner: StoredValue::new(inner),
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
        let open = Action::Open(route.conversation());
        self.go_and(route, open);
    }

    fn go_and(self, route: Route, open: Action) {
        let before = self.route.get_untracked();
        let moves = before != route;
        self.show(route.clone(), open, None);
        if moves {
            self.inner.update_value(|inner| inner.behind = Some(before));
            // Not held on to while the page changes.
            let navigate = self.inner.with_value(|inner| inner.navigate.clone());
            navigate(&route);
        }
    }

    /// Goes to a page that one may have come from. If so, by a step back: then a further step back leads on, and not here again.
    pub fn go_back_to(self, route: Route) {
        let behind = self.inner.with_value(|inner| inner.behind.as_ref() == Some(&route));
        if !(behind && window().history().is_ok_and(|history| history.back().is_ok())) {
            self.go(route);
        }
    }

    /// Opens the panel for finding, or closes it.
    pub fn toggle_finding(self, button: &'static str) {
        self.inner.update_value(|inner| inner.searching = button == SEARCH);
        self.finding.update(|finding| *finding = finding.is_none().then(String::new));
    }

    /// Opens the panel for a new conversation. In one that is open already the keyboard goes to the field.
    pub fn start_conversation(self) {
        if self.finding.with_untracked(Option::is_some) {
            return focus_soon("#find-person".into());
        }
        self.toggle_finding(NEW_CONVERSATION);
    }

    /// Whether the panel was opened to search.
    pub fn is_searching(self) -> bool {
        self.inner.with_value(|inner| inner.searching)
    }

    /// Whether what is shown is what the page was loaded with.
    pub(crate) fn is_first_page(self) -> bool {
        self.inner.with_value(|inner| inner.first_page)
    }

    /// One reads there in a conversation: the scroll position of the log, 0 at the newest message and less further up.
    pub(crate) fn keep_place(self, conversation: ConversationId, place: i32) {
        self.inner.update_value(|inner| {
            inner.places.retain(|(known, _)| *known != conversation);
            if place != 0 {
                inner.places.push((conversation, place));
            }
        });
    }

    fn place_in(self, conversation: ConversationId) -> Option<i32> {
        self.inner.with_value(|inner| {
            inner.places.iter().find(|(known, _)| *known == conversation).map(|(_, place)| *place)
        })
    }

    /// Where one goes on to read in the open conversation; none where it opens at its end.
    pub(crate) fn resumes_at(self) -> Option<i32> {
        self.inner.with_value(|inner| inner.resumes)
    }

    /// Closes the panel for finding; the keyboard goes back to the button that it came from.
    pub fn close_finding(self) {
        self.finding.set(None);
        focus_soon(format!("#{}", if self.is_searching() { SEARCH } else { NEW_CONVERSATION }));
    }

    /// Goes to a message.
    pub fn go_to(self, conversation: ConversationId, offset: Offset, message: ItemKey) {
        self.go_and(Route::Conversation(conversation), Action::OpenAt(conversation, offset));
        self.aims.set_value(true);
        self.sought.set(Some(message));
    }

    /// Shows what the address says, if that is not shown yet: somebody went back or forward.
    pub(crate) fn follow(self, route: Route) {
        if self.route.with_untracked(|current| *current != route) {
            self.inner.update_value(|inner| inner.behind = None);
            let open = route.conversation();
            let place = open.and_then(|open| self.place_in(open));
            self.show(route, Action::Open(open), place);
            if place.is_some() {
                self.act(Action::AtEnd(false));
            }
        }
    }

    fn show(self, route: Route, open: Action, resumes: Option<i32>) {
        self.inner.update_value(|inner| (inner.first_page, inner.resumes) = (false, resumes));
        if let (Some(left), None) = (self.route.with_untracked(Route::conversation), route.conversation()) {
            // Back in the list, the keyboard is where it left.
            focus_soon(format!(".item[href='{}']", Route::Conversation(left)));
        }
        self.finding.set(start_of_name(&route));
        self.details.set(None);
        self.sought.set(None);
        self.aims.set_value(false);
        self.act(open);
        self.route.set(route);
    }
}

fn start_of_name(route: &Route) -> Option<String> {
    match route {
        Route::Conversations { to } => to.clone(),
        _ => None,
    }
}
