//! A server as the public API describes it, in memory, with trouble on request.

use kafkatalk_app::{
    client::{Answer, Fetch, FetchError, Page, random::Random},
    page::{OpenModel, PageModel},
};
use kafkatalk_protocol::{
    ClientFrame, CloseCode, Conversation, ConversationId, CreationId, ErrorCode, Message, Offset,
    ServerFrame, SessionId, Timestamp, User, UserId,
    frame::Limits,
    http::{Conversations, Messages},
};
use std::collections::BTreeMap;

/// One socket of one page.
pub(crate) type Wire = (usize, u32, u64);

/// Ways to break the server, to show that the checks notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// A message that is sent twice is kept twice.
    Doubles,
    /// Some messages are acknowledged and not kept.
    Forgets,
    /// Now and then a message is kept after the one that follows it.
    Swaps,
    /// Messages do not say what comes before them.
    HidesPrevious,
    /// History leaves out a message now and then.
    SkipsInHistory,
    /// Unread counts are one too high.
    Miscounts,
    /// Read positions of the other devices are not told.
    KeepsReadsToItself,
}

/// How much trouble there is; drawn for each run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trouble {
    /// Of a thousand sends, how many meet `log_unavailable`; half of them are kept all the same.
    pub(crate) unavailable: u64,
    /// Of a thousand sends, how many meet `rate_limited`.
    pub(crate) limited: u64,
    /// Of a thousand frames that the hub hands out, how many it loses.
    pub(crate) hub_loss: u64,
    /// Of a thousand frames that the hub hands out, how many come twice.
    pub(crate) hub_repeat: u64,
    /// Longest time by which a node's view lags, in milliseconds.
    pub(crate) lag_ms: u64,
    /// Whether the socket that sent a message is told of it too.
    pub(crate) echo: bool,
    /// Of a thousand sends, how many are kept without the ack being sent, since the node dies just then.
    pub(crate) no_ack: u64,
}

pub(crate) const CALM: Trouble =
    Trouble { unavailable: 0, limited: 0, hub_loss: 0, hub_repeat: 0, lag_ms: 0, echo: true, no_ack: 0 };

#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) message: Message,
    at: u64,
}

#[derive(Debug)]
pub(crate) struct Conv {
    pub(crate) members: Vec<User>,
    created_at: Timestamp,
    pub(crate) records: Vec<Record>,
    next: u64,
    reads: Vec<(u64, UserId, Offset)>,
    swapped: Option<(Wire, User, ClientFrame)>,
}

pub(crate) enum Out {
    Frame(Wire, ServerFrame),
    Close(Wire, CloseCode),
}

pub(crate) struct Server {
    pub(crate) convs: BTreeMap<ConversationId, Conv>,
    pub(crate) sockets: BTreeMap<Wire, User>,
    pub(crate) trouble: Trouble,
    pub(crate) fault: Fault,
    pub(crate) random: Random,
    catch_up_max: usize,
}

/// What is refused for good.
pub(crate) const REFUSED: &str = "refuse this";

pub(crate) fn wall(ms: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + i64::try_from(ms).unwrap())
}

impl Conv {
    fn visible(&self, before: u64) -> impl DoubleEndedIterator<Item = &Message> {
        self.records.iter().filter(move |record| record.at <= before).map(|record| &record.message)
    }

    pub(crate) fn read_of(&self, user: UserId, before: u64) -> Option<Offset> {
        let reads = self.reads.iter().filter(|(at, reader, _)| *at <= before && *reader == user);
        reads.map(|(_, _, offset)| *offset).max()
    }

    pub(crate) fn unread(&self, user: UserId, before: u64) -> u64 {
        let read = self.read_of(user, before);
        let unread = |message: &&Message| message.sender.id != user && Some(message.offset) > read;
        self.visible(before).filter(unread).fold(0, |count, _| count + 1)
    }
}

impl Server {
    pub(crate) fn new(trouble: Trouble, fault: Fault, mut random: Random) -> Self {
        let catch_up_max = usize::try_from(1 + random.below(6)).unwrap();
        Self { convs: BTreeMap::new(), sockets: BTreeMap::new(), trouble, fault, random, catch_up_max }
    }

    fn lot(&mut self, of_thousand: u64) -> bool {
        self.random.below(1_000) < of_thousand
    }

    pub(crate) fn create(&mut self, members: Vec<User>, now: u64, out: &mut Vec<Out>) -> ConversationId {
        let id = match &*members {
            [one, other] => ConversationId::of_pair(one.id, other.id),
            all => ConversationId::of_group(all[0].id, CreationId(uuid::Uuid::nil())),
        };
        let conv = Conv {
            members,
            created_at: wall(now),
            records: Vec::new(),
            next: 0,
            reads: Vec::new(),
            swapped: None,
        };
        self.convs.insert(id, conv);
        for (wire, user) in &self.sockets {
            if let Some(conversation) = self.conversation(id, user.id, now) {
                out.push(Out::Frame(*wire, ServerFrame::Conversation { conversation }));
            }
        }
        id
    }

    fn conversation(&self, id: ConversationId, user: UserId, before: u64) -> Option<Conversation> {
        let conv = self.convs.get(&id)?;
        conv.members.iter().find(|member| member.id == user)?;
        let reads =
            conv.members.iter().filter_map(|member| Some((member.id, conv.read_of(member.id, before)?)));
        let extra = u64::from(self.fault == Fault::Miscounts);
        Some(Conversation {
            last_message: conv.visible(before).next_back().cloned(),
            unread: conv.unread(user, before) + extra,
            read: reads.collect(),
            ..Conversation::new(id, conv.members.clone(), conv.created_at)
        })
    }

    pub(crate) fn opened(&mut self, wire: Wire, user: &User, out: &mut Vec<Out>) {
        self.sockets.insert(wire, user.clone());
        let limits = Limits {
            body_chars: 8_000,
            body_bytes: 32_768,
            frame_bytes: 65_536,
            group_members: None,
            messages_per_second: None,
            messages_burst: None,
        };
        let session = SessionId(uuid::Uuid::from_u128(9));
        out.push(Out::Frame(wire, ServerFrame::Ready { user: user.clone(), session, limits }));
    }

    pub(crate) fn receive(&mut self, wire: Wire, frame: ClientFrame, now: u64, out: &mut Vec<Out>) {
        let Some(user) = self.sockets.get(&wire).cloned() else { return };
        match frame {
            ClientFrame::Ping => out.push(Out::Frame(wire, ServerFrame::Pong)),
            ClientFrame::Typing { .. } => {}
            ClientFrame::Hello { positions, .. } => self.catch_up(wire, &user, &positions, out),
            ClientFrame::Read { conversation, offset } => {
                let Some(conv) = self.convs.get_mut(&conversation) else { return };
                if conv.read_of(user.id, u64::MAX) < Some(offset) {
                    conv.reads.push((now, user.id, offset));
                }
                let read = ServerFrame::Read { conversation, user: user.id, offset };
                self.broadcast(conversation, &read, None, out);
            }
            ClientFrame::Send { conversation, id, .. } => {
                if self.lot(self.trouble.limited) {
                    let code = ErrorCode::RateLimited;
                    out.push(Out::Frame(
                        wire,
                        ServerFrame::Error { code, detail: String::new(), id: Some(id) },
                    ));
                    return;
                }
                self.say(wire, &user, conversation, frame, now, out);
            }
        }
    }

    fn say(
        &mut self,
        wire: Wire,
        user: &User,
        conversation: ConversationId,
        frame: ClientFrame,
        now: u64,
        out: &mut Vec<Out>,
    ) {
        let ClientFrame::Send { id, ref body, .. } = frame else { return };
        let refuse = |code| {
            let error = ServerFrame::Error { code, detail: "No.".into(), id: Some(id) };
            Out::Frame(wire, error)
        };
        let unavailable = self.lot(self.trouble.unavailable);
        let kept_all_the_same = self.lot(500);
        let no_ack = self.lot(self.trouble.no_ack);
        let hole = if self.lot(200) { 1 + self.random.below(3) } else { 0 };
        let doubles = self.fault == Fault::Doubles;
        let forgets = self.fault == Fault::Forgets && self.lot(100);
        let swaps = self.fault == Fault::Swaps && self.lot(100);
        let Some(conv) = self.convs.get_mut(&conversation) else {
            return out.push(refuse(ErrorCode::NotFound));
        };
        if body.as_str() == REFUSED {
            return out.push(refuse(ErrorCode::InvalidInput));
        }
        let known = conv
            .records
            .iter()
            .find(|record| record.message.id == id && record.message.sender.id == user.id && !doubles);
        if let Some(record) = known {
            let Message { offset, sent_at, .. } = record.message;
            out.push(Out::Frame(wire, ServerFrame::Ack { id, conversation, offset, sent_at }));
            return;
        }
        if unavailable && !kept_all_the_same {
            return out.push(refuse(ErrorCode::LogUnavailable));
        }
        // Records that nobody sees (second copies, erased ones) take offsets too.
        conv.next += hole;
        let (offset, sent_at) = (Offset(conv.next), wall(now));
        if swaps && conv.swapped.is_none() {
            conv.swapped = Some((wire, user.clone(), frame));
        } else if !forgets {
            self.append(wire, conversation, user, frame, now, out);
        }
        if unavailable {
            out.push(refuse(ErrorCode::LogUnavailable));
        } else if no_ack {
            self.sockets.remove(&wire);
            out.push(Out::Close(wire, CloseCode::TooSlow));
        } else {
            out.push(Out::Frame(wire, ServerFrame::Ack { id, conversation, offset, sent_at }));
        }
    }

    fn append(
        &mut self,
        wire: Wire,
        conversation: ConversationId,
        user: &User,
        frame: ClientFrame,
        now: u64,
        out: &mut Vec<Out>,
    ) {
        let ClientFrame::Send { id, body, .. } = frame else { return };
        let hides = self.fault == Fault::HidesPrevious;
        let echo = self.trouble.echo;
        let Some(conv) = self.convs.get_mut(&conversation) else { return };
        let offset = Offset(conv.next);
        conv.next = offset.0 + 1;
        let previous = conv.records.last().map(|record| record.message.offset).filter(|_| !hides);
        let sender = user.clone();
        let message = Message { previous, ..Message::new(conversation, offset, id, sender, wall(now), body) };
        conv.records.push(Record { message: message.clone(), at: now });
        let late = conv.swapped.take();
        let except = (!echo).then_some(wire);
        self.broadcast(
            conversation,
            &ServerFrame::Message { message, record: None, previous_record: None },
            except,
            out,
        );
        if let Some((from, user, frame)) = late {
            self.append(from, conversation, &user, frame, now, out);
        }
    }

    fn broadcast(
        &mut self,
        conversation: ConversationId,
        frame: &ServerFrame,
        except: Option<Wire>,
        out: &mut Vec<Out>,
    ) {
        let Some(conv) = self.convs.get(&conversation) else { return };
        let members: Vec<_> = conv.members.iter().map(|member| member.id).collect();
        let wires: Vec<_> = self
            .sockets
            .iter()
            .filter(|(wire, user)| members.contains(&user.id) && Some(**wire) != except)
            .map(|(wire, _)| *wire)
            .collect();
        for wire in wires {
            let is_read = matches!(frame, ServerFrame::Read { .. });
            if is_read && self.fault == Fault::KeepsReadsToItself {
                continue;
            }
            if self.lot(self.trouble.hub_loss) {
                continue;
            }
            out.push(Out::Frame(wire, frame.clone()));
            if self.lot(self.trouble.hub_repeat) {
                out.push(Out::Frame(wire, frame.clone()));
            }
        }
    }

    fn catch_up(
        &mut self,
        wire: Wire,
        user: &User,
        positions: &BTreeMap<ConversationId, Offset>,
        out: &mut Vec<Out>,
    ) {
        for (id, position) in positions {
            let Some(conv) = self.convs.get(id) else { continue };
            assert!(conv.members.iter().any(|member| member.id == user.id), "a position of no member");
            let mut after = *position;
            let missed = conv.records.iter().map(|record| &record.message).filter(|m| m.offset > *position);
            for (index, message) in missed.enumerate() {
                if index >= self.catch_up_max {
                    let latest = conv.records.last().map_or(after, |record| record.message.offset);
                    let behind = ServerFrame::Behind {
                        conversation: *id,
                        after: Some(after),
                        latest,
                        changed_after: None,
                    };
                    out.push(Out::Frame(wire, behind));
                    break;
                }
                after = message.offset;
                out.push(Out::Frame(
                    wire,
                    ServerFrame::Message { message: message.clone(), record: None, previous_record: None },
                ));
            }
        }
    }

    /// Answers over HTTP, from a node whose view may lag.
    pub(crate) fn answer(&mut self, user: UserId, fetch: &Fetch, now: u64) -> Result<Answer, FetchError> {
        let lag = self.random.below(self.trouble.lag_ms + 1);
        let before = now.saturating_sub(lag);
        let refused = |code| FetchError::Refused { code, retry_after_seconds: None };
        match fetch {
            Fetch::Session => Ok(Answer::Session),
            Fetch::Conversations { before: cursor, limit } => {
                let mut all = self.list(user, before);
                let start = cursor
                    .as_ref()
                    .map_or(0, |cursor| all.iter().position(|c| cursor_of(c) < *cursor).unwrap_or(all.len()));
                let rest = all.split_off(start.min(all.len()));
                let more = rest.len() > *limit;
                let conversations: Vec<_> = rest.into_iter().take(*limit).collect();
                let next = conversations.last().filter(|_| more).map(cursor_of);
                Ok(Answer::Conversations(Conversations { conversations, next }))
            }
            Fetch::Conversation(id) => self
                .conversation(*id, user, before)
                .map(|conversation| Answer::Conversation(Box::new(conversation)))
                .ok_or(refused(ErrorCode::NotFound)),
            Fetch::Messages { conversation, page, limit } => {
                let skips = self.fault == Fault::SkipsInHistory && self.lot(300);
                let conv = self.convs.get(conversation).ok_or(refused(ErrorCode::NotFound))?;
                let all: Vec<_> = conv.visible(before).cloned().collect();
                let mut page = page_of(&all, *page, *limit);
                if skips && page.messages.len() > 2 {
                    page.messages.remove(1);
                }
                Ok(Answer::Messages(page))
            }
        }
    }

    fn list(&self, user: UserId, before: u64) -> Vec<Conversation> {
        let mut all: Vec<_> = self
            .convs
            .iter()
            .filter(|(_, conv)| conv.created_at <= wall(before))
            .filter_map(|(id, _)| self.conversation(*id, user, before))
            .collect();
        all.sort_by_key(|conversation| std::cmp::Reverse(cursor_of(conversation)));
        all
    }

    /// What the server puts into a page.
    pub(crate) fn page(
        &self,
        viewer: &User,
        open: Option<ConversationId>,
        limit: usize,
        now: u64,
    ) -> PageModel {
        let mut conversations = self.list(viewer.id, now);
        let more = conversations.len() > limit;
        conversations.truncate(limit);
        let open = open.and_then(|id| {
            let conversation = self.conversation(id, viewer.id, now)?;
            let all: Vec<_> = self.convs.get(&id)?.visible(now).cloned().collect();
            let page = page_of(&all, Page::Latest, limit);
            Some(OpenModel { conversation, messages: page.messages, earlier: page.next })
        });
        PageModel {
            viewer: Some(viewer.clone()),
            conversations_next: conversations.last().filter(|_| more).map(cursor_of),
            conversations,
            open,
            now: wall(now),
            ..PageModel::default()
        }
    }
}

fn cursor_of(conversation: &Conversation) -> String {
    let last = conversation.last_message.as_ref().map_or(conversation.created_at, |last| last.sent_at);
    format!("{}/{}", last.max(conversation.created_at), conversation.id)
}

fn page_of(all: &[Message], page: Page, limit: usize) -> Messages {
    let (range, forward): (Vec<_>, _) = match page {
        Page::Latest => (all.iter().collect(), false),
        Page::Before(offset) => (all.iter().filter(|m| m.offset < offset).collect(), false),
        Page::After(offset) => (all.iter().filter(|m| Some(m.offset) > offset).collect(), true),
    };
    let more = range.len() > limit;
    let skip = if forward { 0 } else { range.len().saturating_sub(limit) };
    let messages: Vec<_> = range.into_iter().skip(skip).take(limit).cloned().collect();
    let edge = if forward { messages.last() } else { messages.first() };
    let next = edge.filter(|_| more).map(|message| message.offset);
    Messages { messages, next, through: None }
}
