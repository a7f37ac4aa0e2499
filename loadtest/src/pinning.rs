//! Which core does what: the measured process has the first one to itself, the load the rest.

use std::sync::LazyLock;
use std::thread;

use anyhow::{Result, anyhow};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The measured process's core.
const MEASURED: usize = 0;

/// The cores given to this process; asked once, before any thread is kept on some of them. A
/// thread's own set would not do: the thread that is kept off the measured core could then start
/// nothing on it.
static CORES: LazyLock<Option<CpuSet>> = LazyLock::new(|| sched_getaffinity(None).ok());

/// Starts something from a thread that is kept on the measured core, so that the process begun
/// there, and all its threads, stay on it.
pub fn on_measured_core<T: Send>(start: impl FnOnce() -> T + Send) -> Result<T> {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            set_cores(|core| core == MEASURED);
            start()
        });
        thread.join().map_err(|_| anyhow!("the starting thread panicked"))
    })
}

/// Keeps the calling thread, and the threads it starts, off the measured core. With one core
/// there is nothing to keep apart, and figures say little.
pub fn keep_load_off() {
    set_cores(|core| core != MEASURED);
}

fn set_cores(is_ours: impl Fn(usize) -> bool) {
    let Some(allowed) = CORES.as_ref() else { return };
    let mut set = CpuSet::new();
    (0..CpuSet::MAX_CPU)
        .filter(|core| allowed.is_set(*core) && is_ours(*core))
        .for_each(|core| set.set(core));
    if set.count() > 0 {
        // Refused in some containers: then figures are only noisier.
        let _ = sched_setaffinity(None, &set);
    }
}

/// A runtime whose threads are kept off the measured core.
pub fn load_runtime() -> Result<tokio::runtime::Runtime> {
    keep_load_off();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?)
}
