//! A client, its clock, and what it asked for.

use crate::api::{Answer, Fetch};
use kafkatalk_app::{
    client::{Action, Client, Effect, Input, Item, Now, RequestError, RequestId, SocketId, Ticks},
    features,
    page::{OpenModel, PageModel},
};
use kafkatalk_protocol::{
    Body, ClientFrame, Conversation, ConversationId, Message, MessageId, Offset, ServerFrame, SessionId,
    Timestamp, User, UserId, Username,
    frame::Limits,
    http::{Conversations, Messages},
};
use std::collections::VecDeque;

/// The viewer.
pub(crate) fn me() -> User {
    user(1)
}

/// The other one.
pub(crate) fn peer() -> User {
    user(2)
}

pub(crate) fn user(number: u128) -> User {
    let username = Username::parse(&format!("user{number}")).unwrap();
    User { id: UserId(uuid::Uuid::from_u128(number)), username }
}

/// The conversation of the viewer with that one.
pub(crate) fn conv_with(number: u128) -> ConversationId {
    ConversationId::of_pair(me().id, user(number).id)
}

pub(crate) fn conv() -> ConversationId {
    conv_with(2)
}

/// The message at that offset, which follows on the one before it.
pub(crate) fn message(sender: &User, offset: u64) -> Message {
    let id = MessageId(uuid::Uuid::from_u128(1_000 + u128::from(offset)));
    let sent_at = Timestamp::from_millis(1_700_000_000_000 + i64::try_from(offset).unwrap());
    let body = Body::parse(&format!("message {offset}")).unwrap();
    Message {
        previous: offset.checked_sub(1).map(Offset),
        ..Message::new(conv(), Offset(offset), id, sender.clone(), sent_at, body)
    }
}

/// A conversation with messages of the peer up to that offset, none of them read.
pub(crate) fn conversation(with: u128, last: Option<u64>) -> Conversation {
    let created_at = Timestamp::from_millis(1_600_000_000_000);
    Conversation {
        last_message: last
            .map(|offset| Message { conversation: conv_with(with), ..message(&user(with), offset) }),
        unread: last.map_or(0, |offset| offset + 1),
        ..Conversation::new(conv_with(with), vec![me(), user(with)], created_at)
    }
}

pub(crate) struct Page {
    pub(crate) client: Client,
    pub(crate) ms: u64,
    /// How far the wall clock is ahead of the other one.
    pub(crate) wall_ahead_ms: u64,
    pub(crate) effects: Vec<Effect>,
}

impl Page {
    /// A page that shows one conversation with that many messages of the peer, before it starts.
    pub(crate) fn with_messages(count: u64) -> Self {
        let page = PageModel {
            viewer: Some(me()),
            conversations: vec![conversation(2, count.checked_sub(1))],
            open: Some(OpenModel {
                conversation: conversation(2, count.checked_sub(1)),
                messages: (0..count).map(|offset| message(&peer(), offset)).collect(),
                earlier: None,
            }),
            ..PageModel::default()
        };
        Self::of(&page)
    }

    pub(crate) fn of(page: &PageModel) -> Self {
        let client = Client::new(page, 7, features::ALL).expect("somebody is signed in");
        Self { client, ms: 1_000_000, wall_ahead_ms: 0, effects: Vec::new() }
    }

    /// The same, started, hidden and live.
    pub(crate) fn live(count: u64) -> Self {
        let mut page = Self::with_messages(count);
        page.start();
        page.connect();
        page
    }

    pub(crate) fn now(&self) -> Now {
        let wall =
            Timestamp::from_millis(1_800_000_000_000 + i64::try_from(self.ms + self.wall_ahead_ms).unwrap());
        Now { ticks: Ticks(self.ms), wall }
    }

    pub(crate) fn tell(&mut self, input: Input) {
        self.client.handle(input, self.now());
        self.effects.extend(self.client.take_effects());
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.tell(Input::Action(action));
    }

    pub(crate) fn start(&mut self) {
        self.tell(Input::Started { outbox: Vec::new(), drafts: Vec::new(), online: true, visible: false });
    }

    /// The socket that was asked for last.
    pub(crate) fn socket(&self) -> SocketId {
        let mut sockets = self.effects.iter().filter_map(|effect| match effect {
            Effect::Connect(socket) => Some(*socket),
            _ => None,
        });
        sockets.next_back().expect("a socket was asked for")
    }

    pub(crate) fn connects(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Connect(_))).count()
    }

    /// Opens the socket, says `ready`, and answers what is asked on that occasion.
    pub(crate) fn connect(&mut self) {
        let socket = self.socket();
        self.tell(Input::Opened(socket));
        self.ready(&me());
        self.answer_lists();
    }

    pub(crate) fn ready(&mut self, user: &User) {
        let limits = Limits {
            body_chars: 8_000,
            body_bytes: 32_768,
            frame_bytes: 65_536,
            group_members: None,
            messages_per_second: None,
            messages_burst: None,
        };
        let session = SessionId(uuid::Uuid::from_u128(9));
        self.frame(ServerFrame::Ready { user: user.clone(), session, limits });
    }

    pub(crate) fn frame(&mut self, frame: ServerFrame) {
        self.tell(Input::Frame(self.socket(), Box::new(frame)));
    }

    pub(crate) fn hear(&mut self, sender: &User, offset: u64) {
        self.frame(ServerFrame::Message {
            message: message(sender, offset),
            record: None,
            previous_record: None,
        });
    }

    /// Requests that are not answered yet, oldest first.
    pub(crate) fn take_requests(&mut self) -> Vec<(RequestId, Fetch)> {
        let (requests, rest) = std::mem::take(&mut self.effects)
            .into_iter()
            .partition(|effect| matches!(effect, Effect::Fetch(..)));
        self.effects = rest;
        let request = |effect| match effect {
            Effect::Fetch(id, request) => Some((id, Fetch::of(&request))),
            _ => None,
        };
        let requests: Vec<Effect> = requests;
        requests.into_iter().filter_map(request).collect()
    }

    /// Nothing new in the list, nor about a conversation.
    pub(crate) fn answer_lists(&mut self) {
        let list = self.client.list();
        let mut requests = VecDeque::from(self.take_requests());
        while let Some((id, fetch)) = requests.pop_front() {
            let answer = match fetch {
                Fetch::Conversations { .. } => {
                    Answer::Conversations(Conversations { conversations: Vec::new(), next: None })
                }
                Fetch::Conversation(id_asked) => {
                    let newest =
                        list.rows.iter().find(|row| row.id == id_asked).and_then(|row| row.last.as_ref());
                    let newest = newest.and_then(Item::offset).map(|offset| offset.0);
                    Answer::Conversation(Box::new(Conversation { id: id_asked, ..conversation(2, newest) }))
                }
                _ => continue,
            };
            self.answer(id, &answer);
            requests.extend(self.take_requests());
        }
    }

    /// The request was done.
    pub(crate) fn answer(&mut self, id: RequestId, answer: &Answer) {
        self.tell(Input::Answered(id, Ok(answer.to_text())));
    }

    pub(crate) fn answer_messages(&mut self, id: RequestId, messages: Vec<Message>, next: Option<u64>) {
        let page = Messages { messages, next: next.map(Offset), through: None };
        self.answer(id, &Answer::Messages(page));
    }

    pub(crate) fn fail(&mut self, id: RequestId, error: RequestError) {
        self.tell(Input::Answered(id, Err(error)));
    }

    /// Lets time pass, and every timer that falls into it.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.ms + ms;
        while let Some(due) = self.client.wake_at(Ticks(self.ms)).filter(|due| due.0 <= end) {
            self.ms = due.0;
            self.tell(Input::Timer);
        }
        self.ms = end;
        self.tell(Input::Timer);
    }

    pub(crate) fn send(&mut self, text: &str) -> MessageId {
        self.send_to(conv(), text)
    }

    pub(crate) fn send_to(&mut self, conversation: ConversationId, text: &str) -> MessageId {
        let id = self.client.send(conversation, Body::parse(text).unwrap(), self.now()).unwrap();
        self.effects.extend(self.client.take_effects());
        id
    }

    pub(crate) fn ack(&mut self, id: MessageId, offset: u64) {
        let sent_at = Timestamp::from_millis(0);
        self.frame(ServerFrame::Ack { id, conversation: conv(), offset: Offset(offset), sent_at });
    }

    /// What was sent on sockets since this was last asked, but for `hello`.
    pub(crate) fn take_frames(&mut self) -> Vec<ClientFrame> {
        let mut frames = Vec::new();
        self.effects.retain(|effect| match effect {
            Effect::Transmit(_, frame) => {
                frames.push(frame.clone());
                false
            }
            _ => true,
        });
        frames.retain(|frame| !matches!(frame, ClientFrame::Hello { .. }));
        frames
    }

    /// The ids that were sent since this was last asked.
    pub(crate) fn take_sent(&mut self) -> Vec<MessageId> {
        let sent = |frame| match frame {
            ClientFrame::Send { id, .. } => Some(id),
            _ => None,
        };
        self.take_frames().into_iter().filter_map(sent).collect()
    }

    /// The read positions that were told since this was last asked.
    pub(crate) fn take_reads(&mut self) -> Vec<u64> {
        let read = |frame| match frame {
            ClientFrame::Read { offset, .. } => Some(offset.0),
            _ => None,
        };
        self.take_frames().into_iter().filter_map(read).collect()
    }

    /// Texts of the open conversation.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.client.chat(conv()).items.iter().map(|item| item.body().to_owned()).collect()
    }

    /// Whatever is drawn is drawn.
    pub(crate) fn draw(&mut self) {
        let _ = (self.client.take_link(), self.client.take_list(), self.client.take_chat());
        let _ = self.client.take_changed_signs();
    }

    pub(crate) fn unread(&self) -> u64 {
        self.client.list().rows.iter().find(|row| row.id == conv()).map_or(0, |row| row.unread)
    }
}
