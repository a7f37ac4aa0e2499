//! A bounded queue into a thread that sleeps in `epoll`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::net::udp::Waker;

/// The sending end: never blocks, wakes the thread, counts what did not fit.
pub(super) struct WakingSender<T> {
    sender: Sender<T>,
    waker: Waker,
    refused: Arc<AtomicU64>,
}

impl<T> Clone for WakingSender<T> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            waker: self.waker.clone(),
            refused: Arc::clone(&self.refused),
        }
    }
}

impl<T> WakingSender<T> {
    /// False, and counted, when the queue is full or its thread is gone.
    pub(super) fn send(&self, item: T) -> bool {
        let sent = self.sender.try_send(item).is_ok();
        if sent {
            self.waker.wake();
        } else {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        sent
    }
}

/// The receiving end.
pub(super) struct WakingReceiver<T> {
    receiver: Receiver<T>,
    refused: Arc<AtomicU64>,
}

impl<T> WakingReceiver<T> {
    pub(super) fn try_recv(&self) -> Option<T> {
        self.receiver.try_recv().ok()
    }

    /// How many did not fit since the last call.
    pub(super) fn take_refused(&self) -> u64 {
        self.refused.swap(0, Ordering::Relaxed)
    }
}

/// A queue of at most `len` items.
pub(super) fn waking<T>(len: usize, waker: &Waker) -> (WakingSender<T>, WakingReceiver<T>) {
    let (sender, receiver) = bounded(len);
    let refused = Arc::new(AtomicU64::new(0));
    (
        WakingSender { sender, waker: waker.clone(), refused: Arc::clone(&refused) },
        WakingReceiver { receiver, refused },
    )
}
