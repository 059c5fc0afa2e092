//! Connections that say nothing, or not enough.

use crate::support::{Node, PATIENCE};
use kafkatalk_protocol::{ClientFrame, ServerFrame};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const HEAD_TIME: Duration = Duration::from_millis(300);

/// Says this on a new connection; what comes back until the server closes it, and after how long it does.
async fn until_closed(node: &Node, said: &str) -> (String, Duration) {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    stream.write_all(said.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("the server closes it").unwrap();
    (String::from_utf8(answer).unwrap(), begun.elapsed())
}

#[tokio::test]
async fn a_connection_that_does_not_finish_its_request_or_asks_nothing_more_is_closed() {
    let node = Node::builder().request_head_time(HEAD_TIME).start().await;
    for (said, answered) in
        [("", false), ("GET /healthz HT", false), ("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n", true)]
    {
        let (answer, after) = until_closed(&node, said).await;
        assert_eq!(answer.contains("alive"), answered, "{said:?}: {answer}");
        assert!(after >= HEAD_TIME, "{said:?} was cut off after {after:?}");
    }
}

#[tokio::test]
async fn a_socket_is_not_bound_by_the_time_of_a_request() {
    let node = Node::builder().request_head_time(HEAD_TIME).start().await;
    let alice = node.register("alice").await;
    let mut socket = alice.connect().await;
    tokio::time::sleep(2 * HEAD_TIME).await;
    socket.say(&ClientFrame::Ping).await;
    assert_eq!(socket.next().await, ServerFrame::Pong);
}
