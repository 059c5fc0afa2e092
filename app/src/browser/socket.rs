//! The WebSocket.

use super::handle::Handle;
use crate::client::{Input, SocketId};
use futures_channel::mpsc::{Receiver, Sender, channel};
use futures_util::{
    SinkExt as _, StreamExt as _,
    future::{AbortHandle, Either, abortable, poll_fn, select},
};
use gloo_net::websocket::{Message, State, WebSocketError, futures::WebSocket};
use kafkatalk_protocol::{ClientFrame, ServerFrame, frame::SUBPROTOCOL, http::BASE};
use leptos::{prelude::location, task::spawn_local};
use std::cell::RefCell;

/// The close code of a socket that ended without a closing frame, or never opened.
const ABNORMAL: u16 = 1006;

/// Most frames that wait to be written, of the few that the client sends in one turn.
const FRAMES_WAITING_MAX: usize = 256;

/// A socket and the task that serves it. Dropping it closes the socket; nothing is heard of it afterwards.
pub(super) struct Socket {
    id: SocketId,
    outgoing: RefCell<Sender<Message>>,
    task: AbortHandle,
}

fn address() -> Option<String> {
    let location = location();
    let scheme = if location.protocol().ok()? == "https:" { "wss://" } else { "ws://" };
    Some([scheme, &location.host().ok()?, BASE, "/ws"].concat())
}

impl Socket {
    /// Opens one. Where not even that can be tried, the client hears that it closed.
    pub(super) fn open(id: SocketId, handle: &Handle) -> Option<Self> {
        let socket = address().and_then(|address| WebSocket::open_with_protocol(&address, SUBPROTOCOL).ok());
        let Some(socket) = socket else {
            handle.tell(Input::Closed(id, ABNORMAL));
            return None;
        };
        let (outgoing, frames) = channel(FRAMES_WAITING_MAX);
        let (served, task) = abortable(serve(id, handle.clone(), socket, frames));
        spawn_local(async move {
            // Aborted means that the socket was dropped, and nobody asks any more.
            let _ = served.await;
        });
        Some(Self { id, outgoing: RefCell::new(outgoing), task })
    }

    pub(super) fn id(&self) -> SocketId {
        self.id
    }

    pub(super) fn send(&self, frame: &ClientFrame) {
        // A frame that cannot be sent is like one that was lost: the client sends it again.
        if let Ok(text) = serde_json::to_string(frame) {
            let _ = self.outgoing.borrow_mut().try_send(Message::Text(text));
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Hands over what the socket brings until it closes, and writes what is sent.
async fn serve(id: SocketId, handle: Handle, mut socket: WebSocket, mut frames: Receiver<Message>) {
    // There is no event for it: the sink is ready once the socket is open, and when it failed to open.
    let _ = poll_fn(|context| socket.poll_ready_unpin(context)).await;
    if matches!(socket.state(), State::Open) {
        handle.tell(Input::Opened(id));
    }
    let (mut sink, mut stream) = socket.split();
    let write = async {
        while let Some(frame) = frames.next().await {
            // The end of the socket is told by its other half.
            let _ = sink.send(frame).await;
        }
    };
    let read = async {
        while let Some(event) = stream.next().await {
            match event {
                Ok(Message::Text(text)) => {
                    // What cannot be read is of a newer server, or broken. A message that is lost so leaves a hole,
                    // which history is asked to fill.
                    if let Ok(frame) = ServerFrame::from_json(&text) {
                        handle.tell(Input::Frame(id, Box::new(frame)));
                    }
                }
                Err(WebSocketError::ConnectionClose(close)) => return close.code,
                // After an error comes the closing.
                Ok(Message::Bytes(_)) | Err(_) => {}
            }
        }
        ABNORMAL
    };
    let (write, read) = (std::pin::pin!(write), std::pin::pin!(read));
    let code = match select(read, write).await {
        Either::Left((code, _)) => code,
        // Frames come for as long as the task is there.
        Either::Right(((), read)) => read.await,
    };
    handle.tell(Input::Closed(id, code));
}
