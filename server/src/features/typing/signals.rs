//! From a device that says so to the devices of the other members.

use crate::kernel::{
    live::lane::{OutgoingSignal, SignalKey},
    signals::{Part, Signals},
};
use futures_util::future::BoxFuture;
use kafkatalk_log::Signal;
use kafkatalk_protocol::{ConversationId, ServerFrame, UserId};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::Semaphore;

const KIND: &str = "typing";

/// There is nothing more to say.
#[derive(Serialize)]
struct Payload {}

impl Signals {
    /// The person types in a conversation. Nobody learns of it where they are no member, or say it too often; and they
    /// learn nothing of the conversation.
    pub async fn typing(&self, caller: UserId, conversation: ConversationId) {
        if self.kernel.rates.typing(caller) && self.members(conversation).await.contains(&caller) {
            self.publish(KIND, Some(conversation), caller, &Payload {});
        }
    }

    /// Tells the others. The person may have been removed while the signal was on its way.
    fn tell_typing(&self, conversation: ConversationId, user: UserId, members: &[UserId]) {
        if members.contains(&user) {
            let key = SignalKey { kind: KIND, conversation: Some(conversation), user: Some(user) };
            let frame = OutgoingSignal::of(key, &ServerFrame::Typing { conversation, user });
            self.send(members.iter().copied().filter(|member| *member != user), &frame);
        }
    }

    /// Who is in a conversation now, as for messages; nobody where that cannot be known in time.
    async fn members(&self, conversation: ConversationId) -> Arc<[UserId]> {
        let views = &self.kernel.views;
        if let Some(members) = views.cached_members(conversation) {
            return members;
        }
        let members = views.read(move |views| views.members(conversation)).await;
        members.ok().flatten().unwrap_or_default()
    }
}

/// Signals at a time whose conversations are looked up in the views. Of more the signal is lost, as it may be.
const LOOKUPS_MAX: usize = 4;

/// What becomes of typing signals.
pub(super) struct Typing {
    lookups: Arc<Semaphore>,
}

impl Default for Typing {
    fn default() -> Self {
        Self { lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }
}

impl Part for Typing {
    fn kind(&self) -> &'static str {
        KIND
    }

    /// Never waits for the views: signals of other kinds come behind this one.
    fn heard<'a>(&'a self, signals: &'a Signals, signal: &'a Signal) -> BoxFuture<'a, ()> {
        let Signal { conversation: Some(conversation), user, .. } = *signal else {
            return Box::pin(std::future::ready(()));
        };
        if let Some(members) = signals.kernel.views.cached_members(conversation) {
            signals.tell_typing(conversation, user, &members);
        } else if let Ok(permit) = Arc::clone(&self.lookups).try_acquire_owned() {
            let signals = signals.clone();
            tokio::spawn(async move {
                let members = signals.members(conversation).await;
                signals.tell_typing(conversation, user, &members);
                drop(permit);
            });
        }
        Box::pin(std::future::ready(()))
    }
}
