//! Waiting until a node is ready.

use reqwest::Client;
use std::time::Duration;

/// Waits until `/readyz` of the node at that address, such as `http://127.0.0.1:8080`, answers so.
///
/// Readiness is a state that a node answers about, and no event that it sends: so this asks again as soon as it has an
/// answer. Each question waits for the node's turn, and none for time.
pub(crate) async fn until_ready_is(client: &Client, node: &str, status: u16, patience: Duration) {
    let is_so = async {
        while client.get(format!("{node}/readyz")).send().await.unwrap().status() != status {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(patience, is_so).await.expect("the node is ready, or not");
}
