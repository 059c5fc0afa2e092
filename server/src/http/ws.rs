//! The upgrade to a WebSocket.

use super::{
    auth::{self, SignedIn},
    problem::Refusal,
    state::State,
};
use crate::{
    kernel::live::{hub::TooManySockets, socket},
    limits::{RETRY_AFTER, SOCKET_READ_BUFFER_BYTES, SOCKET_WRITE_BUFFER_BYTES},
};
use axum::{
    extract::{State as Shared, WebSocketUpgrade},
    http::HeaderMap,
    response::Response,
};
use kafkatalk_protocol::{ErrorCode, frame::SUBPROTOCOL, limits::FRAME_BYTES_MAX};

/// `GET /api/v1/ws`.
pub async fn upgrade(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refusal> {
    let (token, _) = auth::presented(&headers).ok_or_else(Refusal::unauthenticated)?;
    let registration = state.hub.join(&caller).map_err(|error| too_many(&error))?;
    let (node, tracked) = (state.node.clone(), state.sockets.token());
    Ok(upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(SOCKET_READ_BUFFER_BYTES)
        .write_buffer_size(SOCKET_WRITE_BUFFER_BYTES)
        // A byte more than we take, so that a frame just over the limit is refused by us, with our code.
        .max_message_size(FRAME_BYTES_MAX + 1)
        .max_frame_size(FRAME_BYTES_MAX + 1)
        .on_upgrade(move |opened| {
            let served = socket::serve(opened, registration, node, caller, token);
            // A task of its own: the one that made the upgrade is several times as large.
            tokio::spawn(async move {
                served.await;
                drop(tracked);
            });
            std::future::ready(())
        }))
}

fn too_many(error: &TooManySockets) -> Refusal {
    let mut refusal = Refusal::new(ErrorCode::RateLimited, format!("{error}."));
    refusal.0.retry_after = Some(RETRY_AFTER.as_secs());
    refusal
}
