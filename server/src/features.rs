//! The features: what people can do, a folder each.
//!
//! A feature's folder holds what it makes of records (`project`), what can be asked (`query`), what people can do
//! (`commands`), its HTTP routes (`http`) and its errors (`errors`), as far as it has any of these. This file is the one list.

pub mod accounts;
pub mod conversations;
pub mod delete;
pub mod edit;
pub mod members;
pub mod messages;
pub mod presence;
pub mod react;
pub mod receipts;
pub mod reply;
pub mod search;
pub mod sessions;
pub mod typing;

use crate::{
    http::state::State,
    kernel::{
        Caller, Kernel,
        follow::Watch,
        live::socket::{Node, Obeying},
        projector::{Projector, Registry},
        signals::Part,
    },
};
use kafkatalk_protocol::{
    ClientFrame, ConversationId, MessageId, Offset, Problem, ServerFrame, Timestamp, event::MessagePosted,
};
use std::sync::Arc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use utoipa_axum::router::OpenApiRouter;

/// What all features make of records.
pub fn registry() -> Registry {
    Registry::of(projectors())
}

/// The same, each by itself.
pub fn projectors() -> Vec<Projector> {
    vec![
        accounts::projector(),
        sessions::projector(),
        conversations::projector(),
        members::projector(),
        messages::projector(),
        edit::projector(),
        delete::projector(),
        react::projector(),
        reply::projector(),
        receipts::projector(),
    ]
}

/// What all features do with signals.
pub fn signals(times: presence::PresenceTimes) -> Vec<Arc<dyn Part>> {
    vec![typing::part(), presence::part(times)]
}

/// The HTTP routes of all features, below `/api/v1`.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .merge(accounts::routes())
        .merge(sessions::routes())
        .merge(conversations::routes())
        .merge(members::routes())
        .merge(messages::routes())
        .merge(edit::routes())
        .merge(delete::routes())
        .merge(react::routes())
        .merge(receipts::routes())
        .merge(search::routes())
}

/// Starts what features do by themselves, until `shutdown`.
pub fn start(kernel: &Kernel, follower: &Watch, tasks: &TaskTracker, shutdown: &CancellationToken) {
    tasks.spawn(kernel.clone().sweep_erasures(follower.clone(), shutdown.clone()));
}

/// Does what a client asks for on its socket; see [`Obey`](crate::kernel::live::socket::Obey).
pub fn obey(node: &Arc<Node>, caller: &Caller, frame: ClientFrame) -> Option<Obeying> {
    let (node, caller) = (Arc::clone(node), caller.clone());
    Some(match frame {
        ClientFrame::Send { conversation, id, body, reply_to } => Box::pin(async move {
            let posted =
                node.kernel.send(&caller.user, conversation, MessagePosted { id, body, reply_to }).await;
            let posted = posted.map(|(message, _)| (message.offset, message.sent_at));
            Some(answer(conversation, id, posted))
        }),
        ClientFrame::Edit { conversation, id, message, body } => Box::pin(async move {
            let done = node.kernel.edit(&caller.user, conversation, id, message, body).await;
            Some(answer(conversation, id, done.map(|done| (done.record, done.at))))
        }),
        ClientFrame::Delete { conversation, id, message } => Box::pin(async move {
            let done = node.kernel.delete(&caller.user, conversation, id, message).await;
            Some(answer(conversation, id, done.map(|done| (done.record, done.at))))
        }),
        ClientFrame::React { conversation, id, message, emoji, on } => Box::pin(async move {
            let done = node.kernel.react(&caller.user, (conversation, message), id, emoji, on).await;
            Some(answer(conversation, id, done.map(|done| (done.record, done.at))))
        }),
        ClientFrame::Read { conversation, offset } => Box::pin(async move {
            let read = node.kernel.mark_read(caller.user.id, conversation, offset).await;
            read.err().map(|error| refusal(error, None))
        }),
        ClientFrame::Typing { conversation } => Box::pin(async move {
            node.signals.typing(caller.user.id, conversation).await;
            None
        }),
        ClientFrame::Hello { .. } | ClientFrame::Ping => return None,
    })
}

/// The answer to a command: the offset of its record and its time, or why it was refused.
fn answer(
    conversation: ConversationId,
    id: MessageId,
    done: Result<(Offset, Timestamp), impl Into<Problem>>,
) -> ServerFrame {
    match done {
        Ok((offset, sent_at)) => ServerFrame::Ack { id, conversation, offset, sent_at },
        Err(error) => refusal(error, Some(id)),
    }
}

fn refusal(error: impl Into<Problem>, id: Option<MessageId>) -> ServerFrame {
    let problem: Problem = error.into();
    ServerFrame::Error { code: problem.code, detail: problem.detail, id }
}
