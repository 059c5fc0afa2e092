//! A page in a browser, and the person before it.

use kafkatalk_app::{
    client::{Client, Ticks, limits::Limits},
    features,
    page::PageModel,
};
use kafkatalk_protocol::{ConversationId, MessageId, User};
use std::collections::BTreeSet;

pub(crate) struct Tab {
    pub(crate) user: User,
    pub(crate) device: usize,
    pub(crate) client: Client,
    /// How often it was loaded.
    pub(crate) life: u32,
    pub(crate) network: bool,
    pub(crate) timer: Option<Ticks>,
    pub(crate) wires: BTreeSet<u64>,
    pub(crate) clock_skew_ms: u64,
    /// What was typed here, in order, but for what the server refuses.
    pub(crate) typed: Vec<(ConversationId, MessageId)>,
    /// What was changed here, likewise.
    pub(crate) changed: Vec<(ConversationId, MessageId)>,
}

/// So small that every one of them matters.
pub(crate) fn limits() -> Limits {
    Limits {
        conversations_page: 2,
        refresh_page: 3,
        messages_page: 4,
        fill_page: 3,
        fill_pages_max: 3,
        window_max: 16,
        ahead_max: 3,
        timelines_max: 2,
        outbox_max: 500,
    }
}

fn client(page: &PageModel, seed: u128) -> Client {
    Client::with_limits(page, seed, features::ALL, limits()).expect("somebody is signed in")
}

impl Tab {
    pub(crate) fn new(user: User, device: usize, index: usize) -> Self {
        let page = PageModel { viewer: Some(user.clone()), ..PageModel::default() };
        Self {
            user,
            device,
            client: client(&page, index as u128),
            life: 0,
            network: true,
            timer: None,
            wires: BTreeSet::new(),
            clock_skew_ms: 0,
            typed: Vec::new(),
            changed: Vec::new(),
        }
    }

    pub(crate) fn reload(&mut self, page: &PageModel, seed: u128) {
        self.client = client(page, seed);
        self.life += 1;
        self.timer = None;
    }
}
