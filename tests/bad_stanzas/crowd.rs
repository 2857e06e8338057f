//! Very many connections that never log in: they cost little, keep nobody out, and end.

use crate::harness::{Chatter, Door, HEADER, PATIENCE, Server, bare};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How many there are where a process may have so many files open; `./check` asks for as many as
/// the machine allows.
const CROWD: usize = 10_000;

/// Files for everything else that goes on in this process.
const OTHERS: usize = 2_000;

/// By how much the server may grow, in KiB.
const GROWTH_KIB: u64 = 100 * 1024;

/// How many files this process, and so the server that it starts, may have open.
fn files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").expect("limits");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    soft.and_then(|soft| soft.parse().ok()).unwrap_or(1_024)
}

/// So many connections; every other one has opened a stream.
async fn crowd(address: SocketAddr, size: usize) -> Vec<TcpStream> {
    let mut all = Vec::new();
    for n in 0..size {
        let connection = timeout(PATIENCE, TcpStream::connect(address)).await;
        let mut connection = connection.expect("in time").expect("a connection");
        if n % 2 == 0 {
            connection
                .write_all(HEADER.as_bytes())
                .await
                .expect("taken");
        }
        all.push(connection);
    }
    all
}

/// What is said to a connection until it ends.
async fn rest(mut connection: TcpStream) -> String {
    let mut heard = Vec::new();
    let read = timeout(PATIENCE, connection.read_to_end(&mut heard)).await;
    let _ = read.expect("ended in time");
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_who_never_log_in_cost_little_keep_nobody_out_and_end() {
    let size = CROWD.min(files().saturating_sub(OTHERS) / 2 * 2).max(200);
    let folder = tempfile::tempdir().expect("a folder");
    let settings = [("LIANLIAN_XMPP__LOGIN_MS", "600000")];
    let door = Door::new(Door::client(), String::new());
    let mut server = Server::start_with(folder.path(), door, &settings).await;
    let (ana, bo) = (server.login("ana").await, server.login("bo").await);
    let address = server.xmpp_address;
    let log_in = async |phone: &crate::harness::Phone| {
        let mut chatter = Chatter::log_in_with(address, &phone.id, &phone.password, "phone").await;
        chatter.comes().await;
        chatter
    };
    let mut a = log_in(&ana).await;
    let before = server.resident_kib();
    let connections = crowd(address, size).await;
    // Everybody was let in: the last of them is answered, too.
    let mut last = Chatter::connect(address).await;
    last.sends(HEADER).await;
    last.receives("</stream:features>").await;
    let mut b = log_in(&bo).await;
    b.sends(&format!(
        "<message type='chat' to='{}'><body>through the crowd</body></message>",
        bare(&ana)
    ))
    .await;
    a.receives("<body>through the crowd</body>").await;
    let grown = server.resident_kib().saturating_sub(before);
    assert!(grown < GROWTH_KIB, "{grown} KiB for {size}");
    // All of them are still there, and go with the server.
    let stopping = tokio::spawn(async move {
        let mut farewells = 0;
        for connection in connections {
            farewells += usize::from(rest(connection).await.contains("<system-shutdown "));
        }
        farewells
    });
    assert!(
        server.terminate().await.success(),
        "{}",
        server.complaints()
    );
    assert_eq!(stopping.await.expect("all have ended"), size);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_log_in_in_time_makes_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = [("LIANLIAN_XMPP__LOGIN_MS", "1500")];
    let door = Door::new(Door::client(), String::new());
    let mut server = Server::start_with(folder.path(), door, &settings).await;
    for connection in crowd(server.xmpp_address, 400).await {
        let heard = rest(connection).await;
        assert!(heard.contains("<connection-timeout "), "{heard}");
    }
    assert!(
        server.terminate().await.success(),
        "{}",
        server.complaints()
    );
}
