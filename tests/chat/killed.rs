//! The server is killed in the middle of conversations: what it has taken is not lost, keeps its
//! order, and is not shown twice to a client that drops ids it knows.

use crate::harness::{Chatter, PATIENCE, Phone, Server, bare};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many pairs talk.
const PAIRS: usize = 4;

/// How often the server is killed.
const KILLS: usize = 3;

/// How many messages it has taken before it is killed.
const BETWEEN_KILLS: usize = 60;

struct Pair {
    ana: Phone,
    bo: Phone,
    /// The number of the next message.
    next: usize,
    /// Up to here the server has taken them.
    taken: usize,
    /// What the receiver has been shown, without ids that it knew.
    shown: Vec<usize>,
    known: HashSet<usize>,
}

async fn online(address: SocketAddr, phone: &Phone) -> Chatter {
    let (id, password) = (&phone.id, &phone.password);
    let mut chatter = Chatter::log_in_with(address, id, password, "phone").await;
    chatter.sends("<presence/>").await;
    chatter
}

/// Says things until the server is gone; the number of the next one, and up to where it took them.
async fn talk(
    mut from: Chatter,
    to: String,
    mut next: usize,
    taken: Arc<AtomicUsize>,
) -> (usize, usize) {
    let mut upto = next;
    loop {
        let batch: String = (next..next + 5)
            .map(|n| format!("<message type='chat' id='{n}' to='{to}'><body>{n}</body></message>"))
            .collect();
        from.sends(&batch).await;
        next += 5;
        if !from.is_alive(&format!("p{next}")).await {
            return (next, upto);
        }
        upto = next;
        taken.fetch_add(5, Ordering::SeqCst);
    }
}

/// The numbers in what was heard, in order.
fn numbers(heard: &str) -> Vec<usize> {
    let bodies = heard.split("<body>").skip(1);
    bodies
        .filter_map(|rest| rest.split_once("</body>")?.0.parse().ok())
        .collect()
}

impl Pair {
    /// Notes what the receiver was shown.
    fn hear(&mut self, heard: &str) {
        for number in numbers(heard) {
            if self.known.insert(number) {
                self.shown.push(number);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_has_taken_survives_a_kill_in_order_and_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(folder.path()).await;
    let mut pairs = Vec::new();
    for n in 0..PAIRS {
        pairs.push(Pair {
            ana: server.login(&format!("ana {n}")).await,
            bo: server.login(&format!("bo {n}")).await,
            next: 0,
            taken: 0,
            shown: Vec::new(),
            known: HashSet::new(),
        });
    }
    for kill in 1..=KILLS {
        let taken = Arc::new(AtomicUsize::new(0));
        let mut talking = Vec::new();
        for pair in &pairs {
            let a = online(server.xmpp_address, &pair.ana).await;
            let b = online(server.xmpp_address, &pair.bo).await;
            let talk = talk(a, bare(&pair.bo), pair.next, taken.clone());
            talking.push((tokio::spawn(talk), tokio::spawn(b.rest())));
        }
        let enough = async {
            while taken.load(Ordering::SeqCst) < BETWEEN_KILLS {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, enough)
            .await
            .expect("enough messages");
        server.kill().await;
        for (pair, (talk, listen)) in pairs.iter_mut().zip(talking) {
            (pair.next, pair.taken) = talk.await.expect("ended by the kill");
            pair.hear(&listen.await.expect("ended by the kill"));
        }
        server.start_again().await;
        for pair in &mut pairs {
            let mut b = online(server.xmpp_address, &pair.bo).await;
            assert!(b.is_alive("all").await);
            let heard = b.heard.clone();
            b.goes().await;
            pair.hear(&heard);
            let lost: Vec<usize> = (0..pair.taken)
                .filter(|n| !pair.known.contains(n))
                .collect();
            assert!(lost.is_empty(), "lost by kill {kill}: {lost:?}");
            assert!(pair.shown.is_sorted(), "kill {kill}: {:?}", pair.shown);
            // What was sent and not taken may be there or not, but is not sent again.
            pair.next = pair.next.max(pair.shown.last().map_or(0, |last| last + 1));
            pair.known.extend(0..pair.next);
        }
    }
    assert!(server.terminate().await.success());
}
