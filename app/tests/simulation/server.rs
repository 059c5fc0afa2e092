//! A server as the public API describes it, in memory, with trouble on request.

mod answers;
mod changes;
pub(crate) mod conv;
pub(crate) mod groups;

use crate::api::Page;
use answers::page_of;
use changes::Change;
pub(crate) use conv::{Conv, Record};
use kafkatalk_app::{
    client::random::Random,
    features::{delete::Delete, edit::Edit, react::React},
};
use kafkatalk_protocol::{
    ClientFrame, CloseCode, Conversation, ConversationId, CreationId, ErrorCode, Message, MessageId, Offset,
    ServerFrame, SessionId, Timestamp, User, UserId, frame::Limits,
};
use std::collections::{BTreeMap, BTreeSet};

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
    /// A change that is sent twice is made twice.
    DoublesChanges,
    /// Now and then a change is kept, and told to nobody.
    LosesChanges,
    /// Now and then the text before the last change comes back as if it were the newer one.
    TellsOldChangesAgain,
    /// Whoever is out of a group is told nothing of that, and everything that is said.
    KeepsTellingTheRemoved,
    /// Whoever is added to a group is shown all that was said before.
    ShowsWhatWasBefore,
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
    /// Of a thousand frames that the hub hands out, how many come after later ones.
    pub(crate) hub_late: u64,
    /// Whether the server knows the chain of records, changes among them. It may learn it when it starts again.
    pub(crate) knows_changes: bool,
    /// Longest time by which a node's view lags, in milliseconds.
    pub(crate) lag_ms: u64,
    /// Whether the socket that sent a message is told of it too.
    pub(crate) echo: bool,
    /// Of a thousand sends, how many are kept without the ack being sent, since the node dies just then.
    pub(crate) no_ack: u64,
}

pub(crate) const CALM: Trouble = Trouble {
    unavailable: 0,
    limited: 0,
    hub_loss: 0,
    hub_repeat: 0,
    hub_late: 0,
    knows_changes: true,
    lag_ms: 0,
    echo: true,
    no_ack: 0,
};

pub(crate) enum Out {
    Frame(Wire, ServerFrame),
    /// It comes when it comes.
    Late(Wire, ServerFrame),
    Close(Wire, CloseCode),
}

pub(crate) struct Server {
    pub(crate) convs: BTreeMap<ConversationId, Conv>,
    pub(crate) sockets: BTreeMap<Wire, User>,
    pub(crate) trouble: Trouble,
    pub(crate) fault: Fault,
    pub(crate) random: Random,
    /// Changes of messages that were deleted before.
    pub(crate) refused: BTreeSet<MessageId>,
    /// What people wrote and did in groups that they were out of.
    pub(crate) turned_away: BTreeSet<MessageId>,
    catch_up_max: usize,
}

/// What is refused for good.
pub(crate) const REFUSED: &str = "refuse this";

pub(crate) fn wall(ms: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + i64::try_from(ms).unwrap())
}

impl Server {
    pub(crate) fn new(trouble: Trouble, fault: Fault, mut random: Random) -> Self {
        let catch_up_max = usize::try_from(1 + random.below(6)).unwrap();
        Self {
            convs: BTreeMap::new(),
            sockets: BTreeMap::new(),
            trouble,
            fault,
            random,
            refused: BTreeSet::new(),
            turned_away: BTreeSet::new(),
            catch_up_max,
        }
    }

    fn lot(&mut self, of_thousand: u64) -> bool {
        self.random.below(1_000) < of_thousand
    }

    pub(crate) fn create(&mut self, members: Vec<User>, now: u64, out: &mut Vec<Out>) -> ConversationId {
        let id = match &*members {
            [one, other] => ConversationId::of_pair(one.id, other.id),
            all => ConversationId::of_group(all[0].id, CreationId(uuid::Uuid::nil())),
        };
        self.convs.insert(id, Conv::new(members, now));
        for (wire, user) in &self.sockets {
            if let Some(conversation) = self.conversation(id, user.id, now) {
                out.push(Out::Frame(*wire, ServerFrame::Conversation { conversation }));
            }
        }
        id
    }

    pub(crate) fn conversation(&self, id: ConversationId, user: UserId, before: u64) -> Option<Conversation> {
        let conv = self.convs.get(&id)?;
        let state = conv.state_at(before);
        let sees_from = Some(state.member(user)?.sees_from).filter(|first| *first > Offset(0));
        let users = state.users();
        let reads = users.iter().filter_map(|member| Some((member.id, conv.read_of(member.id, before)?)));
        let knows = self.trouble.knows_changes;
        let extra = u64::from(self.fault == Fault::Miscounts);
        Some(Conversation {
            last_message: self.messages_for(conv, user, before).pop(),
            record: conv.through(before).filter(|_| knows),
            sees_from: sees_from.filter(|_| self.fault != Fault::ShowsWhatWasBefore),
            group: conv.group && knows,
            name: state.name.clone(),
            roles: if knows { state.roles.clone() } else { BTreeMap::new() },
            unread: conv.unread(user, before) + extra,
            read: reads.collect(),
            ..Conversation::new(id, users.clone(), conv.created_at)
        })
    }

    /// The messages of a conversation as they are told to a member.
    fn messages_for(&self, conv: &Conv, user: UserId, before: u64) -> Vec<Message> {
        match self.fault {
            Fault::ShowsWhatWasBefore if conv.state_at(before).member(user).is_some() => conv.visible(before),
            _ => conv.visible_to(user, before),
        }
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
            ClientFrame::Hello { mut positions, records, .. } => {
                if self.trouble.knows_changes {
                    positions.retain(|id, _| !records.contains_key(id));
                    self.catch_up_changes(wire, &user, &records, out);
                }
                self.catch_up(wire, &user, &positions, out);
            }
            ClientFrame::Read { conversation, offset } => {
                let Some(conv) = self.convs.get_mut(&conversation) else { return };
                if !conv.has(user.id) {
                    let (code, detail) = (ErrorCode::NotAllowed, String::new());
                    return out.push(Out::Frame(wire, ServerFrame::Error { code, detail, id: None }));
                }
                if conv.read_of(user.id, u64::MAX) < Some(offset) {
                    conv.reads.push((now, user.id, offset));
                }
                let read = ServerFrame::Read { conversation, user: user.id, offset };
                self.broadcast(conversation, &read, None, out);
            }
            ClientFrame::Send { conversation, id, .. }
            | ClientFrame::Edit { conversation, id, .. }
            | ClientFrame::Delete { conversation, id, .. }
            | ClientFrame::React { conversation, id, .. } => {
                if self.lot(self.trouble.limited) {
                    let code = ErrorCode::RateLimited;
                    out.push(Out::Frame(
                        wire,
                        ServerFrame::Error { code, detail: String::new(), id: Some(id) },
                    ));
                    return;
                }
                let who = (wire, &user);
                match frame {
                    ClientFrame::Edit { message, body, .. } => {
                        let command = Change::Edit(Edit { message, body });
                        self.edit(who, conversation, (id, message, command), now, out);
                    }
                    ClientFrame::Delete { message, .. } => {
                        let command = Change::Delete(Delete { message });
                        self.edit(who, conversation, (id, message, command), now, out);
                    }
                    ClientFrame::React { message, emoji, on, .. } => {
                        let command = Change::React(React { message, emoji, on });
                        self.edit(who, conversation, (id, message, command), now, out);
                    }
                    frame => self.say(wire, &user, conversation, frame, now, out),
                }
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
        if !conv.has(user.id) {
            self.turned_away.insert(id);
            return out.push(refuse(ErrorCode::NotAllowed));
        }
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
        conv.records.push(Record { message: message.clone() });
        let previous_record = conv.through(u64::MAX);
        conv.link(offset, Some(message.clone()), now);
        let late = conv.swapped.take();
        let except = (!echo).then_some(wire);
        let frame = if self.trouble.knows_changes {
            ServerFrame::Message { message, record: Some(offset), previous_record }
        } else {
            ServerFrame::Message { message, record: None, previous_record: None }
        };
        self.broadcast(conversation, &frame, except, out);
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
        let tells = |user: &UserId| match self.fault {
            Fault::KeepsTellingTheRemoved => conv.had(*user, u64::MAX),
            _ => conv.has(*user),
        };
        let people: BTreeSet<_> = self.sockets.values().map(|user| user.id).filter(tells).collect();
        let ServerFrame::Changed { message, record: Some(record), previous_record } = frame else {
            return self.broadcast_to(&people.into_iter().collect::<Vec<_>>(), frame, except, out);
        };
        // Whoever came later is told that there is a record, and nothing of the message.
        let sees = |user: &UserId| {
            let member = conv.state().member(*user);
            member.is_none_or(|member| member.sees_from <= message.offset)
        };
        let (see, rest): (Vec<_>, Vec<_>) = people.into_iter().partition(sees);
        let (record, previous_record) = (*record, *previous_record);
        self.broadcast_to(&see, frame, except, out);
        let link = ServerFrame::Record { conversation, record, previous_record };
        self.broadcast_to(&rest, &link, except, out);
    }

    fn broadcast_to(
        &mut self,
        people: &[UserId],
        frame: &ServerFrame,
        except: Option<Wire>,
        out: &mut Vec<Out>,
    ) {
        let wires: Vec<_> = self
            .sockets
            .iter()
            .filter(|(wire, user)| people.contains(&user.id) && Some(**wire) != except)
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
            if self.lot(self.trouble.hub_late) {
                out.push(Out::Late(wire, frame.clone()));
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
            if !conv.has(user.id) {
                self.tell_of_departure(wire, user, *id, out);
                continue;
            }
            let mut after = *position;
            let missed = self
                .messages_for(conv, user.id, u64::MAX)
                .into_iter()
                .filter(|message| message.offset > *position);
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
                let frame = ServerFrame::Message { message, record: None, previous_record: None };
                out.push(Out::Frame(wire, frame));
            }
        }
    }

    /// Whoever names a group that they are out of.
    fn tell_of_departure(&self, wire: Wire, user: &User, conversation: ConversationId, out: &mut Vec<Out>) {
        let had = self.convs.get(&conversation).is_some_and(|conv| conv.had(user.id, u64::MAX));
        assert!(had, "a position of somebody who was never a member");
        if self.fault != Fault::KeepsTellingTheRemoved {
            out.push(Out::Frame(wire, ServerFrame::Left { conversation }));
        }
    }

    /// What happened since the records that were applied.
    fn catch_up_changes(
        &mut self,
        wire: Wire,
        user: &User,
        records: &BTreeMap<ConversationId, Offset>,
        out: &mut Vec<Out>,
    ) {
        for (id, applied) in records {
            let Some(conv) = self.convs.get(id) else { continue };
            if !conv.has(user.id) {
                self.tell_of_departure(wire, user, *id, out);
                continue;
            }
            let Some(record) = conv.through(u64::MAX).filter(|through| through > applied) else { continue };
            let conversation = *id;
            let all = self.messages_for(conv, user.id, u64::MAX);
            let missed = page_of(&all, Page::ChangedAfter(*applied), self.catch_up_max);
            for message in missed.messages {
                let changed = ServerFrame::Changed { message, record: None, previous_record: None };
                out.push(Out::Frame(wire, changed));
            }
            if conv.state().revision > Some(*applied) {
                out.push(Out::Frame(wire, self.group_frame(*id, None, (None, None))));
            }
            let end = match (missed.next, all.last()) {
                (Some(_), Some(last)) => ServerFrame::Behind {
                    conversation,
                    after: None,
                    latest: last.offset,
                    changed_after: missed.next,
                },
                _ => ServerFrame::CaughtUp { conversation, record },
            };
            out.push(Out::Frame(wire, end));
        }
    }
}
