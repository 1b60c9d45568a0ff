// SPDX-License-Identifier: MIT OR Apache-2.0
//! A question that may never be answered, asked on a thread that may be abandoned.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

/// Answers one question at a time: whatever hangs in a driver costs one thread, however often it
/// is asked again.
#[derive(Debug, Default)]
pub(super) struct Witness {
    turn: Arc<Mutex<()>>,
}

impl Witness {
    /// The answer, or `None` when there is none within `patience`. Cancel-safe; the question goes
    /// on in any case, and the next one waits for its end.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        patience: Duration,
        question: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let turn = Arc::clone(&self.turn);
        let asking = async {
            let turn = turn.lock_owned().await;
            let answer = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                question()
            });
            answer.await
        };
        match timeout(patience, asking).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                tracing::error!(%error, "a look broke down");
                None
            }
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    const LONG: Duration = Duration::from_secs(30);
    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn a_question_that_hangs_costs_one_thread() {
        let (witness, asked) = (Witness::default(), Arc::new(AtomicUsize::new(0)));
        let (release, hang) = channel::<()>();
        assert_eq!(witness.ask(LONG, || 1).await, Some(1));
        assert_eq!(witness.ask(SHORT, move || hang.recv().is_err()).await, None);
        for _ in 0..3 {
            let asked = Arc::clone(&asked);
            assert_eq!(
                witness.ask(SHORT, move || asked.fetch_add(1, Ordering::SeqCst)).await,
                None
            );
        }
        assert_eq!(asked.load(Ordering::SeqCst), 0, "nothing is asked beside it");
        drop(release);
        assert_eq!(witness.ask(LONG, || 2).await, Some(2));
    }
}
