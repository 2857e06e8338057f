//! Work that can wait: the processor does it when nobody else wants it.
//!
//! Where there are few processors, a second of work that keeps one of them busy would make answers
//! wait that take a hundredth of a millisecond.

use std::thread;
use tokio::sync::oneshot;

/// Begins `work` on a thread of that name, and says when it has ended; nobody has to wait for it,
/// and the program may end before.
pub(crate) fn begin(name: &str, work: impl FnOnce() + Send + 'static) -> oneshot::Receiver<()> {
    let (ended, end) = oneshot::channel();
    let aside = move || {
        // Whether it succeeds or panics.
        let _ended = ended;
        give_way();
        work();
    };
    if let Err(error) = thread::Builder::new().name(name.into()).spawn(aside) {
        tracing::warn!(%error, name, "a thread was not begun");
    }
    end
}

/// Does `work` on another thread, of that name, and returns when it is done; `false` when that did
/// not succeed. What must not take long afterwards is for the caller, who waits for nobody.
pub(crate) fn work(name: &str, work: impl FnOnce() + Send) -> bool {
    let aside = || {
        give_way();
        work();
    };
    let done = thread::scope(|scope| {
        let thread = thread::Builder::new().name(name.into());
        Ok(thread.spawn_scoped(scope, aside)?.join())
    });
    match done {
        Ok(done) => done.is_ok(),
        Err(error) => {
            let error: std::io::Error = error;
            tracing::warn!(%error, name, "a thread was not begun");
            false
        }
    }
}

/// Lets everybody else have the processor first; where there is no such way, it goes on as others do.
#[cfg(target_os = "linux")]
fn give_way() {
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let given = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    if let Err(error) = given {
        tracing::debug!(
            ?error,
            "work that can wait has the priority of all other work"
        );
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn work_that_can_wait_gives_way_and_its_caller_does_not() {
        use thread_priority::NormalThreadSchedulePolicy::{Idle, Other};
        use thread_priority::{ThreadSchedulePolicy, thread_schedule_policy};
        let mut policy = None;
        assert!(work("idle", || policy = thread_schedule_policy().ok()));
        assert_eq!(policy, Some(ThreadSchedulePolicy::Normal(Idle)));
        let ours = thread_schedule_policy().ok();
        assert_eq!(ours, Some(ThreadSchedulePolicy::Normal(Other)));
    }

    #[tokio::test]
    async fn work_that_was_begun_says_when_it_has_ended_and_if_it_panics_too() {
        for fails in [false, true] {
            let (go, gone) = std::sync::mpsc::channel::<()>();
            let mut end = begin("idle", move || {
                let _ = gone.recv();
                assert!(!fails, "on purpose");
            });
            assert_eq!(end.try_recv(), Err(oneshot::error::TryRecvError::Empty));
            drop(go);
            let _ = end.await;
        }
    }

    #[test]
    fn work_that_panics_did_not_succeed() {
        assert!(!work("idle", || panic!("on purpose")));
    }
}
