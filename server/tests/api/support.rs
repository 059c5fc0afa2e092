//! A node on a free port with a folder of its own, and people who use it.

#[path = "../support/ready.rs"]
mod ready;

use axum::http::StatusCode;
use futures_util::{SinkExt, StreamExt};
use kafkatalk_log::{
    EventLog,
    embedded::{EmbeddedLog, EmbeddedOptions},
};
use kafkatalk_protocol::{
    ClientFrame, Conversation, ConversationId, Message, MessageId, Offset, ServerFrame, http::SignedIn,
    limits,
};
use kafkatalk_server::{
    clock::Clock,
    features::presence::PresenceTimes,
    http::state::Settings,
    limits::HELLO_GRACE,
    rates::RateLimits,
    secrets::HashCost,
    serve::{NodeOptions, ServeError, serve},
    views::ViewsOptions,
};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use std::{net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message as WsMessage, client::IntoClientRequest, http::Request},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Longest that anything here may take; far more than it does, so that a busy machine does not fail a test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const PASSWORD: &str = "correct horse";

/// A running node. Stops when `stop` is called, or with the test's runtime.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) folder: Arc<TempDir>,
    pub(crate) client: Client,
    shutdown: CancellationToken,
    served: JoinHandle<Result<(), ServeError>>,
}

/// How a test wants its node.
pub(crate) struct NodeBuilder {
    folder: Arc<TempDir>,
    log: Option<Arc<dyn EventLog>>,
    rate_limits: Option<RateLimits>,
    sockets_per_user: usize,
    request_head_time: Duration,
    hello_grace: Duration,
    presence: PresenceTimes,
    socket_queue_frames: usize,
    settings: Settings,
}

impl NodeBuilder {
    pub(crate) fn rate_limits(mut self, limits: RateLimits) -> Self {
        self.rate_limits = Some(limits);
        self
    }

    pub(crate) fn socket_queue_frames(mut self, frames: usize) -> Self {
        self.socket_queue_frames = frames;
        self
    }

    pub(crate) fn on(mut self, folder: &Arc<TempDir>) -> Self {
        self.folder = Arc::clone(folder);
        self
    }

    /// In place of an embedded log of its own.
    pub(crate) fn log(mut self, log: impl EventLog) -> Self {
        self.log = Some(Arc::new(log));
        self
    }

    pub(crate) fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    pub(crate) fn request_head_time(mut self, time: Duration) -> Self {
        self.request_head_time = time;
        self
    }

    pub(crate) fn hello_grace(mut self, time: Duration) -> Self {
        self.hello_grace = time;
        self
    }

    pub(crate) fn presence(mut self, times: PresenceTimes) -> Self {
        self.presence = times;
        self
    }

    pub(crate) fn sockets_per_user(mut self, sockets: usize) -> Self {
        self.sockets_per_user = sockets;
        self
    }

    pub(crate) async fn start(self) -> Node {
        let node = self.start_unready().await;
        node.until_ready().await;
        node
    }

    /// Without waiting until it is ready.
    pub(crate) async fn start_unready(self) -> Node {
        let own = || {
            let log = EmbeddedLog::open(self.folder.path(), EmbeddedOptions::default()).unwrap();
            Arc::new(log) as Arc<dyn EventLog>
        };
        let log = self.log.clone().unwrap_or_else(own);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let options = NodeOptions {
            views_file: self.folder.path().join("views.sqlite"),
            views: ViewsOptions::default(),
            socket_queue_frames: self.socket_queue_frames,
            sockets_per_user: self.sockets_per_user,
            rate_limits: self.rate_limits,
            // The cheapest hash there is: these tests are not about guessing passwords.
            hash_cost: HashCost { memory_kib: 8, passes: 1, parallel_hashes: 4 },
            settings: self.settings,
            request_head_time: self.request_head_time,
            hello_grace: self.hello_grace,
            presence: self.presence,
            shutdown_deadline: Duration::from_secs(5),
            clock: Clock::system(),
        };
        let stop = shutdown.clone();
        let served = tokio::spawn(async move { serve(listener, log, options, stop).await });
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Node { address, folder: self.folder, client, shutdown, served }
    }
}

impl Node {
    pub(crate) fn builder() -> NodeBuilder {
        NodeBuilder {
            folder: Self::folder(),
            log: None,
            rate_limits: None,
            sockets_per_user: 16,
            request_head_time: PATIENCE,
            hello_grace: HELLO_GRACE,
            presence: PresenceTimes::default(),
            socket_queue_frames: 256,
            settings: Settings::default(),
        }
    }

    pub(crate) async fn start() -> Self {
        Self::builder().start().await
    }

    /// A place for a node's files.
    pub(crate) fn folder() -> Arc<TempDir> {
        Arc::new(TempDir::new().unwrap())
    }

    pub(crate) async fn until_ready(&self) {
        self.until_ready_is(200).await;
    }

    /// Until `/readyz` answers so.
    pub(crate) async fn until_ready_is(&self, status: u16) {
        ready::until_ready_is(&self.client, &format!("http://{}", self.address), status, PATIENCE).await;
    }

    /// Its figures, as Prometheus reads them.
    pub(crate) async fn figures(&self) -> String {
        self.get("/metrics").send().await.unwrap().text().await.unwrap()
    }

    /// Waits until it ends by itself; why.
    pub(crate) async fn ended(self) -> Result<(), ServeError> {
        tokio::time::timeout(PATIENCE, self.served).await.expect("the node ends").unwrap()
    }

    /// Stops as an operator would, and waits for the end.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.served).await.expect("the node stops in time").unwrap().unwrap();
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    pub(crate) async fn register(&self, username: &str) -> Person<'_> {
        let body = json!({"username": username, "password": PASSWORD});
        let answer = self.post("/api/v1/users", &body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED, "registering {username}");
        let SignedIn { user, token } = answer.json().await.unwrap();
        Person { node: self, user, token }
    }

    pub(crate) async fn sign_in(&self, username: &str) -> Person<'_> {
        let body = json!({"username": username, "password": PASSWORD});
        let answer = self.post("/api/v1/sessions", &body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED, "signing {username} in");
        let SignedIn { user, token } = answer.json().await.unwrap();
        Person { node: self, user, token }
    }

    /// Alice and bob, and the conversation between them.
    pub(crate) async fn pair(&self) -> (Person<'_>, Person<'_>, ConversationId) {
        let (alice, bob) = (self.register("alice").await, self.register("bob").await);
        let conversation = alice.open("bob").await.id;
        (alice, bob, conversation)
    }
}

/// Somebody who is signed in on a device.
pub(crate) struct Person<'a> {
    pub(crate) node: &'a Node,
    pub(crate) user: kafkatalk_protocol::User,
    pub(crate) token: String,
}

impl Person<'_> {
    pub(crate) async fn get(&self, path: &str) -> Response {
        self.node.get(&format!("/api/v1{path}")).bearer_auth(&self.token).send().await.unwrap()
    }

    pub(crate) async fn send_json(&self, method: Method, path: &str, body: &Value) -> Response {
        let request = self.node.request(method, &format!("/api/v1{path}")).bearer_auth(&self.token);
        request.json(body).send().await.unwrap()
    }

    pub(crate) async fn open(&self, other: &str) -> Conversation {
        let answer = self.send_json(Method::POST, "/conversations", &json!({"members": [other]})).await;
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    /// Asks for a group under an id of this person's own.
    pub(crate) async fn ask_group(&self, id: Uuid, others: &[&str]) -> Response {
        self.send_json(Method::POST, "/conversations", &json!({"id": id, "members": others})).await
    }

    /// Creates a group.
    pub(crate) async fn group(&self, others: &[&str]) -> Conversation {
        let answer = self.ask_group(Uuid::new_v4(), others).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.json().await.unwrap()
    }

    pub(crate) async fn try_say(&self, conversation: ConversationId, id: MessageId, body: &str) -> Response {
        let path = format!("/conversations/{conversation}/messages");
        self.send_json(Method::POST, &path, &json!({"id": id, "body": body})).await
    }

    pub(crate) async fn say(&self, conversation: ConversationId, body: &str) -> Message {
        let answer = self.try_say(conversation, message_id(), body).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.json().await.unwrap()
    }

    /// A stranger to a conversation is answered as if it were not there, word for word.
    pub(crate) async fn is_told_of_nothing_like(&self, conversation: ConversationId) {
        let mut answers = Vec::new();
        for id in [conversation, ConversationId(Uuid::new_v4())] {
            let base = format!("/conversations/{id}");
            let mut bodies = Vec::new();
            for answer in [
                self.get(&base).await,
                self.get(&format!("{base}/messages")).await,
                self.try_say(id, message_id(), "hello?").await,
                self.send_json(Method::PUT, &format!("{base}/read"), &json!({"offset": 0})).await,
            ] {
                let (status, kind, body) = problem(answer).await;
                assert_eq!((status, kind.as_str()), (404, "not_found"));
                bodies.push(body);
            }
            answers.push(bodies);
        }
        assert_eq!(answers[0], answers[1]);
        self.has_no_conversations().await;
    }

    pub(crate) async fn has_no_conversations(&self) {
        let listed: Value = self.get("/conversations").await.json().await.unwrap();
        assert_eq!(listed, json!({"conversations": [], "next": null}));
    }

    pub(crate) async fn history(
        &self,
        conversation: ConversationId,
        query: &str,
    ) -> kafkatalk_protocol::http::Messages {
        let answer = self.get(&format!("/conversations/{conversation}/messages{query}")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }

    pub(crate) fn upgrade(&self) -> Request<()> {
        let mut request = format!("ws://{}/api/v1/ws", self.node.address).into_client_request().unwrap();
        let bearer = format!("Bearer {}", self.token);
        request.headers_mut().insert("authorization", bearer.parse().unwrap());
        request.headers_mut().insert("sec-websocket-protocol", "kafkatalk.v1".parse().unwrap());
        request
    }

    /// A socket that has seen `ready`, and has said hello with nothing.
    pub(crate) async fn connect(&self) -> Socket {
        let mut socket = self.connect_silent().await;
        socket.say(&hello(&[])).await;
        socket.say(&ClientFrame::Ping).await;
        assert_eq!(socket.next().await, ServerFrame::Pong);
        socket
    }

    /// A socket that has seen `ready`, and has asked for signals.
    pub(crate) async fn connect_for_signals(&self) -> Socket {
        let mut socket = self.connect_silent().await;
        let (positions, records) = ([].into(), [].into());
        socket.say(&ClientFrame::Hello { positions, records, signals: true }).await;
        socket
    }

    /// A socket that has seen `ready` and said nothing yet.
    pub(crate) async fn connect_silent(&self) -> Socket {
        let (stream, answer) = tokio_tungstenite::connect_async(self.upgrade()).await.unwrap();
        assert_eq!(answer.headers()["sec-websocket-protocol"], "kafkatalk.v1");
        let mut socket = Socket { stream };
        match socket.next().await {
            ServerFrame::Ready { user, limits, .. } => {
                assert_eq!(user, self.user);
                assert_eq!(limits.body_chars, limits::BODY_CHARS_MAX);
            }
            other => panic!("expected ready, got {other:?}"),
        }
        socket
    }
}

/// A WebSocket of the API.
pub(crate) struct Socket {
    pub(crate) stream: WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>,
}

impl Socket {
    pub(crate) async fn say(&mut self, frame: &ClientFrame) {
        self.say_text(serde_json::to_string(frame).unwrap()).await;
    }

    pub(crate) async fn say_text(&mut self, text: String) {
        self.stream.send(WsMessage::text(text)).await.unwrap();
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> ServerFrame {
        loop {
            match self.next_raw().await {
                WsMessage::Text(text) => return serde_json::from_str(&text).unwrap(),
                WsMessage::Ping(_) | WsMessage::Pong(_) => {}
                other => panic!("expected a frame, got {other:?}"),
            }
        }
    }

    /// The next message, stepping over other frames.
    pub(crate) async fn next_message(&mut self) -> Message {
        loop {
            if let ServerFrame::Message { message, .. } = self.next().await {
                return message;
            }
        }
    }

    /// The next message, or the code with which the server closes before there is one.
    pub(crate) async fn next_message_or_close(&mut self) -> Result<Message, u16> {
        loop {
            match self.next_raw().await {
                WsMessage::Close(frame) => return Err(frame.expect("closed with a code").code.into()),
                WsMessage::Text(text) => {
                    if let ServerFrame::Message { message, .. } = serde_json::from_str(&text).unwrap() {
                        return Ok(message);
                    }
                }
                _ => {}
            }
        }
    }

    /// The code with which the server closes, whatever comes before.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            match self.next_raw().await {
                WsMessage::Close(Some(frame)) => return frame.code.into(),
                WsMessage::Close(None) => panic!("closed without a code"),
                _ => {}
            }
        }
    }

    async fn next_raw(&mut self) -> WsMessage {
        let next = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a frame in time");
        next.expect("an open socket").unwrap()
    }
}

/// The problem in an answer: its status and code, checked against each other and the media type.
pub(crate) async fn problem(answer: Response) -> (u16, String, Value) {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["status"], status);
    assert!(!body["detail"].as_str().unwrap().is_empty());
    (status, body["code"].as_str().unwrap().to_owned(), body)
}

/// The same, without the rest of the document.
pub(crate) async fn refused(answer: Response) -> (u16, String) {
    let (status, code, _) = problem(answer).await;
    (status, code)
}

pub(crate) fn code(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Limits that no test meets by accident.
pub(crate) fn many() -> RateLimits {
    let many = NonZeroU32::new(10_000).unwrap();
    RateLimits {
        registrations_per_minute: many,
        sign_ins_per_minute: many,
        conversations_per_minute: many,
        messages_per_second: many,
        messages_burst: many,
    }
}

/// A hello of a client that knows messages only.
pub(crate) fn hello(positions: &[(ConversationId, Offset)]) -> ClientFrame {
    ClientFrame::Hello { positions: positions.iter().copied().collect(), records: [].into(), signals: false }
}

/// A hello of a client that has applied all up to that record.
pub(crate) fn applied(conversation: ConversationId, record: u64) -> ClientFrame {
    ClientFrame::Hello {
        positions: [].into(),
        records: [(conversation, Offset(record))].into(),
        signals: false,
    }
}

/// Everything up to the answer to a ping.
pub(crate) async fn until_pong(socket: &mut Socket) -> Vec<ServerFrame> {
    socket.say(&ClientFrame::Ping).await;
    let mut frames = Vec::new();
    loop {
        match socket.next().await {
            ServerFrame::Pong => return frames,
            frame => frames.push(frame),
        }
    }
}

/// The frame by which such a client catches up with a message.
pub(crate) fn missed(message: Message) -> ServerFrame {
    ServerFrame::Message { message, record: None, previous_record: None }
}

/// The frame by which a message comes live, in a conversation in which nothing but messages is to be seen.
pub(crate) fn live(message: Message) -> ServerFrame {
    let (record, previous_record) = (Some(message.offset), message.previous);
    ServerFrame::Message { message, record, previous_record }
}

pub(crate) fn message_id() -> MessageId {
    MessageId(Uuid::new_v4())
}
