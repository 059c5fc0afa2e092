//! One socket, one task.
//!
//! The task waits for whichever comes first: the word to stop, the answer to the client's last frame, a frame for the
//! client, a frame from it, a signal, or a timer. While an answer is outstanding it reads on no further than to hold a few frames,
//! so a client's messages are appended in the order in which it sent them, one that sends faster than the log takes is
//! slowed by TCP, and one that asks whether the server still lives is answered even while the log stands still.

use super::{
    catch_up::CatchUp,
    hub::{SocketRegistration, Stop},
    intake::{self, Refused},
    outgoing::{Outgoing, text_of},
};
use crate::{
    kernel::{Caller, Kernel, signals::Signals},
    limits::{
        PING_BYTES_MAX, SOCKET_CLOSE_TIME, SOCKET_HELD_BYTES_MAX, SOCKET_HELD_FRAMES_MAX, SOCKET_PING_EVERY,
        SOCKET_SILENCE_MAX, SOCKET_WRITE_FRAMES, SOCKET_WRITE_TIME,
    },
    rates::FrameRate,
    secrets::Token,
};
use axum::extract::ws::{CloseFrame, Message as Frame, Utf8Bytes, WebSocket};
use futures_util::SinkExt as _;
use kafkatalk_protocol::{
    ClientFrame, CloseCode, ConversationId, Offset, ServerFrame, frame::Limits, limits,
};
use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::Arc,
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// What a socket needs of its node. One for all sockets.
#[derive(Debug)]
pub struct Node {
    /// The use cases.
    pub kernel: Kernel,
    /// What may be lost.
    pub signals: Signals,
    /// How long a new socket may take to say hello; until then nothing newer is sent.
    pub hello_grace: Duration,
    /// What the features do for a client.
    pub obey: Obey,
}

/// Does what a client asks for by a frame; nothing for what needs no work. The kernel itself answers `hello` and `ping`.
pub type Obey = fn(&Arc<Node>, &Caller, ClientFrame) -> Option<Obeying>;

/// The work that a frame asks for; the frame that answers it, where one does.
pub type Obeying = Pin<Box<dyn Future<Output = Option<ServerFrame>> + Send>>;

impl Node {
    fn limits(&self) -> Limits {
        let (messages_per_second, messages_burst) = self.kernel.rates.messages_told();
        Limits {
            body_chars: limits::BODY_CHARS_MAX,
            body_bytes: limits::BODY_BYTES_MAX,
            frame_bytes: limits::FRAME_BYTES_MAX,
            group_members: u32::try_from(limits::GROUP_MEMBERS_MAX).ok(),
            messages_per_second,
            messages_burst,
        }
    }
}

/// What came of the client's last frame.
enum Answer {
    Frame(Utf8Bytes),
    Silence,
    /// Some of what was missed, and the rest of it; nothing more at the end.
    CaughtUp(Option<Vec<Outgoing>>, Box<CatchUp>),
    /// What was missed cannot be read now. Nothing newer may come before it.
    NotCaughtUp,
}

impl Answer {
    fn of(frame: Option<ServerFrame>) -> Self {
        frame.map_or(Self::Silence, |frame| Self::Frame(text_of(&frame)))
    }
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
    registration: SocketRegistration,
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
    /// Frames that are written together at the end of the turn. While it lives, a session writes nowhere else, so that an
    /// idle socket's task has room for one write only.
    out: Vec<Frame>,
}

/// Serves a socket until it closes. The token is the one by which the caller was let in.
pub fn serve(
    socket: WebSocket,
    registration: SocketRegistration,
    node: Arc<Node>,
    caller: Caller,
    token: Token,
) -> impl Future<Output = ()> + Send {
    let frame_rate = node.kernel.rates.frames();
    let mut session = Box::new(Session {
        socket,
        registration,
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
        out: Vec::new(),
    });
    async move {
        let end = session.run(token).await;
        // From here on it counts as gone: its place may be taken while it still says goodbye.
        session.registration.leave();
        // A client that does not read cannot be told; it finds out by itself.
        let _ = tokio::time::timeout(SOCKET_CLOSE_TIME, session.farewell(end)).await;
    }
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
        match Box::pin(self.node.kernel.caller(&token)).await {
            Ok(Some(_)) => drop(token),
            Ok(None) => return End::Close(CloseCode::SessionEnded),
            Err(_) => return End::Close(CloseCode::TooSlow),
        }
        self.tell(&ServerFrame::Ready {
            user: self.caller.user.clone(),
            session: self.caller.session,
            limits: self.node.limits(),
        });
        let timer = tokio::time::sleep(self.node.hello_grace);
        tokio::pin!(timer);
        let mut turn = Ok(());
        loop {
            // What was answered before the turn came to an end is still said.
            if let Err(end) = self.write().await.and(turn) {
                return end;
            }
            turn = self.turn(timer.as_mut()).await;
        }
    }

    /// Does what comes first. What is to be written for it, and what is ready by then, is in `out`.
    async fn turn(&mut self, mut timer: Pin<&mut Sleep>) -> Result<(), End> {
        tokio::select! {
            biased;
            code = self.registration.stop.told() => return Err(End::Close(code)),
            answer = async { match self.work.as_mut() { Some(work) => work.await, None => Answer::Silence } },
                if self.work.is_some() => {
                self.work = None;
                self.give(answer)?;
                self.obey_held()?;
            }
            queued = self.registration.queue.recv(), if !self.waits_for_hello => match queued {
                Some(outgoing) => self.pass_on(&outgoing),
                None => return Err(End::Close(CloseCode::GoingAway)),
            },
            frame = self.socket.recv(), if self.listens() => match frame {
                Some(Ok(frame)) => self.take(frame)?,
                Some(Err(error)) => return Err(end_of(error)),
                None => return Err(End::Gone),
            },
            signal = self.registration.lane.next(), if !self.waits_for_hello => {
                self.out.push(Frame::Text(signal.text().clone()));
            }
            () = timer.as_mut() => {
                timer.as_mut().reset(Instant::now() + SOCKET_PING_EVERY);
                self.wake()?;
            }
        }
        while self.out.len() < SOCKET_WRITE_FRAMES
            && !self.waits_for_hello
            && let Ok(outgoing) = self.registration.queue.try_recv()
        {
            self.pass_on(&outgoing);
        }
        self.take_signals();
        Ok(())
    }

    /// Takes signals where nothing else is to be written.
    fn take_signals(&mut self) {
        while self.out.len() < SOCKET_WRITE_FRAMES
            && !self.waits_for_hello
            && self.registration.queue.is_empty()
            && let Some(signal) = self.registration.lane.try_next()
        {
            self.out.push(Frame::Text(signal.text().clone()));
        }
        if self.registration.lane.take_lost() {
            self.registration.wants_signals();
        }
    }

    /// Writes what is in `out`.
    async fn write(&mut self) -> Result<(), End> {
        if self.out.is_empty() {
            return Ok(());
        }
        let stop = &self.registration.stop;
        for frame in std::mem::take(&mut self.out) {
            bounded(stop, self.socket.feed(frame)).await?;
        }
        bounded(stop, self.socket.flush()).await
    }

    async fn farewell(&mut self, end: End) -> Result<(), axum::Error> {
        match end {
            End::Close(code) => self.socket.send(Frame::Close(Some(close_frame(code)))).await?,
            // The answer to its close is written by reading on.
            End::Farewell => {}
            End::Gone => return Ok(()),
        }
        // Wait for the client's own close, so that ours is not cut off by a reset.
        while let Some(Ok(_)) = self.socket.recv().await {}
        Ok(())
    }

    fn tell(&mut self, frame: &ServerFrame) {
        self.out.push(Frame::Text(text_of(frame)));
    }

    /// The timer: the grace for a `hello` is over, or it is time to ask whether the client is still there.
    fn wake(&mut self) -> Result<(), End> {
        if self.work.is_none() {
            if self.last_heard.elapsed() > SOCKET_SILENCE_MAX {
                return Err(End::Gone);
            }
            if self.waits_for_hello {
                self.waits_for_hello = false;
                return Ok(());
            }
            if self.registration.queue.is_empty() {
                self.reached = HashMap::new();
            }
        }
        // It is there: the pong of the ping before has come, or a frame.
        self.node.kernel.used(self.caller.session);
        self.out.push(Frame::Ping(axum::body::Bytes::new()));
        Ok(())
    }

    /// Whether it reads on. Not while it brings a device up to date: what the device says then may wait.
    fn listens(&self) -> bool {
        let room = self.held.len() < SOCKET_HELD_FRAMES_MAX && self.held_bytes < SOCKET_HELD_BYTES_MAX;
        self.work.is_none() || (room && !self.waits_for_hello)
    }

    fn take(&mut self, frame: Frame) -> Result<(), End> {
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
            return self.obey(&text);
        }
        if text.len() <= PING_BYTES_MAX && matches!(intake::parse(&text), Ok(ClientFrame::Ping)) {
            self.tell(&ServerFrame::Pong);
            return Ok(());
        }
        self.held_bytes += text.len();
        self.held.push_back(text);
        Ok(())
    }

    /// Comes back to what was held, until something is to be waited for again.
    fn obey_held(&mut self) -> Result<(), End> {
        while self.work.is_none() {
            let Some(text) = self.held.pop_front() else { break };
            self.held_bytes -= text.len();
            self.obey(&text)?;
        }
        Ok(())
    }

    fn obey(&mut self, text: &str) -> Result<(), End> {
        match intake::parse(text) {
            Ok(ClientFrame::Hello { positions, records, signals }) if !self.greeted => {
                let user = self.caller.user.id;
                if signals {
                    self.registration.wants_signals();
                }
                (self.greeted, self.waits_for_hello) = (true, true);
                self.catch_up(Box::new(if self.passed_on {
                    CatchUp::behind_only(user, positions, records)
                } else {
                    CatchUp::new(user, positions, records)
                }));
                return Ok(());
            }
            Ok(ClientFrame::Ping) => self.tell(&ServerFrame::Pong),
            // A second hello has nothing left to do.
            Ok(ClientFrame::Hello { .. }) => {}
            Ok(frame) => {
                let work = (self.node.obey)(&self.node, &self.caller, frame);
                self.work = work.map(|work| -> Work { Box::pin(async move { Answer::of(work.await) }) });
            }
            Err(Refused::Tell(frame)) => self.tell(&frame),
            Err(Refused::Close(code)) => return Err(End::Close(code)),
        }
        // Whoever begins with anything but a hello holds nothing that could be caught up with.
        self.waits_for_hello = false;
        Ok(())
    }

    /// Works on the next part of what was missed.
    fn catch_up(&mut self, mut missed: Box<CatchUp>) {
        let node = Arc::clone(&self.node);
        self.work = Some(Box::pin(async move {
            match missed.next(&node.kernel).await {
                Ok(frames) => Answer::CaughtUp(frames, missed),
                Err(error) => {
                    tracing::debug!(%error, "a device cannot catch up now");
                    Answer::NotCaughtUp
                }
            }
        }));
    }

    fn give(&mut self, answer: Answer) -> Result<(), End> {
        match answer {
            Answer::Silence => {}
            Answer::Frame(text) => self.out.push(Frame::Text(text)),
            Answer::CaughtUp(Some(frames), rest) => {
                self.out.extend(frames.iter().map(|frame| Frame::Text(frame.text().clone())));
                self.catch_up(rest);
            }
            Answer::CaughtUp(None, done) => {
                self.waits_for_hello = false;
                // The socket was in the hub before the reads, so what they saw comes through the queue as well.
                self.reached = done.into_reached();
                // Meanwhile nobody listened.
                self.last_heard = Instant::now();
            }
            Answer::NotCaughtUp => return Err(End::Close(CloseCode::TooSlow)),
        }
        Ok(())
    }

    fn pass_on(&mut self, outgoing: &Outgoing) {
        if let Some((conversation, offset)) = outgoing.record() {
            if self.reached.get(&conversation).is_some_and(|held| *held >= offset) {
                return;
            }
            self.passed_on = true;
        }
        self.out.push(Frame::Text(outgoing.text().clone()));
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

fn end_of(error: axum::Error) -> End {
    match error.into_inner().downcast_ref::<tungstenite::Error>() {
        // The library's own limit on frames.
        Some(tungstenite::Error::Capacity(_)) => End::Close(CloseCode::TooLarge),
        Some(tungstenite::Error::Utf8(_)) => End::Close(CloseCode::Malformed),
        _ => End::Gone,
    }
}
