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
    ClientFrame, Conversation, ConversationId, Message, MessageId, Offset, ServerFrame, SessionId, Timestamp,
    User, UserId, Username,
    frame::{Limits, SUBPROTOCOL},
    http::{Messages, OpenConversation, SignedIn},
};
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

mod tests;

/// The offset from which on habits no longer show: what is skipped later might be followed by nothing that tells of it.
const HABIT_END: Offset = Offset(12);

/// A promise that the messenger breaks at every seventh message.
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

#[derive(Default)]
struct Rooms {
    users: HashMap<String, User>,
    members: HashMap<ConversationId, Vec<UserId>>,
    logs: HashMap<ConversationId, Vec<Message>>,
    sockets: HashMap<UserId, mpsc::UnboundedSender<ServerFrame>>,
    written: usize,
    readings: usize,
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
    let (after, limit) = (query["after"].parse::<i64>().unwrap(), query["limit"].parse().unwrap());
    let mut rooms = fake.rooms.lock().unwrap();
    rooms.readings += 1;
    if fake.habit == Habit::IsBusy && rooms.readings <= 2 {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let log = rooms.logs.get(&id).map(Vec::as_slice).unwrap_or_default();
    let later = log.iter().filter(|message| i64::try_from(message.offset.0).unwrap() > after);
    let messages: Vec<Message> = later.take(limit).cloned().collect();
    let next = messages.last().filter(|_| messages.len() == limit).map(|message| message.offset);
    Ok(Json(Messages { messages, next, through: None }))
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
            ClientFrame::Hello { positions, .. } => Some(rooms.after(&positions)),
            ClientFrame::Send { conversation, id, body, .. } => {
                let found = rooms.find(conversation, id).filter(|_| self.habit != Habit::WritesTwice);
                if let Some(message) = found {
                    return Some(vec![ack(&message)]);
                }
                let message = rooms.next(conversation, id, user, body);
                let seventh = rooms.written.is_multiple_of(7) && message.offset < HABIT_END;
                if !(seventh && self.habit == Habit::LosesMessage) {
                    rooms.logs.entry(conversation).or_default().push(message.clone());
                }
                let deliveries = match self.habit {
                    Habit::SkipsDelivery | Habit::CutsSocket | Habit::LosesMessage if seventh => 0,
                    Habit::DeliversTwice if seventh => 2,
                    _ => 1,
                };
                (0..deliveries).for_each(|_| rooms.deliver(&message));
                let cut = seventh && matches!(self.habit, Habit::CutsSocket | Habit::WritesTwice);
                (!cut).then(|| vec![ack(&message)])
            }
            _ => Some(Vec::new()),
        }
    }
}

fn posted(message: &Message) -> ServerFrame {
    ServerFrame::Message { message: message.clone(), record: None, previous_record: None }
}

fn ack(message: &Message) -> ServerFrame {
    let Message { id, conversation, offset, sent_at, .. } = message.clone();
    ServerFrame::Ack { id, conversation, offset, sent_at }
}

impl Rooms {
    fn find(&self, conversation: ConversationId, id: MessageId) -> Option<Message> {
        self.logs.get(&conversation)?.iter().find(|message| message.id == id).cloned()
    }

    fn after(&self, positions: &BTreeMap<ConversationId, Offset>) -> Vec<ServerFrame> {
        let later = positions.iter().flat_map(|(id, position)| {
            self.logs.get(id).into_iter().flatten().filter(move |message| message.offset > *position)
        });
        later.map(|message| posted(message)).collect()
    }

    fn next(
        &mut self,
        conversation: ConversationId,
        id: MessageId,
        user: &User,
        body: kafkatalk_protocol::Body,
    ) -> Message {
        self.written += 1;
        let previous = self.logs.get(&conversation).and_then(|log| log.last()).map(|message| message.offset);
        let offset = previous.map_or(Offset(0), Offset::next);
        let message = Message::new(conversation, offset, id, user.clone(), Timestamp::default(), body);
        Message { previous, ..message }
    }

    fn deliver(&self, message: &Message) {
        for member in
            self.members[&message.conversation].iter().filter(|member| **member != message.sender.id)
        {
            if let Some(socket) = self.sockets.get(member) {
                let _ = socket.send(posted(message));
            }
        }
    }
}
