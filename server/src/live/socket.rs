//! One socket, one task.
//!
//! The task waits for whichever comes first: the word to stop, the answer to the client's last frame, a frame for the
//! client, a frame from it, or a timer. While an answer is outstanding it reads on no further than to hold a few frames,
//! so a client's messages are appended in the order in which it sent them, one that sends faster than the log takes is
//! slowed by TCP, and one that asks whether the server still lives is answered even while the log stands still.

use super::{
    catch_up::CatchUp,
    hub::{Membership, Outgoing, Stop},
    intake::{self, Refused},
};
use crate::{
    chat::{Chat, accounts::Caller},
    limits::{
        HELLO_GRACE, PING_BYTES_MAX, SOCKET_CLOSE_TIME, SOCKET_HELD_BYTES_MAX, SOCKET_HELD_FRAMES_MAX,
        SOCKET_PING_EVERY, SOCKET_SILENCE_MAX, SOCKET_WRITE_FRAMES, SOCKET_WRITE_TIME,
    },
    rates::{FrameRate, Rates},
    secrets::Token,
};
use axum::extract::ws::{CloseFrame, Message as Frame, Utf8Bytes, WebSocket};
use futures_util::SinkExt as _;
use kafkatalk_protocol::{
    ClientFrame, CloseCode, ConversationId, MessageId, Offset, Problem, ServerFrame, frame::Limits, limits,
};
use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::Arc,
};
use tokio::time::{Instant, Sleep};

/// What a socket needs of its node. One for all sockets.
#[derive(Debug)]
pub struct Node {
    /// The use cases.
    pub chat: Chat,
    /// Who may send how much.
    pub rates: Rates,
}

impl Node {
    fn limits(&self) -> Limits {
        let (messages_per_second, messages_burst) = self.rates.messages_told();
        Limits {
            body_chars: limits::BODY_CHARS_MAX,
            body_bytes: limits::BODY_BYTES_MAX,
            frame_bytes: limits::FRAME_BYTES_MAX,
            messages_per_second,
            messages_burst,
        }
    }
}

/// What came of the client's last frame.
enum Answer {
    Frame(ServerFrame),
    Silence,
    /// Some of what was missed, and the rest of it; nothing more at the end.
    CaughtUp(Option<Vec<Outgoing>>, CatchUp),
    /// What was missed cannot be read now. Nothing newer may come before it.
    NotCaughtUp,
}

/// Why the task ends.
enum End {
    /// Close with this code.
    Close(CloseCode),
    /// The client has said that it goes.
    Farewell,
    /// The client has gone.
    Gone,
}

type Work = Pin<Box<dyn Future<Output = Answer> + Send>>;

struct Session {
    socket: WebSocket,
    membership: Membership,
    node: Arc<Node>,
    caller: Caller,
    frame_rate: FrameRate,
    /// The answer being worked on.
    work: Option<Work>,
    /// What came meanwhile, in order.
    held: VecDeque<Utf8Bytes>,
    held_bytes: usize,
    /// Frames for the client wait until its `hello` is dealt with, or it turns out to send none.
    waits_for_hello: bool,
    /// Whether it has said `hello`.
    greeted: bool,
    /// Whether it was sent a message as it came, after which older ones would be out of order.
    passed_on: bool,
    /// For a while after a catch-up, how far it reached: frames may come that repeat it.
    reached: HashMap<ConversationId, Offset>,
    last_heard: Instant,
    /// Frames that are gathered and were not sent.
    unsent: usize,
}

/// Serves a socket until it closes. The token is the one by which the caller was let in.
pub async fn serve(socket: WebSocket, membership: Membership, node: Arc<Node>, caller: Caller, token: Token) {
    let frame_rate = node.rates.frames();
    let mut session = Box::new(Session {
        socket,
        membership,
        node,
        caller,
        frame_rate,
        work: None,
        held: VecDeque::new(),
        held_bytes: 0,
        waits_for_hello: true,
        greeted: false,
        passed_on: false,
        reached: HashMap::new(),
        last_heard: Instant::now(),
        unsent: 0,
    });
    let end = session.run(token).await;
    let Session { mut socket, membership, .. } = *session;
    // From here on it counts as gone: its place may be taken while it still says goodbye.
    drop(membership);
    // A client that does not read cannot be told; it finds out by itself.
    let _ = tokio::time::timeout(SOCKET_CLOSE_TIME, async {
        match end {
            End::Close(code) => socket.send(Frame::Close(Some(close_frame(code)))).await?,
            // The answer to its close is written by reading on.
            End::Farewell => {}
            End::Gone => return Ok(()),
        }
        // Wait for the client's own close, so that ours is not cut off by a reset.
        while let Some(Ok(_)) = socket.recv().await {}
        Ok::<_, axum::Error>(())
    })
    .await;
}

fn close_frame(code: CloseCode) -> CloseFrame {
    CloseFrame { code: code.as_u16(), reason: Utf8Bytes::from_static(reason(code)) }
}

fn reason(code: CloseCode) -> &'static str {
    match code {
        CloseCode::GoingAway => "this node is going away: reconnect",
        CloseCode::Malformed => "frames are text, one JSON object with a type each",
        CloseCode::SessionEnded => "the session has ended: sign in",
        CloseCode::TooSlow => "too slow: reconnect and catch up",
        CloseCode::TooLarge => "frame too large",
        CloseCode::TooMany => "too many frames: slow down",
    }
}

impl Session {
    async fn run(&mut self, token: Token) -> End {
        // The session may have ended after it was looked at and before this socket was in the hub, which then told
        // nobody. Now that it is there, one of both must see the end.
        match self.node.chat.caller(&token).await {
            Ok(Some(_)) => drop(token),
            Ok(None) => return End::Close(CloseCode::SessionEnded),
            Err(_) => return End::Close(CloseCode::TooSlow),
        }
        let ready = ServerFrame::Ready {
            user: self.caller.user.clone(),
            session: self.caller.session,
            limits: self.node.limits(),
        };
        let timer = tokio::time::sleep(HELLO_GRACE);
        tokio::pin!(timer);
        let mut turn = self.write(Outgoing::of(&ready)).await;
        if turn.is_ok() {
            turn = self.flush().await;
        }
        while let Ok(()) = turn {
            turn = self.turn(timer.as_mut()).await;
        }
        turn.err().unwrap_or(End::Gone)
    }

    /// Does what comes first, and writes what came of it together with what is ready by then.
    async fn turn(&mut self, timer: Pin<&mut Sleep>) -> Result<(), End> {
        self.step(timer).await?;
        for _ in 0..SOCKET_WRITE_FRAMES {
            if self.waits_for_hello {
                break;
            }
            let Ok(outgoing) = self.membership.queue.try_recv() else { break };
            self.pass_on(outgoing).await?;
        }
        self.flush().await
    }

    async fn step(&mut self, mut timer: Pin<&mut Sleep>) -> Result<(), End> {
        tokio::select! {
            biased;
            code = self.membership.stop.told() => Err(End::Close(code)),
            answer = async { match self.work.as_mut() { Some(work) => work.await, None => Answer::Silence } },
                if self.work.is_some() => {
                self.work = None;
                self.give(answer).await?;
                self.obey_held().await
            }
            queued = self.membership.queue.recv(), if !self.waits_for_hello => match queued {
                Some(outgoing) => self.pass_on(outgoing).await,
                None => Err(End::Close(CloseCode::GoingAway)),
            },
            frame = self.socket.recv(), if self.listens() => match frame {
                Some(Ok(frame)) => self.take(frame).await,
                Some(Err(error)) => Err(end_of(&error)),
                None => Err(End::Gone),
            },
            () = timer.as_mut() => {
                timer.as_mut().reset(Instant::now() + SOCKET_PING_EVERY);
                self.wake().await
            }
        }
    }

    /// The timer: the grace for a `hello` is over, or it is time to ask whether the client is still there.
    async fn wake(&mut self) -> Result<(), End> {
        if self.work.is_none() {
            if self.last_heard.elapsed() > SOCKET_SILENCE_MAX {
                return Err(End::Gone);
            }
            if self.waits_for_hello {
                self.waits_for_hello = false;
                return Ok(());
            }
            if self.membership.queue.is_empty() {
                self.reached = HashMap::new();
            }
        }
        // It is there: the pong of the ping before has come, or a frame.
        self.node.chat.used(self.caller.session);
        self.write_frame(Frame::Ping(axum::body::Bytes::new())).await
    }

    /// Whether it reads on. Not while it brings a device up to date: what the device says then may wait.
    fn listens(&self) -> bool {
        let room = self.held.len() < SOCKET_HELD_FRAMES_MAX && self.held_bytes < SOCKET_HELD_BYTES_MAX;
        self.work.is_none() || (room && !self.waits_for_hello)
    }

    async fn take(&mut self, frame: Frame) -> Result<(), End> {
        self.last_heard = Instant::now();
        if let Frame::Close(_) = frame {
            return Err(End::Farewell);
        }
        // Pings are answered by the library: they are work as well.
        if !self.frame_rate.allows() {
            return Err(End::Close(CloseCode::TooMany));
        }
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Binary(_) => return Err(End::Close(CloseCode::Malformed)),
            Frame::Ping(_) | Frame::Pong(_) | Frame::Close(_) => return Ok(()),
        };
        if self.work.is_none() {
            return self.obey(&text).await;
        }
        if text.len() <= PING_BYTES_MAX && matches!(intake::parse(&text), Ok(ClientFrame::Ping)) {
            return self.write(Outgoing::of(&ServerFrame::Pong)).await;
        }
        self.held_bytes += text.len();
        self.held.push_back(text);
        Ok(())
    }

    /// Comes back to what was held, until something is to be waited for again.
    async fn obey_held(&mut self) -> Result<(), End> {
        while self.work.is_none() {
            let Some(text) = self.held.pop_front() else { break };
            self.held_bytes -= text.len();
            self.obey(&text).await?;
        }
        Ok(())
    }

    async fn obey(&mut self, text: &str) -> Result<(), End> {
        match intake::parse(text) {
            Ok(ClientFrame::Hello { positions }) if !self.greeted => {
                let user = self.caller.user.id;
                (self.greeted, self.waits_for_hello) = (true, true);
                self.catch_up(if self.passed_on {
                    CatchUp::behind_only(user, positions)
                } else {
                    CatchUp::new(user, positions)
                });
                return Ok(());
            }
            Ok(ClientFrame::Send { conversation, id, body }) => {
                let (node, caller) = (Arc::clone(&self.node), self.caller.clone());
                self.work = Some(Box::pin(async move {
                    if let Err(problem) = node.rates.message(caller.user.id) {
                        return Answer::Frame(error_frame(problem, Some(id)));
                    }
                    Answer::Frame(match node.chat.send(&caller.user, conversation, id, body).await {
                        Ok((message, _)) => ServerFrame::Ack {
                            id,
                            conversation,
                            offset: message.offset,
                            sent_at: message.sent_at,
                        },
                        Err(error) => error_frame(error.into(), Some(id)),
                    })
                }));
            }
            Ok(ClientFrame::Read { conversation, offset }) => {
                let (node, user) = (Arc::clone(&self.node), self.caller.user.id);
                self.work = Some(Box::pin(async move {
                    match node.chat.mark_read(user, conversation, offset).await {
                        Ok(()) => Answer::Silence,
                        Err(error) => Answer::Frame(error_frame(error.into(), None)),
                    }
                }));
            }
            Ok(ClientFrame::Ping) => self.write(Outgoing::of(&ServerFrame::Pong)).await?,
            // Typing is best effort, and a second hello has nothing left to do.
            Ok(ClientFrame::Typing { .. } | ClientFrame::Hello { .. }) => {}
            Err(Refused::Tell(frame)) => self.write(Outgoing::of(&frame)).await?,
            Err(Refused::Close(code)) => return Err(End::Close(code)),
        }
        // Whoever begins with anything but a hello holds nothing that could be caught up with.
        self.waits_for_hello = false;
        Ok(())
    }

    /// Works on the next part of what was missed.
    fn catch_up(&mut self, mut missed: CatchUp) {
        let node = Arc::clone(&self.node);
        self.work = Some(Box::pin(async move {
            match missed.next(&node.chat).await {
                Ok(frames) => Answer::CaughtUp(frames, missed),
                Err(error) => {
                    tracing::debug!(%error, "a device cannot catch up now");
                    Answer::NotCaughtUp
                }
            }
        }));
    }

    async fn give(&mut self, answer: Answer) -> Result<(), End> {
        match answer {
            Answer::Silence => Ok(()),
            Answer::Frame(frame) => self.write(Outgoing::of(&frame)).await,
            Answer::CaughtUp(Some(frames), rest) => {
                for frame in frames {
                    self.write(frame).await?;
                }
                self.catch_up(rest);
                Ok(())
            }
            Answer::CaughtUp(None, done) => {
                self.waits_for_hello = false;
                // The socket was in the hub before the reads, so what they saw comes through the queue as well.
                self.reached = done.into_reached();
                // Meanwhile nobody listened.
                self.last_heard = Instant::now();
                Ok(())
            }
            Answer::NotCaughtUp => Err(End::Close(CloseCode::TooSlow)),
        }
    }

    async fn pass_on(&mut self, outgoing: Outgoing) -> Result<(), End> {
        if let Some((conversation, offset)) = outgoing.place {
            if self.reached.get(&conversation).is_some_and(|held| *held >= offset) {
                return Ok(());
            }
            self.passed_on = true;
        }
        self.write(outgoing).await
    }

    async fn write(&mut self, outgoing: Outgoing) -> Result<(), End> {
        self.write_frame(Frame::Text(outgoing.text)).await
    }

    /// Leaves it to the end of the turn to be sent, unless much is gathered already.
    async fn write_frame(&mut self, frame: Frame) -> Result<(), End> {
        self.unsent += 1;
        bounded(&self.membership.stop, self.socket.feed(frame)).await
    }

    async fn flush(&mut self) -> Result<(), End> {
        if std::mem::take(&mut self.unsent) == 0 {
            return Ok(());
        }
        bounded(&self.membership.stop, self.socket.flush()).await
    }
}

/// Writes, unless told to stop, and within a bounded time: a client that does not read must not hold the task for ever,
/// and one whose session has ended gets nothing more.
async fn bounded(stop: &Stop, writing: impl Future<Output = Result<(), axum::Error>>) -> Result<(), End> {
    if let Some(code) = stop.code() {
        return Err(End::Close(code));
    }
    tokio::select! {
        biased;
        written = tokio::time::timeout(SOCKET_WRITE_TIME, writing) => match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        },
        code = stop.told() => Err(End::Close(code)),
    }
}

fn error_frame(problem: Problem, id: Option<MessageId>) -> ServerFrame {
    ServerFrame::Error { code: problem.code, detail: problem.detail, id }
}

fn end_of(error: &axum::Error) -> End {
    // The library's own limit on frames, which it reports in words alone.
    if error.to_string().contains("too long") { End::Close(CloseCode::TooLarge) } else { End::Gone }
}
