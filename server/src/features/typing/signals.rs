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

/// What becomes of typing signals.
pub(super) struct Typing;

impl Part for Typing {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn heard<'a>(&'a self, signals: &'a Signals, signal: &'a Signal) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let Signal { conversation: Some(conversation), user, .. } = *signal else { return };
            let members = signals.members(conversation).await;
            // They may have been removed while the signal was on its way.
            if !members.contains(&user) {
                return;
            }
            let key = SignalKey { kind: KIND, conversation: Some(conversation), user: Some(user) };
            let frame = OutgoingSignal::of(key, &ServerFrame::Typing { conversation, user });
            signals.send(members.iter().copied().filter(|member| *member != user), &frame);
        })
    }
}
