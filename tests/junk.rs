//! Bytes that are no request: the real server survives them all.

use crate::harness::{Door, Server, Wire, eventually};
use std::path::Path;

/// Everybody else is still served, and nothing broke.
async fn unharmed(server: &Server) {
    server.get("/healthz", &[]).await.ok();
    let complaints = server.complaints();
    assert!(!complaints.contains("panicked"), "{complaints}");
}

/// A server that waits two seconds for a head or a whole request.
async fn impatient(folder: &Path) -> Server {
    let two_seconds = [
        ("LIANLIAN_LIMITS__HEADER_MS", "2000"),
        ("LIANLIAN_LIMITS__REQUEST_MS", "2000"),
    ];
    Server::start_with(
        folder,
        Door::new(Door::client(), String::new()),
        &two_seconds,
    )
    .await
}

#[tokio::test]
async fn nonsense_is_refused_or_hung_up_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path()).await;
    for bytes in [
        &b"\0\0\0\0\0\0\0\0\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /shop/info?id=\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\x01b\r\nConnection: close\r\n\r\n",
        b"POST /checkins HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /checkins HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /user_info/set HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"<?xml version='1.0'?><stream:stream>\r\n\r\n",
    ] {
        let mut wire = Wire::connect(&server.authority()).await;
        wire.send(bytes).await;
        let answer = wire.read_to_end().await;
        let said = String::from_utf8_lossy(bytes);
        assert!(!answer.starts_with("HTTP/1.1 5"), "{said}: {answer}");
        assert!(!answer.starts_with("HTTP/1.1 2"), "{said}: {answer}");
    }
    unharmed(&server).await;
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path()).await;
    let mut wire = Wire::connect(&server.authority()).await;
    wire.send("GET /healthz HTTP/1.1\r\nHost: x\r\n").await;
    let header = format!("X-Header: {}\r\n", "a".repeat(10_000));
    for _ in 0..100 {
        wire.send(&header).await;
    }
    let answer = wire.read_to_end().await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    unharmed(&server).await;

    let mut wire = Wire::connect(&server.authority()).await;
    wire.send(format!(
        "GET /shop/nearby?name={} HTTP/1.1\r\n",
        "a".repeat(1_000_000)
    ))
    .await;
    let answer = wire.read_to_end().await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer}"
    );
    unharmed(&server).await;
}

#[tokio::test]
async fn who_says_nothing_or_only_half_of_it_is_hung_up_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = impatient(folder.path()).await;
    let beginnings = [
        "",
        "G",
        "GET /healthz HTTP/1.1\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    ];
    let mut wires = Vec::new();
    for beginning in beginnings {
        let mut wire = Wire::connect(&server.authority()).await;
        wire.send(beginning).await;
        wires.push(wire);
    }
    for (wire, beginning) in wires.into_iter().zip(beginnings) {
        let answer = wire.read_to_end().await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
            "{beginning}: {answer}"
        );
    }
    unharmed(&server).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up_with_an_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = impatient(folder.path()).await;
    let mut wire = Wire::connect(&server.authority()).await;
    let head = "POST /oauth2/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\n";
    wire.send(format!("{head}name=x")).await;
    let answer = wire.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("{\"error\":"), "{answer}");
    unharmed(&server).await;
}

#[tokio::test]
async fn a_header_that_trickles_in_is_hung_up_on_while_others_are_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = impatient(folder.path()).await;
    let mut wire = Wire::connect(&server.authority()).await;
    wire.send("GET /healthz HTTP/1.1\r\nX-Slow: ").await;
    // As long as the connection takes bytes it is open; it must not be for ever.
    eventually("hung up", async || {
        server.get("/healthz", &[]).await.ok();
        wire.send_one(b"a").await.is_err().then_some(())
    })
    .await;
    unharmed(&server).await;
}

#[tokio::test]
async fn many_who_hang_up_in_the_middle_leave_no_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path()).await;
    let ana = server.login("ana").await;
    for n in 0..200 {
        let mut wire = Wire::connect(&server.authority()).await;
        let whole = format!(
            "POST /user_info/set HTTP/1.1\r\nHost: x\r\nCookie: _session_id={}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\nhobby=abc",
            ana.session
        );
        let cut = n % (whole.len() - 1);
        wire.send(&whole[..cut]).await;
    }
    assert_eq!(ana.get("/user_info/get_self", &[]).await.ok()["hobby"], "");
    unharmed(&server).await;
}
