//! Connections: taken in, given so long to ask something, ended in order. HTTP/1.1, and HTTP/2 without TLS for proxies that
//! speak it to the node.

mod activity;

use crate::limits::{ACCEPT_PAUSE, HTTP2_STREAMS_MAX};
use activity::Activity;
use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{
    Request, Response,
    body::Incoming,
    header::{HOST, HeaderValue},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

/// How an HTTP/2 client begins that knows that the server speaks it (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// So many bytes of it tell it from any request of HTTP/1.
const HTTP2_PREFACE_BYTES_MIN: usize = 3;

/// Answers until `shutdown` is cancelled, then lets requests that are under way end. A connection that sends no whole
/// head of a request within `head_time` is closed, be it slow or idle: otherwise whoever opens connections and says
/// nothing would keep everybody else out. What was upgraded is not a connection any more.
pub async fn answer(
    listener: TcpListener,
    router: Router,
    head_time: Duration,
    shutdown: &CancellationToken,
) {
    let connections = TaskTracker::new();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                connections.spawn(serve(stream, peer, router.clone(), head_time, shutdown.clone()));
            }
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                // Out of descriptors, for one: those in use must end before more can be taken.
                tracing::error!(%error, "no connection can be taken in just now");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    head_time: Duration,
    shutdown: CancellationToken,
) {
    // Frames are small and must not wait for each other.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "set_nodelay failed");
    }
    let begun = shutdown.run_until_cancelled(timeout(head_time, begins_as_http2(&stream))).await;
    let ended = match begun {
        Some(Ok(Ok(false))) => serve_http1(stream, peer, router, head_time, shutdown).await,
        Some(Ok(Ok(true))) => serve_http2(stream, peer, router, head_time, shutdown).await,
        // It said nothing.
        Some(Ok(Err(_)) | Err(_)) | None => return,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Looks at what the client says first, and leaves it to be read.
async fn begins_as_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0; HTTP2_PREFACE.len()];
    let length = stream.peek(&mut start).await?;
    Ok(length >= HTTP2_PREFACE_BYTES_MIN && HTTP2_PREFACE.starts_with(&start[..length]))
}

async fn serve_http1(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    head_time: Duration,
    shutdown: CancellationToken,
) -> hyper::Result<()> {
    let service = service_fn(|request| respond(&router, peer, request));
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(head_time);
    let mut connection = pin!(protocol.serve_connection(TokioIo::new(stream), service).with_upgrades());
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

async fn serve_http2(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    head_time: Duration,
    shutdown: CancellationToken,
) -> hyper::Result<()> {
    let activity = Arc::new(Activity::default());
    let counted = Arc::clone(&activity);
    let service = service_fn(move |request| {
        let (router, running) = (router.clone(), counted.begin());
        async move {
            let response = respond(&router, peer, request).await;
            drop(running);
            response
        }
    });
    let mut protocol = http2::Builder::new(TokioExecutor::new());
    protocol.timer(TokioTimer::new()).max_concurrent_streams(HTTP2_STREAMS_MAX);
    let mut connection = pin!(protocol.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = shutdown.cancelled() => {}
        () = activity.idle(head_time) => {}
    }
    connection.as_mut().graceful_shutdown();
    // A client that is gone does not answer the goodbye.
    timeout(head_time, connection).await.unwrap_or(Ok(()))
}

async fn respond(
    router: &Router,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    // HTTP/2 has the host in the address.
    let authority = request.uri().authority().map(|authority| HeaderValue::from_str(authority.as_str()));
    if let Some(Ok(host)) = authority {
        request.headers_mut().entry(HOST).or_insert(host);
    }
    router.clone().oneshot(request).await
}
