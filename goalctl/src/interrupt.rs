//! Ctrl-C, and the signals with which a program is asked to end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use tokio::sync::Notify;

/// Whether the tool was asked to end. From then on the process ends only by itself: it cleans up first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt {
    asked: Arc<AtomicBool>,
    heard: Arc<Notify>,
}

impl Interrupt {
    /// Listens for Ctrl-C, SIGTERM and SIGHUP. Installed before anything is created, so that nothing is left behind.
    ///
    /// A process has one handler: of several runs in one process all are asked to end.
    pub(crate) fn listen() -> Result<Self> {
        static LISTENING: Mutex<Option<Interrupt>> = Mutex::new(None);
        let mut listening = LISTENING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(interrupt) = listening.as_ref() {
            return Ok(interrupt.clone());
        }
        let interrupt = Self::default();
        let Self { asked, heard } = interrupt.clone();
        let handler = move || {
            asked.store(true, Ordering::SeqCst);
            heard.notify_one();
        };
        ctrlc::set_handler(handler).context("cannot listen for Ctrl-C")?;
        *listening = Some(interrupt.clone());
        Ok(interrupt)
    }

    /// Returns `true` if the tool was asked to end.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits until the tool is asked to end.
    pub(crate) async fn wait(&self) {
        while !self.is_asked() {
            self.heard.notified().await;
        }
    }
}
