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
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tracing::info;

use super::inbox::Message;
use super::metrics;
use super::shared::Shared;
use crate::connection::Facts;
use crate::node::Status;

/// The node thread has this long to answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);

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

/// The node's state, and what it does not know.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    status: Status,
    clients: Clients,
}

#[derive(Serialize)]
struct Clients {
    connections: u64,
    connections_max: usize,
    /// Were turned away since the start.
    rejected: u64,
}

impl Clients {
    fn of(facts: &Facts) -> Clients {
        Clients {
            connections: Facts::of(&facts.curr_connections),
            connections_max: facts.settings.connections_max,
            rejected: Facts::of(&facts.rejected_connections),
        }
    }
}

async fn status(State(admin): State<Admin>) -> Response {
    let (reply, answer) = oneshot::channel();
    let _ended = admin.node.send(Message::Status(reply));
    match tokio::time::timeout(ANSWER_MAX, answer).await {
        Ok(Ok(status)) => {
            let clients = Clients::of(&admin.shared.facts);
            axum::Json(Shown { status, clients }).into_response()
        }
        Ok(Err(_)) | Err(_) => no_answer(&admin.shared).into_response(),
    }
}

fn no_answer(shared: &Shared) -> (StatusCode, String) {
    let hanging = shared.hanging(shared.clock.now());
    let why = hanging.map_or(String::new(), |hanging| format!(": {hanging}"));
    let text = format!("the node does not answer{why}\n");
    (StatusCode::SERVICE_UNAVAILABLE, text)
}

/// The process lives: its threads have shown a sign of life within a second.
async fn healthz(State(admin): State<Admin>) -> (StatusCode, String) {
    match admin.shared.hanging(admin.shared.clock.now()) {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(hanging) => (StatusCode::SERVICE_UNAVAILABLE, format!("{hanging}\n")),
    }
}

/// Clients are answered.
async fn readyz(state: State<Admin>) -> (StatusCode, String) {
    let serving = matches!(
        state.shared.status.lock().as_ref(),
        Some(status) if status.node.serving
    );
    if !serving {
        let text = "not serving yet\n".to_owned();
        return (StatusCode::SERVICE_UNAVAILABLE, text);
    }
    match healthz(state).await {
        (StatusCode::OK, _) => (StatusCode::OK, "ready\n".to_owned()),
        hanging => hanging,
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
        Ok(Err(_)) | Err(_) => no_answer(&admin.shared),
    }
}
