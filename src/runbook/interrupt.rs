//! The wish to stop.

use tokio::sync::watch;

/// Whether the user wants the run to stop at the next safe point. Stopping at once is the business
/// of the program and not of the engine, which has to be able to go on after a kill anyway.
#[derive(Debug, Clone)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    pub fn new(receiver: watch::Receiver<bool>) -> Self {
        Interrupt(receiver)
    }

    /// One that never comes.
    pub fn never() -> Self {
        Interrupt(watch::channel(false).1)
    }

    pub fn is_wanted(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is wanted.
    pub async fn wanted(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|wanted| *wanted).await.is_err() {
            // Nobody is left who could want it.
            std::future::pending::<()>().await;
        }
    }
}
