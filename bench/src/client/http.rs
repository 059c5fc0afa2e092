//! One HTTP/1.1 connection to a server on loopback.

use crate::limits::{ANSWER_BYTES_MAX, HTTP_WAIT_MAX};
use anyhow::{Context as _, Result, bail};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
    header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use tokio::{net::TcpStream, time::timeout};
use tokio_util::task::AbortOnDropHandle;

/// A connection that is kept open from request to request.
pub(crate) struct Http {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    _driver: AbortOnDropHandle<()>,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body as it came over the wire.
    pub(crate) body: Bytes,
}

/// What is asked.
pub(crate) struct Ask<'a> {
    /// How.
    pub(crate) method: Method,
    /// The path, with its query.
    pub(crate) path: &'a str,
    /// The session's token.
    pub(crate) token: Option<&'a str>,
    /// JSON to send along.
    pub(crate) json: Option<Vec<u8>>,
    /// Encodings that are welcome.
    pub(crate) encodings: Option<&'a str>,
}

impl<'a> Ask<'a> {
    /// A plain GET.
    pub(crate) fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, token: None, json: None, encodings: None }
    }
}

impl Http {
    /// Opens a connection.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self> {
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(async move {
            // Its error comes out of the request that it concerns.
            let _ = connection.await;
        });
        Ok(Self { address, sender, _driver: AbortOnDropHandle::new(driver) })
    }

    /// Asks and waits for the whole answer, of whatever status.
    pub(crate) async fn ask(&mut self, ask: Ask<'_>) -> Result<Answer> {
        let what = format!("{} {}", ask.method, ask.path);
        timeout(HTTP_WAIT_MAX, self.exchange(ask))
            .await
            .unwrap_or_else(|_| bail!("no answer within {} s", HTTP_WAIT_MAX.as_secs()))
            .with_context(|| format!("{what} at {} failed", self.address))
    }

    async fn exchange(&mut self, ask: Ask<'_>) -> Result<Answer> {
        let mut request =
            Request::builder().method(ask.method).uri(ask.path).header(HOST, self.address.to_string());
        if let Some(token) = ask.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(encodings) = ask.encodings {
            request = request.header(ACCEPT_ENCODING, encodings);
        }
        if ask.json.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::from(ask.json.unwrap_or_default()))?;
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        let body = match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => bail!("the answer broke off: {error}"),
        };
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}
