//! Connecting to the file, by threads that let others go first.
//!
//! A connection has a thread of its own. What it does for a write takes a tenth of a millisecond and
//! more, again and again; what is answered from memory meanwhile is ready in less, if it gets the
//! processor.

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use std::thread;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

/// How long to wait for another process that writes.
pub(super) const BUSY: Duration = Duration::from_secs(10);

/// Connects, again and again while another process is turning the file into a log: that is the one
/// lock that SQLite does not wait for by itself.
pub(super) async fn connect(
    options: &SqliteConnectOptions,
) -> Result<SqliteConnection, sqlx::Error> {
    let give_up = Instant::now() + BUSY;
    loop {
        match connect_once(options.clone()).await {
            Err(error) if is_busy(&error) && Instant::now() < give_up => {
                sleep(Duration::from_millis(10)).await;
            }
            result => return result,
        }
    }
}

/// A thread has the priority of the one that begins it, and sqlx lets nobody else near its threads:
/// so they are begun by one that has given way, and ends.
async fn connect_once(options: SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let (connected, connection) = oneshot::channel();
    let runtime = Handle::current();
    let begin = move || {
        give_way();
        // Whoever asked may have given up.
        let _ = connected.send(runtime.block_on(options.connect()));
    };
    thread::Builder::new()
        .name("log connects".into())
        .spawn(begin)?;
    connection.await.map_err(|_| sqlx::Error::WorkerCrashed)?
}

fn is_busy(error: &sqlx::Error) -> bool {
    const SQLITE_BUSY: u32 = 5;
    let code = error
        .as_database_error()
        .and_then(|error| error.code()?.parse().ok());
    code.is_some_and(|code: u32| code & 0xff == SQLITE_BUSY)
}

/// Takes the processor from nobody by waking up; against one other thread that wants all of it, it
/// still has a sixth. Where there is no such way, it goes on as others do.
#[cfg(target_os = "linux")]
fn give_way() {
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };
    // Of 0 to 99; as a nice value, 7.
    let lower = ThreadPriority::Crossplatform(30.try_into().expect("below 100"));
    let batch = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);
    let given = set_thread_priority_and_policy(thread_native_id(), lower, batch);
    if let Err(error) = given {
        tracing::debug!(?error, "a connection has the priority of those who answer");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use sqlx::Connection;
    use std::fs;

    /// What proc(5) tells of the thread of that name: its nice value and its policy.
    fn scheduled(name: &str) -> Option<(i32, u32)> {
        let threads = fs::read_dir("/proc/self/task").expect("there is proc(5)");
        threads.flatten().find_map(|thread| {
            let stat = fs::read_to_string(thread.path().join("stat")).ok()?;
            let (before, after) = stat.rsplit_once(") ")?;
            // The first field after the name is the third.
            let field = |number: usize| after.split(' ').nth(number - 3);
            let named = before.ends_with(&format!("({name}"));
            let scheduled = (field(19)?.parse().ok()?, field(41)?.parse().ok()?);
            named.then_some(scheduled)
        })
    }

    #[tokio::test]
    async fn a_connection_lets_others_go_first_and_whoever_connects_does_not() {
        use thread_priority::NormalThreadSchedulePolicy::Other;
        use thread_priority::{ThreadSchedulePolicy, thread_schedule_policy};
        const SCHED_BATCH: u32 = 3;
        let options = SqliteConnectOptions::new()
            .in_memory(true)
            .thread_name(|_| "gives way".into());
        let connection = connect(&options).await.expect("a connection");
        let (nice, policy) = scheduled("gives way").expect("a thread of that name");
        assert_eq!(policy, SCHED_BATCH);
        assert!(nice >= 7, "{nice}");
        let ours = thread_schedule_policy().ok();
        assert_eq!(ours, Some(ThreadSchedulePolicy::Normal(Other)));
        connection.close().await.expect("closed");
    }
}
