//! A messenger of a few lines, in memory, for the tests of the bench: it can be told to break each promise.

use axum::{
    Json, Router,
    extract::{
        Path, Query, State, WebSocketUpgrade,
        ws::{Message as Frame, WebSocket},
    },
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::{get, post},
};
use kafkatalk_protocol::{
    Body, ClientFrame, Conversation, ConversationId, ErrorCode, MessageId, Offset, ServerFrame, SessionId,
    Timestamp, User, UserId, Username,
    frame::{Limits, SUBPROTOCOL},
    http::{Messages, OpenConversation, SignedIn},
};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

mod rooms;
mod tests;

use rooms::Rooms;

/// The offset from which on habits no longer show: what is skipped later might be followed by nothing that tells of it.
const HABIT_END: Offset = Offset(12);

/// A promise that the messenger breaks at every seventh message, or at every third change of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Keeps them all.
    Sound,
    /// Does not deliver it, but has it in history.
    SkipsDelivery,
    /// Delivers it twice.
    DeliversTwice,
    /// Acknowledges it and forgets it.
    LosesMessage,
    /// Writes it, cuts the sender's socket and never acknowledges it; and does not deliver it either.
    CutsSocket,
    /// Writes a message again that is sent again.
    WritesTwice,
    /// Keeps them all, but cannot be read from at first.
    IsBusy,
    /// Does not deliver a change, but has it in history.
    SkipsChange,
    /// Acknowledges a change and forgets it.
    LosesChange,
    /// Makes a change again that is asked for again.
    ChangesTwice,
}

/// The running messenger.
pub(crate) struct Fake {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

struct Messenger {
    habit: Habit,
    rooms: Mutex<Rooms>,
}

impl Fake {
    /// Starts it on a free port.
    pub(crate) async fn start(habit: Habit) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let messenger = Arc::new(Messenger { habit, rooms: Mutex::default() });
        let router = Router::new()
            .route("/api/v1/users", post(register))
            .route("/api/v1/conversations", post(open))
            .route("/api/v1/conversations/{id}/messages", get(history))
            .route("/api/v1/ws", get(upgrade))
            .with_state(messenger);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, _serving: AbortOnDropHandle::new(serving) }
    }
}

#[derive(serde::Deserialize)]
struct Registration {
    username: Username,
}

/// The token is the user's name.
async fn register(State(fake): State<Arc<Messenger>>, Json(asked): Json<Registration>) -> Json<SignedIn> {
    let user = User { id: UserId(Uuid::new_v4()), username: asked.username };
    let token = user.username.to_string();
    fake.rooms.lock().unwrap().users.insert(token.clone(), user.clone());
    Json(SignedIn { user, token })
}

fn viewer(rooms: &Rooms, headers: &HeaderMap) -> User {
    let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
    rooms.users[token].clone()
}

async fn open(
    State(fake): State<Arc<Messenger>>,
    headers: HeaderMap,
    Json(asked): Json<OpenConversation>,
) -> Json<Conversation> {
    let mut rooms = fake.rooms.lock().unwrap();
    let members = vec![viewer(&rooms, &headers), rooms.users[asked.members[0].as_str()].clone()];
    let id = ConversationId::of_pair(members[0].id, members[1].id);
    rooms.members.insert(id, members.iter().map(|member| member.id).collect());
    let created_at = Timestamp::default();
    Json(Conversation::new(id, members, created_at))
}

async fn history(
    State(fake): State<Arc<Messenger>>,
    Path(id): Path<ConversationId>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Messages>, StatusCode> {
    let limit = query["limit"].parse().unwrap();
    let mut rooms = fake.rooms.lock().unwrap();
    rooms.readings += 1;
    if fake.habit == Habit::IsBusy && rooms.readings <= 2 {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let page = match query.get("changed_after") {
        Some(record) => rooms.changed_after(id, Offset(record.parse().unwrap()), limit),
        None => rooms.after(id, query["after"].parse().unwrap(), limit),
    };
    Ok(Json(page))
}

async fn upgrade(
    State(fake): State<Arc<Messenger>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let user = viewer(&fake.rooms.lock().unwrap(), &headers);
    upgrade.protocols([SUBPROTOCOL]).on_upgrade(async move |socket| live(socket, user, &fake).await)
}

async fn live(mut socket: WebSocket, user: User, fake: &Messenger) {
    let (sender, mut frames) = mpsc::unbounded_channel();
    let limits = Limits {
        body_chars: 1,
        body_bytes: 1,
        frame_bytes: 1,
        group_members: None,
        messages_per_second: None,
        messages_burst: None,
    };
    sender.send(ServerFrame::Ready { user: user.clone(), session: SessionId(Uuid::nil()), limits }).unwrap();
    fake.rooms.lock().unwrap().sockets.insert(user.id, sender.clone());
    loop {
        tokio::select! {
            frame = frames.recv() => {
                let text = serde_json::to_string(&frame.unwrap()).unwrap();
                if socket.send(Frame::text(text)).await.is_err() {
                    return;
                }
            }
            text = socket.recv() => {
                let Some(Ok(Frame::Text(text))) = text else { return };
                let answers = fake.hear(&user, serde_json::from_str(&text).unwrap());
                let Some(answers) = answers else { return };
                for answer in answers {
                    sender.send(answer).unwrap();
                }
            }
        }
    }
}

impl Messenger {
    /// What to answer; nothing to cut the socket.
    fn hear(&self, user: &User, frame: ClientFrame) -> Option<Vec<ServerFrame>> {
        let mut rooms = self.rooms.lock().unwrap();
        match frame {
            ClientFrame::Hello { records, .. } => Some(rooms.missed(&records)),
            ClientFrame::Send { conversation, id, body, .. } => {
                let found = rooms.find(conversation, id).filter(|_| self.habit != Habit::WritesTwice);
                if let Some(message) = found {
                    return Some(vec![ack(id, conversation, message.offset)]);
                }
                let message = rooms.next(conversation, id, user, body);
                let seventh = rooms.written.is_multiple_of(7) && message.offset < HABIT_END;
                if seventh && self.habit == Habit::LosesMessage {
                    return Some(vec![ack(id, conversation, message.offset)]);
                }
                let deliveries = match self.habit {
                    Habit::SkipsDelivery | Habit::CutsSocket if seventh => 0,
                    Habit::DeliversTwice if seventh => 2,
                    _ => 1,
                };
                let offset = message.offset;
                let frame = rooms.post(message);
                (0..deliveries).for_each(|_| rooms.deliver(conversation, &frame));
                let cut = seventh && matches!(self.habit, Habit::CutsSocket | Habit::WritesTwice);
                (!cut).then(|| vec![ack(id, conversation, offset)])
            }
            ClientFrame::Edit { conversation, id, message, body } => {
                Some(vec![self.change(&mut rooms, (conversation, id, message), Some(body))])
            }
            ClientFrame::Delete { conversation, id, message } => {
                Some(vec![self.change(&mut rooms, (conversation, id, message), None)])
            }
            _ => Some(Vec::new()),
        }
    }

    /// Gives a message another text, or deletes it.
    fn change(
        &self,
        rooms: &mut Rooms,
        (conversation, id, message): (ConversationId, MessageId, Offset),
        body: Option<Body>,
    ) -> ServerFrame {
        if let Some(first) = rooms.change_made(id).filter(|_| self.habit != Habit::ChangesTwice) {
            return ack(id, conversation, first);
        }
        if body.is_some() && rooms.is_deleted(conversation, message) {
            let (code, detail) = (ErrorCode::Conflict, "deleted".into());
            return ServerFrame::Error { code, detail, id: Some(id) };
        }
        let record = rooms.note_change(conversation, id);
        let third = rooms.changes_made().is_multiple_of(3);
        if !(third && self.habit == Habit::LosesChange) {
            let frame = rooms.change(conversation, message, record, body);
            if !(third && self.habit == Habit::SkipsChange && record < HABIT_END) {
                rooms.deliver(conversation, &frame);
            }
        }
        ack(id, conversation, record)
    }
}

fn ack(id: MessageId, conversation: ConversationId, offset: Offset) -> ServerFrame {
    ServerFrame::Ack { id, conversation, offset, sent_at: Timestamp::default() }
}
