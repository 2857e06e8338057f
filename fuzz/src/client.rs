//! A client that hears everything and judges nothing.

use crate::house::{DOMAIN, Person};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::timeout;

/// What a stream begins with.
pub(crate) const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='dface.cn' version='1.0'>";

/// After so long the house hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// After so long a ping may have become part of something else.
const MOMENT: Duration = Duration::from_millis(300);

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What has come in so far.
#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    /// The other side has hung up.
    ended: bool,
}

/// See the module.
pub(crate) struct Client {
    out: OwnedWriteHalf,
    heard: watch::Receiver<Heard>,
}

impl Client {
    /// Logs in, binds the resource `r` and says that it is there.
    pub(crate) async fn log_in(address: SocketAddr, person: &Person) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("an option");
        let (from, out) = stream.into_split();
        let (sender, heard) = watch::channel(Heard::default());
        tokio::spawn(hear(from, sender));
        let mut client = Self { out, heard };
        let auth = base64(format!("\0{}\0{}", person.id, person.password).as_bytes());
        client
            .says(
                format!(
                    "{HEADER}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>\
                     {auth}</auth>{HEADER}<iq type='set' id='bind'>\
                     <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind>\
                     </iq><presence/>"
                )
                .as_bytes(),
            )
            .await;
        assert!(client.is_answered("come").await, "nobody can log in");
        client
    }

    pub(crate) async fn says(&mut self, bytes: &[u8]) {
        // The other side may have hung up, which is heard.
        let sent = timeout(PATIENCE, self.out.write_all(bytes)).await;
        let _ = sent.expect("the house takes nothing more, and does not hang up");
    }

    /// Whether a ping is answered, and so everything before it has been done; otherwise the other
    /// side has hung up.
    pub(crate) async fn is_answered(&mut self, id: &str) -> bool {
        self.pings(id).await;
        let answered = timeout(PATIENCE, self.hears_answer(id)).await;
        answered.expect("the house neither answers nor hangs up")
    }

    /// The same for somebody who may have left an element open, in which the ping is no stanza:
    /// such a one hangs up.
    pub(crate) async fn is_answered_or_hangs_up(&mut self, id: &str) -> bool {
        self.pings(id).await;
        if let Ok(answered) = timeout(MOMENT, self.hears_answer(id)).await {
            return answered;
        }
        let _ = self.out.shutdown().await;
        let answered = timeout(PATIENCE, self.hears_answer(id)).await;
        answered.expect("the house does not hang up");
        false
    }

    async fn pings(&mut self, id: &str) {
        self.says(
            format!("<iq type='get' id='{id}' to='{DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>")
                .as_bytes(),
        )
        .await;
    }

    async fn hears_answer(&mut self, id: &str) -> bool {
        let answer = format!("<iq type='result' id='{id}' ");
        let mut answered = false;
        let mut looked_at = 0;
        let ready = self.heard.wait_for(|heard| {
            let from = usize::saturating_sub(looked_at, answer.len());
            let mut windows = heard.bytes[from..].windows(answer.len());
            answered = windows.any(|window| window == answer.as_bytes());
            looked_at = heard.bytes.len();
            answered || heard.ended
        });
        drop(ready.await);
        answered
    }

    /// Everything that has come in.
    pub(crate) fn heard(&self) -> Vec<u8> {
        self.heard.borrow().bytes.clone()
    }
}

async fn hear(mut from: OwnedReadHalf, into: watch::Sender<Heard>) {
    let mut piece = [0; 4096];
    loop {
        let length = from.read(&mut piece).await.unwrap_or(0);
        into.send_modify(|heard| {
            heard.bytes.extend_from_slice(&piece[..length]);
            heard.ended = length == 0;
        });
        if length == 0 {
            return;
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut padded = [0; 4];
        padded[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(padded);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place > chunk.len() {
                '='
            } else {
                digit.into()
            });
        }
    }
    out
}
