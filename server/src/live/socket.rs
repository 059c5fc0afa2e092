//! One socket, one task.
//!
//! The task waits for whichever comes first: the word to stop, the answer to the client's last frame, a frame for the
//! client, a frame from it, or a timer. While an answer is outstanding it does not read on, so a client's messages are
//! appended in the order in which it sent them, and a client that sends faster than the log takes is slowed by TCP.

use super::{
    catch_up::{self, CatchUp},
    hub::{Membership, Outgoing},
    intake::{self, Refused},
};
use crate::{
    chat::{Chat, accounts::Caller},
    limits::{HELLO_GRACE, SOCKET_CLOSE_TIME, SOCKET_PING_EVERY, SOCKET_SILENCE_MAX},
    rates::{FrameRate, Rates},
};
use axum::extract::ws::{CloseFrame, Message as Frame, Utf8Bytes, WebSocket};
use kafkatalk_protocol::{
    ClientFrame, CloseCode, ConversationId, MessageId, Offset, Problem, ServerFrame, frame::Limits, limits,
};
use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc};
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
    CaughtUp(CatchUp),
}

/// Why the task ends.
enum End {
    /// Close with this code.
    Close(CloseCode),
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
    /// Frames for the client wait until its `hello` is dealt with, or it turns out to send none.
    waits_for_hello: bool,
    /// After a catch-up: frames still queued that may repeat it, and how far it reached.
    repeats: Option<(usize, HashMap<ConversationId, Offset>)>,
    last_heard: Instant,
}

/// Serves a socket until it closes.
pub async fn serve(socket: WebSocket, membership: Membership, node: Arc<Node>, caller: Caller) {
    let frame_rate = node.rates.frames();
    let mut session = Box::new(Session {
        socket,
        membership,
        node,
        caller,
        frame_rate,
        work: None,
        waits_for_hello: true,
        repeats: None,
        last_heard: Instant::now(),
    });
    let End::Close(code) = session.run().await else { return };
    let close =
        Frame::Close(Some(CloseFrame { code: code.as_u16(), reason: Utf8Bytes::from_static(reason(code)) }));
    // A client that does not read cannot be told; it finds out by itself.
    let _ = tokio::time::timeout(SOCKET_CLOSE_TIME, async {
        session.socket.send(close).await?;
        // Wait for the client's own close, so that ours is not cut off by a reset.
        while let Some(Ok(_)) = session.socket.recv().await {}
        Ok::<_, axum::Error>(())
    })
    .await;
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
    async fn run(&mut self) -> End {
        let ready = ServerFrame::Ready {
            user: self.caller.user.clone(),
            session: self.caller.session,
            limits: self.node.limits(),
        };
        let timer = tokio::time::sleep(HELLO_GRACE);
        tokio::pin!(timer);
        let mut turn = self.write(Outgoing::of(&ready)).await;
        while let Ok(()) = turn {
            turn = self.turn(timer.as_mut()).await;
        }
        turn.err().unwrap_or(End::Gone)
    }

    async fn turn(&mut self, mut timer: Pin<&mut Sleep>) -> Result<(), End> {
        tokio::select! {
            biased;
            code = self.membership.stop.told() => Err(End::Close(code)),
            answer = async { match self.work.as_mut() { Some(work) => work.await, None => Answer::Silence } },
                if self.work.is_some() => {
                self.work = None;
                self.give(answer).await
            }
            queued = self.membership.queue.recv(), if !self.waits_for_hello => match queued {
                Some(outgoing) => self.pass_on(outgoing).await,
                None => Err(End::Close(CloseCode::GoingAway)),
            },
            frame = self.socket.recv(), if self.work.is_none() => match frame {
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
        if self.last_heard.elapsed() > SOCKET_SILENCE_MAX {
            return Err(End::Gone);
        }
        if self.waits_for_hello && self.work.is_none() {
            self.waits_for_hello = false;
            return Ok(());
        }
        self.write_frame(Frame::Ping(axum::body::Bytes::new())).await
    }

    async fn take(&mut self, frame: Frame) -> Result<(), End> {
        self.last_heard = Instant::now();
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Binary(_) => return Err(End::Close(CloseCode::Malformed)),
            Frame::Ping(_) | Frame::Pong(_) => return Ok(()),
            Frame::Close(_) => return Err(End::Gone),
        };
        if !self.frame_rate.allows() {
            return Err(End::Close(CloseCode::TooMany));
        }
        let first = self.waits_for_hello;
        match intake::parse(&text) {
            Ok(ClientFrame::Hello { positions }) if first => {
                let (node, user) = (Arc::clone(&self.node), self.caller.user.id);
                self.work = Some(Box::pin(async move {
                    match catch_up::gather(&node.chat, user, positions).await {
                        Ok(caught_up) => Answer::CaughtUp(caught_up),
                        Err(error) => Answer::Frame(error_frame(error.into(), None)),
                    }
                }));
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

    async fn give(&mut self, answer: Answer) -> Result<(), End> {
        match answer {
            Answer::Silence => Ok(()),
            Answer::Frame(frame) => {
                self.waits_for_hello = false;
                self.write(Outgoing::of(&frame)).await
            }
            Answer::CaughtUp(caught_up) => {
                self.waits_for_hello = false;
                for frame in caught_up.frames {
                    self.write(frame).await?;
                }
                // The socket was in the hub before the read, so what the read saw may stand in the queue as well.
                let queued = self.membership.queue.len();
                self.repeats = (queued > 0).then_some((queued, caught_up.reached));
                Ok(())
            }
        }
    }

    async fn pass_on(&mut self, outgoing: Outgoing) -> Result<(), End> {
        if let Some((left, reached)) = &mut self.repeats {
            let repeated = outgoing.place.is_some_and(|(conversation, offset)| {
                reached.get(&conversation).is_some_and(|held| *held >= offset)
            });
            *left -= 1;
            if *left == 0 {
                self.repeats = None;
            }
            if repeated {
                return Ok(());
            }
        }
        self.write(outgoing).await
    }

    async fn write(&mut self, outgoing: Outgoing) -> Result<(), End> {
        self.write_frame(Frame::Text(outgoing.text)).await
    }

    /// Writes, unless told to stop meanwhile: a client that does not read must not hold the task for ever.
    async fn write_frame(&mut self, frame: Frame) -> Result<(), End> {
        tokio::select! {
            biased;
            written = self.socket.send(frame) => written.map_err(|_| End::Gone),
            code = self.membership.stop.told() => Err(End::Close(code)),
        }
    }
}

fn error_frame(problem: Problem, id: Option<MessageId>) -> ServerFrame {
    ServerFrame::Error { code: problem.code, detail: problem.detail, id }
}

fn end_of(error: &axum::Error) -> End {
    // The library's own limit on frames, which it reports in words alone.
    if error.to_string().contains("too long") { End::Close(CloseCode::TooLarge) } else { End::Gone }
}
