//! A TCP proxy that can do what networks do: cut connections, and let them hang.

use crate::limits::POLL_PAUSE;
use anyhow::Result;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;

/// Bytes that one direction of a connection carries at a time.
const CHUNK_BYTES: usize = 16 * 1024;

/// What becomes of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They pass.
    Pass,
    /// Those that are open break, and new ones are closed at once.
    Cut,
    /// They stay open, and nothing comes through in either direction.
    Stall,
}

/// A listener that has no target yet.
pub(crate) struct Gate {
    listener: TcpListener,
}

impl Gate {
    /// Takes a free port of loopback.
    pub(crate) async fn open() -> Result<Self> {
        Ok(Self { listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await? })
    }

    /// Its port.
    pub(crate) fn port(&self) -> Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// From now on it leads there.
    pub(crate) fn lead_to(self, target: SocketAddr) -> Result<Proxy> {
        let address = self.listener.local_addr()?;
        let (mode, watched) = watch::channel(Mode::Pass);
        let task = AbortOnDropHandle::new(tokio::spawn(serve(self.listener, target, watched)));
        Ok(Proxy { address, mode, _task: task })
    }
}

/// A proxy in front of one address. Its connections end with it.
pub(crate) struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    _task: AbortOnDropHandle<()>,
}

impl Proxy {
    /// A proxy on a free port.
    pub(crate) async fn before(target: SocketAddr) -> Result<Self> {
        Gate::open().await?.lead_to(target)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What becomes of connections from now on.
    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn serve(listener: TcpListener, target: SocketAddr, mode: watch::Receiver<Mode>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else {
                    // Out of files, for one: others must end first.
                    sleep(POLL_PAUSE).await;
                    continue;
                };
                if *mode.borrow() != Mode::Cut {
                    connections.spawn(carry(client, target, mode.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, until either side closes it or it is cut.
async fn carry(client: TcpStream, target: SocketAddr, mode: watch::Receiver<Mode>) {
    let mut cut = mode.clone();
    tokio::select! {
        _ = cut.wait_for(|mode| *mode == Mode::Cut) => {}
        _ = async {
            let server = TcpStream::connect(target).await?;
            client.set_nodelay(true)?;
            server.set_nodelay(true)?;
            let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
            tokio::try_join!(
                pass(from_client, to_server, mode.clone()),
                pass(from_server, to_client, mode),
            )
        } => {}
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
) -> std::io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = from.read(&mut chunk).await?;
        // A sender that is gone is gone for both: the setting goes with the proxy.
        let _ = mode.wait_for(|mode| *mode == Mode::Pass).await;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&chunk[..length]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    /// A server that says back what it hears, behind a proxy, and a connection through it.
    async fn through_a_proxy() -> (Proxy, TcpStream) {
        let echo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = Proxy::before(echo.local_addr().unwrap()).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = echo.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = socket.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        let connection = TcpStream::connect(proxy.address()).await.unwrap();
        (proxy, connection)
    }

    async fn echoed(connection: &mut TcpStream) -> std::io::Result<[u8; 4]> {
        let mut heard = [0; 4];
        connection.read_exact(&mut heard).await?;
        Ok(heard)
    }

    #[tokio::test]
    async fn what_is_said_comes_through_both_ways() {
        let (_proxy, mut connection) = through_a_proxy().await;
        connection.write_all(b"ping").await.unwrap();
        assert_eq!(&echoed(&mut connection).await.unwrap(), b"ping");
    }

    #[tokio::test]
    async fn a_stalled_connection_hangs_and_goes_on_later_with_nothing_lost() {
        let (proxy, mut connection) = through_a_proxy().await;
        proxy.set(Mode::Stall);
        connection.write_all(b"ping").await.unwrap();
        assert!(timeout(Duration::from_millis(50), echoed(&mut connection)).await.is_err());
        proxy.set(Mode::Pass);
        assert_eq!(&echoed(&mut connection).await.unwrap(), b"ping");
    }

    #[tokio::test]
    async fn a_cut_ends_connections_and_new_ones_until_it_is_over() {
        let (proxy, mut connection) = through_a_proxy().await;
        connection.write_all(b"ping").await.unwrap();
        echoed(&mut connection).await.unwrap();
        proxy.set(Mode::Cut);
        assert!(echoed(&mut connection).await.is_err());
        let mut again = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(echoed(&mut again).await.is_err());
        proxy.set(Mode::Pass);
        let mut again = TcpStream::connect(proxy.address()).await.unwrap();
        again.write_all(b"pong").await.unwrap();
        assert_eq!(&echoed(&mut again).await.unwrap(), b"pong");
    }
}
