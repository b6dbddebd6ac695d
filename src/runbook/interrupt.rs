//! Carries the user's request to stop a run.

use tokio::sync::watch;

/// Whether the user wants the run to stop at the next safe point. The engine does not stop at once;
/// the program does that, and the run can be resumed after a kill in any case.
#[derive(Debug, Clone)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    pub fn new(receiver: watch::Receiver<bool>) -> Self {
        Interrupt(receiver)
    }

    /// An interrupt that never comes.
    pub fn never() -> Self {
        Interrupt(watch::channel(false).1)
    }

    pub fn is_wanted(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the user wants to stop.
    pub async fn wanted(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|wanted| *wanted).await.is_err() {
            // The sender is gone, so no request can come any more.
            std::future::pending::<()>().await;
        }
    }
}
