//! The upgrade to a WebSocket.

use super::{
    auth::{self, SignedIn},
    problem::Refusal,
    state::State,
};
use crate::{
    kernel::live::{hub::TooManySockets, socket},
    limits::{RETRY_AFTER, SOCKET_READ_BUFFER_BYTES, SOCKET_WRITE_BUFFER_BYTES, UPGRADE_WARNINGS_PER_MINUTE},
};
use axum::{
    extract::{State as Shared, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::{HeaderMap, HeaderValue, StatusCode, Version, header},
    response::{IntoResponse, Response},
};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use kafkatalk_protocol::{ErrorCode, frame::SUBPROTOCOL, limits::FRAME_BYTES_MAX};
use std::{num::NonZeroU32, sync::LazyLock};

/// Every page tries again and again, so that one line for each would fill the log.
static WARNINGS: LazyLock<Option<DefaultDirectRateLimiter>> = LazyLock::new(|| {
    NonZeroU32::new(UPGRADE_WARNINGS_PER_MINUTE).map(|rate| RateLimiter::direct(Quota::per_minute(rate)))
});

/// `GET /api/v1/ws`.
pub async fn upgrade(
    Shared(state): Shared<State>,
    headers: HeaderMap,
    version: Version,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    caller: Result<SignedIn, Refusal>,
) -> Result<Response, Response> {
    let upgrade = upgrade.map_err(|_| no_handshake(&state, &headers, version))?;
    open(&state, &headers, upgrade, caller).map_err(IntoResponse::into_response)
}

/// A request that is no handshake, or not any more.
fn no_handshake(state: &State, headers: &HeaderMap, version: Version) -> Response {
    let is_lost = headers.contains_key(header::SEC_WEBSOCKET_KEY)
        && !(headers.contains_key(header::UPGRADE) && is_for_upgrade(headers));
    let detail = if is_lost {
        state.metrics.upgrade_lost();
        if WARNINGS.as_ref().is_some_and(|warnings| warnings.check().is_ok()) {
            tracing::warn!(
                ?version,
                "a proxy does not pass the WebSocket's upgrade, so nobody behind it gets messages live: on /api/v1/ws it must \
                 speak HTTP/1.1 to this node and pass the headers Upgrade and Connection"
            );
        }
        "A proxy on the way here does not pass the WebSocket's upgrade."
    } else {
        "This path is for WebSockets: send a handshake of version 13, over HTTP/1.1."
    };
    let mut refusal = Refusal::new(ErrorCode::InvalidInput, detail);
    refusal.0.status = StatusCode::UPGRADE_REQUIRED.as_u16();
    let mut response = refusal.into_response();
    let answer = response.headers_mut();
    answer.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    // HTTP/2 knows neither.
    if version < Version::HTTP_2 {
        answer.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        answer.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    response
}

/// Whether `Connection` names the upgrade: a proxy may pass one of the two headers alone.
fn is_for_upgrade(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::CONNECTION).iter().map(HeaderValue::as_bytes);
    let mut tokens = lines.flat_map(|line| line.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    tokens.any(|token| token.eq_ignore_ascii_case(b"upgrade"))
}

fn open(
    state: &State,
    headers: &HeaderMap,
    upgrade: WebSocketUpgrade,
    caller: Result<SignedIn, Refusal>,
) -> Result<Response, Refusal> {
    let SignedIn(caller) = caller?;
    let (token, _) = auth::presented(headers).ok_or_else(Refusal::unauthenticated)?;
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
