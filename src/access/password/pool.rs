//! The threads passwords are hashed on: a few, of the lowest priority.
//!
//! Not the runtime's blocking threads. Those are up to hundreds, and 19 MiB in each one's part of
//! the heap stay there; and they have the priority of everything else, so that a storm of
//! sign-ins would wait its turn before packets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender};
use tokio::sync::{Semaphore, oneshot};

use super::PasswordError;
use crate::base::{limit, priority};

/// Threads that end when the last clone is dropped.
#[derive(Clone)]
pub(super) struct Pool {
    jobs: Sender<Job>,
    /// One for each thread that has nothing to do.
    permits: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

type Job = Box<dyn FnOnce() + Send>;

impl Pool {
    /// As many threads; one at least. A thread that cannot be started is missing; without any,
    /// all work is [`PasswordError::Unavailable`].
    pub(super) fn new(threads: usize) -> Self {
        let threads = threads.max(1);
        // A permit comes first, so there is always room.
        let (jobs, queue) = crossbeam_channel::bounded::<Job>(threads);
        for _ in 0..threads {
            let queue = queue.clone();
            let started = thread::Builder::new().name("password".into()).spawn(|| work(queue));
            if let Err(error) = started {
                tracing::error!(%error, "cannot start a thread for passwords");
            }
        }
        Self { jobs, permits: Arc::new(Semaphore::new(threads)), waiting: Arc::default() }
    }

    /// Does `work` when its turn comes.
    ///
    /// # Errors
    /// [`PasswordError::Busy`]: too many wait, or it waited too long. A caller that goes away
    /// gives its place back; work that has begun is finished.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _place = self.take_place()?;
        let acquire = self.permits.clone().acquire_owned();
        let permit = tokio::time::timeout(limit::PASSWORD_WAIT_MAX, acquire)
            .await
            .map_err(|_| PasswordError::Busy)?
            .map_err(|_| PasswordError::Unavailable)?;
        let (reply, done) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Nobody waits for it any more: nothing to tell.
            let _ = reply.send(work());
            drop(permit);
        });
        self.jobs.try_send(job).map_err(|_| PasswordError::Unavailable)?;
        done.await.map_err(|_| PasswordError::Unavailable)
    }

    fn take_place(&self) -> Result<Place, PasswordError> {
        let place = Place(Arc::clone(&self.waiting));
        if self.waiting.fetch_add(1, Ordering::Relaxed) < limit::PASSWORDS_WAITING_MAX {
            Ok(place)
        } else {
            Err(PasswordError::Busy)
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the thread owns its end of the queue")]
fn work(queue: Receiver<Job>) {
    priority::after_others();
    for job in queue.iter() {
        job();
    }
}

/// A place in the queue, given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sec_a22_the_queue_is_bounded() {
        let pool = Pool::new(1);
        let places: Vec<_> =
            (0..limit::PASSWORDS_WAITING_MAX).map(|_| pool.take_place().unwrap()).collect();
        assert_eq!(pool.run(|| ()).await, Err(PasswordError::Busy));
        drop(places);
        assert_eq!(pool.waiting.load(Ordering::Relaxed), 0);
        assert_eq!(pool.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn sec_a22_no_more_at_once_than_there_are_threads_and_they_come_last() {
        let pool = Pool::new(2);
        let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs = (0..limit::PASSWORDS_WAITING_MAX).map(|_| {
            let (at_once, most) = (Arc::clone(&at_once), Arc::clone(&most));
            pool.run(move || {
                let now = at_once.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                thread::yield_now();
                at_once.fetch_sub(1, Ordering::SeqCst);
                (thread::current().name().map(str::to_owned), priority::niceness())
            })
        });
        for done in futures_util::future::join_all(jobs).await {
            assert_eq!(done.unwrap(), (Some("password".to_owned()), Some(19)));
        }
        assert!(most.load(Ordering::SeqCst) <= 2);
    }
}
