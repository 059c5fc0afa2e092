//! The WebSocket.

use super::engine::Handle;
use crate::client::{Input, SocketId};
use kafkatalk_protocol::{ClientFrame, ServerFrame, frame::SUBPROTOCOL, http::BASE};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{CloseEvent, MessageEvent, WebSocket};

/// What a browser says of a socket that ended without a closing frame, or never opened.
const ABNORMAL: u16 = 1006;

pub(super) struct Socket {
    id: SocketId,
    inner: WebSocket,
    _on_open: Closure<dyn FnMut()>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

fn address() -> Option<String> {
    let location = web_sys::window()?.location();
    let scheme = if location.protocol().ok()? == "https:" { "wss://" } else { "ws://" };
    Some([scheme, &location.host().ok()?, BASE, "/ws"].concat())
}

impl Socket {
    /// Opens one. Where not even that can be tried, the client is told that it closed.
    pub(super) fn open(id: SocketId, handle: &Handle) -> Option<Self> {
        let socket = address().and_then(|address| WebSocket::new_with_str(&address, SUBPROTOCOL).ok());
        let Some(socket) = socket else {
            handle.tell(Input::Closed(id, ABNORMAL));
            return None;
        };
        let opened = handle.clone();
        let on_open = Closure::<dyn FnMut()>::new(move || opened.tell(Input::Opened(id)));
        let framed = handle.clone();
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            // What cannot be read is of a newer server, or broken. A message that is lost so leaves a hole, which
            // history is asked to fill.
            let text = event.data().as_string();
            if let Some(Ok(frame)) = text.map(|text| ServerFrame::from_json(&text)) {
                framed.tell(Input::Frame(id, Box::new(frame)));
            }
        });
        let closed = handle.clone();
        let on_close = Closure::<dyn FnMut(CloseEvent)>::new(move |event: CloseEvent| {
            closed.tell(Input::Closed(id, event.code()));
        });
        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Some(Self { id, inner: socket, _on_open: on_open, _on_message: on_message, _on_close: on_close })
    }

    pub(super) fn id(&self) -> SocketId {
        self.id
    }

    pub(super) fn send(&self, frame: &ClientFrame) {
        // A frame that cannot be sent is like one that was lost: the client sends it again.
        if let Ok(text) = serde_json::to_string(frame) {
            let _ = self.inner.send_with_str(&text);
        }
    }

    pub(super) fn close(&self) {
        let _ = self.inner.close();
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.inner.set_onopen(None);
        self.inner.set_onmessage(None);
        self.inner.set_onclose(None);
        self.close();
    }
}
