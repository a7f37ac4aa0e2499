//! Which of this process's threads run first when there are more of them than cores (`nice`,
//! setpriority(2): on Linux each thread has its own).

use rustix::process::{getpriority_process, setpriority_process};

/// The calling thread runs when no other wants to: work that may wait.
pub fn after_others() {
    // Going down is always allowed.
    let _ = setpriority_process(None, 19);
}

/// The calling thread runs before others: work that is heard when it is late. Needs `CAP_SYS_NICE`
/// or `LimitNICE=`; without them it stays among the others.
pub fn before_others() {
    if setpriority_process(None, -10).is_err() {
        tracing::debug!("media threads keep their priority: no CAP_SYS_NICE and no LimitNICE=-10");
    }
}

/// How far the calling thread stands back, from −20 to 19.
#[must_use]
pub fn niceness() -> Option<i32> {
    getpriority_process(None).ok()
}
