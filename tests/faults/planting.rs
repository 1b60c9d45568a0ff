// SPDX-License-Identifier: MIT OR Apache-2.0
//! The service's plan of faults, from outside.

use hyper::{Method, StatusCode};
use shutterd::wire::planted::{Misdeed, Place, Planted, When};

use crate::stand::Stand;

impl Stand {
    /// Plants a fault, in place of what was planted.
    pub(crate) async fn plant(&self, place: Place, step: &str, when: When, what: Misdeed) {
        self.plan(vec![Planted { place, step: step.to_owned(), when, what }]).await;
    }

    /// Plants nothing any more; a daemon that was made to hang goes on.
    pub(crate) async fn clear(&self) {
        self.plan(Vec::new()).await;
    }

    async fn plan(&self, plan: Vec<Planted>) {
        let headers = [("content-type", "application/json")];
        let body = serde_json::to_string(&plan).unwrap();
        let answer = self.service.request(Method::PUT, "/api/v1/faults", &headers, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
}
