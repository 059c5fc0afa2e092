//! A node behind real proxies, set up as docs/operations.md says. What is not installed is left out, with a line.

use crate::support::{Node, PASSWORD, PATIENCE, Socket, code, many, refused};
use kafkatalk_protocol::ServerFrame;
use kafkatalk_server::{http::state::Settings, rates::RateLimits};
use reqwest::{Client, redirect};
use serde_json::json;
use std::{
    io::Write as _,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::{Error, client::IntoClientRequest};

/// Folders of system programs, which not everybody has in their path.
const SYSTEM_PROGRAMS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];
/// Sign-ins of one address within a minute.
const SIGN_INS: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Nginx,
    NginxWithoutUpgrade,
    Haproxy,
    HaproxyByHttp2,
    Caddy,
}

impl Kind {
    fn program(self) -> &'static str {
        match self {
            Self::Nginx | Self::NginxWithoutUpgrade => "nginx",
            Self::Haproxy | Self::HaproxyByHttp2 => "haproxy",
            Self::Caddy => "caddy",
        }
    }

    fn config(self, folder: &Path, own: SocketAddr, node: SocketAddr) -> String {
        match self {
            Self::Nginx => nginx(
                folder,
                own,
                node,
                "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;",
            ),
            Self::NginxWithoutUpgrade => nginx(folder, own, node, ""),
            Self::Haproxy => haproxy(own, node, ""),
            Self::HaproxyByHttp2 => haproxy(own, node, "proto h2 ws h1"),
            Self::Caddy => format!(
                "{{\n admin off\n auto_https off\n}}\nhttp://:{} {{\n bind 127.0.0.1\n reverse_proxy {node}\n}}\n",
                own.port()
            ),
        }
    }

    fn arguments(self, config: &str) -> Vec<&str> {
        match self.program() {
            "nginx" => vec!["-c", config],
            "haproxy" => vec!["-db", "-f", config],
            _ => vec!["run", "--adapter", "caddyfile", "--config", config],
        }
    }
}

fn nginx(folder: &Path, own: SocketAddr, node: SocketAddr, upgrade: &str) -> String {
    let folder = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|of| format!("{of}_temp_path {folder}/{of};"))
        .join(" ");
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;\n\
         events {{}}\n\
         http {{\n\
           access_log off; {temporary}\n\
           map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}\n\
           server {{\n\
             listen {own};\n\
             location / {{\n\
               proxy_pass http://{node};\n\
               proxy_set_header Host $http_host;\n\
               proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n\
               proxy_set_header X-Forwarded-Proto $scheme;\n\
               proxy_set_header X-Forwarded-Host $http_host;\n\
               {upgrade}\n\
             }}\n\
           }}\n\
         }}\n"
    )
}

fn haproxy(own: SocketAddr, node: SocketAddr, server: &str) -> String {
    format!(
        "defaults\n mode http\n timeout connect 5s\n timeout client 80s\n timeout server 80s\n\
         frontend people\n bind {own}\n option forwardfor\n\
         \x20http-request set-header X-Forwarded-Proto http\n\
         \x20http-request set-header X-Forwarded-Host %[req.hdr(host)]\n\
         \x20default_backend nodes\n\
         backend nodes\n server node {node} {server}\n"
    )
}

/// A proxy that runs.
struct Proxy {
    child: Child,
    address: SocketAddr,
    client: Client,
    _folder: TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SYSTEM_PROGRAMS.map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

impl Proxy {
    /// Starts one before a node; none where it is not installed.
    async fn before(node: &Node, kind: Kind) -> Option<Self> {
        let Some(program) = find(kind.program()) else {
            let _ = writeln!(std::io::stderr(), "left out: {} is not installed", kind.program());
            return None;
        };
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("config");
        std::fs::write(&config, kind.config(folder.path(), address, node.address)).unwrap();
        let child = Command::new(program)
            .args(kind.arguments(config.to_str().unwrap()))
            .env("HOME", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        let mut proxy = Self { child, address, client, _folder: folder };
        let begun = std::time::Instant::now();
        while !proxy.passes().await {
            assert!(proxy.child.try_wait().unwrap().is_none(), "{kind:?} has ended");
            assert!(begun.elapsed() < PATIENCE, "{kind:?} does not answer");
            tokio::task::yield_now().await;
        }
        Some(proxy)
    }

    fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn passes(&self) -> bool {
        let answer = self.client.get(format!("{}/healthz", self.origin())).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    /// Posts the sign-in form as a browser does.
    async fn sign_in(&self, username: &str, forged: &str) -> reqwest::Response {
        let form = format!("username={username}&password={}", PASSWORD.replace(' ', "+"));
        let request = self.client.post(format!("{}/sign-in", self.origin())).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.header("origin", self.origin()).header("x-forwarded-for", forged).send().await.unwrap()
    }

    async fn open_socket(&self, cookie: &str) -> Result<Socket, Error> {
        let mut request = format!("ws://{}/api/v1/ws", self.address).into_client_request().unwrap();
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        request.headers_mut().insert("origin", self.origin().parse().unwrap());
        request.headers_mut().insert("sec-websocket-protocol", "kafkatalk.v1".parse().unwrap());
        tokio_tungstenite::connect_async(request).await.map(|(stream, _)| Socket { stream })
    }
}

async fn node() -> Node {
    let limits = RateLimits { sign_ins_per_minute: SIGN_INS.try_into().unwrap(), ..many() };
    let settings = Settings { trust_proxy: true, ..Settings::default() };
    Node::builder().rate_limits(limits).settings(settings).start().await
}

#[tokio::test]
async fn people_chat_through_a_proxy_and_cannot_forge_their_address() {
    for kind in [Kind::Nginx, Kind::Haproxy, Kind::HaproxyByHttp2, Kind::Caddy] {
        let node = node().await;
        let (alice, bob, conversation) = node.pair().await;
        let Some(proxy) = Proxy::before(&node, kind).await else { continue };
        let signed_in = proxy.sign_in("bob", "203.0.113.1").await;
        assert_eq!(signed_in.status(), 303, "{kind:?}");
        let cookie =
            signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let mut socket = proxy.open_socket(&cookie).await.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        assert!(matches!(socket.next().await, ServerFrame::Ready { .. }), "{kind:?}");
        let said = alice.say(conversation, "through a proxy").await;
        assert_eq!(socket.next_message().await, said, "{kind:?}");
        for forged in 1..SIGN_INS {
            assert_eq!(proxy.sign_in("bob", &format!("203.0.113.{forged}")).await.status(), 303, "{kind:?}");
        }
        assert_eq!(proxy.sign_in("bob", "203.0.113.99").await.status(), 429, "{kind:?}");
        drop(bob);
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_pass_the_upgrade_shows_and_the_rest_works() {
    let node = node().await;
    let (alice, _bob, conversation) = node.pair().await;
    let Some(proxy) = Proxy::before(&node, Kind::NginxWithoutUpgrade).await else { return };
    let cookie = format!("kafkatalk_session={}", alice.token);
    match proxy.open_socket(&cookie).await {
        Err(Error::Http(answer)) => assert_eq!(answer.status(), 426),
        other => panic!("unexpected: {:?}", other.map(drop)),
    }
    assert!(node.figures().await.contains("kafkatalk_websocket_upgrades_lost_total 1\n"));
    let path = format!("{}/api/v1/conversations/{conversation}/messages", proxy.origin());
    let post = proxy.client.post(&path).json(&json!({"id": uuid::Uuid::new_v4(), "body": "by HTTP"}));
    assert_eq!(
        post.header("cookie", &cookie).header("origin", proxy.origin()).send().await.unwrap().status(),
        201
    );
    let ws = proxy.client.get(format!("{}/api/v1/ws", proxy.origin())).send().await.unwrap();
    assert_eq!(refused(ws).await, code(426, "invalid_input"));
}
