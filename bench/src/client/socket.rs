//! A WebSocket with small buffers: a thousand of them in one process cost little.

use crate::limits::{CLIENT_READ_BUFFER_BYTES, CONNECT_WAIT_MAX};
use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use kafkatalk_protocol::frame::SUBPROTOCOL;
use kafkatalk_protocol::{ClientFrame, ServerFrame, http::BASE};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{ClientRequestBuilder, Message, Utf8Bytes, http::Uri, protocol::WebSocketConfig},
};

/// A client's end of a WebSocket.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
}

impl Socket {
    /// Opens a socket to a server of ours, as that session. The first frame is still to come.
    pub(crate) async fn connect(address: SocketAddr, token: &str) -> Result<Self> {
        Self::open(address, session(address, token)?).await
    }

    /// The same from an address of this machine's own. The ordinary one is left to the system.
    pub(crate) async fn connect_from(source: Ipv4Addr, address: SocketAddr, token: &str) -> Result<Self> {
        let tcp = TcpSocket::new_v4()?;
        if source != Ipv4Addr::LOCALHOST {
            tcp.bind((source, 0).into())?;
        }
        Self::open_by(tcp.connect(address), session(address, token)?).await
    }

    /// Opens a socket to whatever speaks WebSocket at that path.
    pub(crate) async fn connect_plain(address: SocketAddr, path: &str) -> Result<Self> {
        Self::open(address, ClientRequestBuilder::new(uri(address, path)?)).await
    }

    async fn open(address: SocketAddr, request: ClientRequestBuilder) -> Result<Self> {
        Self::open_by(TcpStream::connect(address), request).await
    }

    async fn open_by(
        connecting: impl Future<Output = io::Result<TcpStream>>,
        request: ClientRequestBuilder,
    ) -> Result<Self> {
        let config =
            WebSocketConfig::default().read_buffer_size(CLIENT_READ_BUFFER_BYTES).write_buffer_size(0);
        let opening = async {
            let tcp = connecting.await?;
            tcp.set_nodelay(true)?;
            let (stream, _) = client_async_with_config(request, tcp, Some(config)).await?;
            anyhow::Ok(Self { stream })
        };
        let opened = timeout(CONNECT_WAIT_MAX, opening).await;
        opened.unwrap_or_else(|_| bail!("no answer in time")).context("cannot open a WebSocket")
    }

    /// Sends a frame and waits until it is written.
    pub(crate) async fn send(&mut self, frame: &ClientFrame) -> Result<()> {
        self.send_text(serde_json::to_string(frame)?).await
    }

    /// Sends a text.
    pub(crate) async fn send_text(&mut self, text: String) -> Result<()> {
        Ok(self.stream.send(Message::text(text)).await?)
    }

    /// The next text; an error once the socket is closed. Cancel safe.
    pub(crate) async fn next_text(&mut self) -> Result<Utf8Bytes> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Close(Some(frame)))) => {
                    bail!("closed by the server: {} {}", u16::from(frame.code), frame.reason)
                }
                Some(Ok(Message::Close(None))) | None => bail!("closed by the server"),
                Some(Ok(_)) => {}
                Some(Err(error)) => bail!("broken: {error}"),
            }
        }
    }

    /// The next frame of the protocol. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<ServerFrame> {
        let text = self.next_text().await?;
        serde_json::from_str(&text).with_context(|| format!("not a frame of the protocol: {text}"))
    }

    /// Waits for the first frame, `ready`.
    pub(crate) async fn greeted(&mut self) -> Result<()> {
        let frame = timeout(CONNECT_WAIT_MAX, self.next()).await.context("the server does not greet")??;
        anyhow::ensure!(
            matches!(frame, ServerFrame::Ready { .. }),
            "the first frame is not `ready`: {frame:?}"
        );
        Ok(())
    }

    /// Says goodbye, as far as the other side still listens.
    pub(crate) async fn close(mut self) {
        let _ = self.stream.close(None).await;
    }
}

fn session(address: SocketAddr, token: &str) -> Result<ClientRequestBuilder> {
    Ok(ClientRequestBuilder::new(uri(address, &format!("{BASE}/ws"))?)
        .with_sub_protocol(SUBPROTOCOL)
        .with_header("authorization", format!("Bearer {token}")))
}

fn uri(address: SocketAddr, path: &str) -> Result<Uri> {
    Ok(format!("ws://{address}{path}").parse()?)
}
