// SPDX-License-Identifier: MIT OR Apache-2.0
//! `PUT /api/v1/faults`: the plan of faults of a build with the feature `faults`.

use axum::routing::put;
use axum::{Json, Router};

use crate::wire::planted::Planted;
use crate::worker::planted;

/// The route.
pub fn router() -> Router {
    Router::new().route("/api/v1/faults", put(plan))
}

async fn plan(Json(faults): Json<Vec<Planted>>) {
    planted::plan(faults);
}
