//! The admin port: state for people, scripts and monitoring, and the order to hand over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tracing::info;

use super::inbox::Message;
use super::metrics;
use super::shared::Shared;

/// The node thread has this long to answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);

const NO_ANSWER: &str = "the node does not answer\n";

#[derive(Clone)]
struct Admin {
    shared: Arc<Shared>,
    node: UnboundedSender<Message>,
}

/// Answers until the process ends.
pub(super) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    node: UnboundedSender<Message>,
) {
    let routes = Router::new()
        .route("/status", get(status))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .route("/failover", post(failover))
        .with_state(Admin { shared, node });
    let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = axum::serve(listener, routes).await {
        tracing::error!("the admin port has failed: {error}");
    }
}

async fn status(State(admin): State<Admin>) -> Response {
    let (reply, answer) = oneshot::channel();
    let _ended = admin.node.send(Message::Status(reply));
    match tokio::time::timeout(ANSWER_MAX, answer).await {
        Ok(Ok(status)) => axum::Json(status).into_response(),
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, NO_ANSWER).into_response(),
    }
}

/// The process lives: its workers have shown a sign of life within a second.
async fn healthz(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    let now = admin.shared.clock.now();
    if now.since(admin.shared.slowest_worker_at()) < Duration::from_secs(1) {
        (StatusCode::OK, "ok\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the workers show no sign of life\n",
        )
    }
}

/// Clients are answered.
async fn readyz(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    match admin.shared.status.lock().as_ref() {
        Some(status) if status.node.serving => (StatusCode::OK, "ready\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "not serving yet\n"),
    }
}

async fn metrics_text(State(admin): State<Admin>) -> Response {
    let kind = (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    ([kind], metrics::text(&admin.shared)).into_response()
}

#[derive(Deserialize)]
struct Force {
    force: Option<String>,
}

async fn failover(
    State(admin): State<Admin>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Query(query): Query<Force>,
) -> (StatusCode, String) {
    let (reply, answer) = oneshot::channel();
    let force = query.force.is_some_and(|force| force != "0");
    let by_force = if force { " by force" } else { "" };
    info!("a failover{by_force} was asked for from {}", from.ip());
    let _ended = admin.node.send(Message::HandOver { force, reply });
    match tokio::time::timeout(ANSWER_MAX, answer).await {
        Ok(Ok(Ok(()))) => (StatusCode::OK, "handing over\n".to_owned()),
        Ok(Ok(Err(refused))) => {
            info!("the failover was refused: {refused}");
            (StatusCode::CONFLICT, format!("{refused}\n"))
        }
        Ok(Err(_)) | Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the node does not answer\n".to_owned(),
        ),
    }
}
