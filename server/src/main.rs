//! The KafkaTalk binary.

use clap::Parser;
use kafkatalk_log::{
    EventLog,
    embedded::{EmbeddedLog, EmbeddedOptions},
};
use kafkatalk_server::{
    clock::Clock,
    http::state::Settings,
    secrets::HashCost,
    serve::{NodeOptions, serve},
    views::ViewsOptions,
};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

#[derive(Parser)]
#[command(version, about)]
enum Command {
    /// Serves.
    Serve {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: String,
        /// Where the data lives.
        #[arg(long, default_value = "kafkatalk-data")]
        data: PathBuf,
        /// No rate limits.
        #[arg(long)]
        no_rate_limits: bool,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let Command::Serve { listen, data, .. } = Command::parse();
    std::fs::create_dir_all(&data)?;
    let log: Arc<dyn EventLog> = Arc::new(EmbeddedLog::open(&data, EmbeddedOptions::default())?);
    let listener = tokio::net::TcpListener::bind(&listen).await?;
    tracing::info!("http://{}", listener.local_addr()?);
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        stop.cancel();
    });
    let options = NodeOptions {
        views_file: data.join("views.sqlite"),
        views: ViewsOptions::default(),
        socket_queue_frames: 256,
        sockets_per_user: 64,
        rate_limits: None,
        hash_cost: HashCost::default(),
        settings: Settings::default(),
        shutdown_deadline: Duration::from_secs(10),
        clock: Clock::system(),
    };
    Ok(serve(listener, log, options, shutdown).await?)
}
