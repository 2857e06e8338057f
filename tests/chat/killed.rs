//! The server is killed in the middle of conversations: what it has taken is not lost, keeps its
//! order, and is not shown twice to a client that drops ids it knows.

use crate::harness::{Chatter, PATIENCE, Phone, Server, bare};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many people write.
const WRITERS: usize = 20;

/// How many people each of them writes to; as many write to each of those.
const PEERS: usize = 10;

/// How many messages the server has taken, or handed out, before it is killed.
const BEFORE_THE_KILL: usize = 600;

/// When the server is killed, one time after the other.
const KILLS: [Kill; 5] = [
    Kill::WhileTheyTalk,
    Kill::WhileReadersAreAway,
    Kill::WhileInboxesAreHandedOut,
    Kill::WhileTheyTalk,
    Kill::BeforeInboxesAreConfirmed,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kill {
    /// Readers listen to what writers say.
    WhileTheyTalk,
    /// Nobody listens.
    WhileReadersAreAway,
    /// Readers come back, while writers go on.
    WhileInboxesAreHandedOut,
    /// Readers have been handed everything, and have not shown yet that they live.
    BeforeInboxesAreConfirmed,
}

/// What one says to another.
#[derive(Default)]
struct Conversation {
    writer: usize,
    reader: usize,
    /// The number of the next message.
    next: usize,
    /// Up to here the server has taken them.
    taken: usize,
    /// What the reader has been shown, without ids that it knew.
    shown: Vec<usize>,
    known: HashSet<usize>,
}

/// Everybody.
struct Town {
    writers: Vec<Phone>,
    readers: Vec<Phone>,
    conversations: Vec<Conversation>,
}

/// What a writer has to say: for each conversation its number, its reader and the next message.
type Agenda = Vec<(usize, String, usize)>;

async fn online(address: SocketAddr, phone: &Phone) -> Chatter {
    let (id, password) = (&phone.id, &phone.password);
    let mut chatter = Chatter::log_in_with(address, id, password, "phone").await;
    chatter.sends("<presence/>").await;
    chatter
}

/// Says things until the server is gone, or `enough` were taken; for each conversation the number
/// of the next one, and up to where the server took them.
async fn talk(
    mut from: Chatter,
    mut agenda: Agenda,
    taken: Arc<AtomicUsize>,
    enough: usize,
) -> Vec<(usize, usize, usize)> {
    let mut upto: Vec<usize> = agenda.iter().map(|(_, _, next)| *next).collect();
    while taken.load(Ordering::SeqCst) < enough {
        let mut batch = String::new();
        for (conversation, to, next) in &mut agenda {
            for _ in 0..2 {
                let id = format!("{conversation} {next}");
                batch += &format!(
                    "<message type='chat' id='{id}' to='{to}'><body>{id}</body></message>"
                );
                *next += 1;
            }
        }
        from.sends(&batch).await;
        let ping = format!("p{}", agenda[0].2);
        if !from.is_alive(&ping).await {
            break;
        }
        upto = agenda.iter().map(|(_, _, next)| *next).collect();
        taken.fetch_add(2 * agenda.len(), Ordering::SeqCst);
    }
    let ends = agenda.iter().zip(upto);
    ends.map(|((conversation, _, next), upto)| (*conversation, *next, upto))
        .collect()
}

/// Listens until the server is gone, and says nothing.
async fn listen(mut reader: Chatter, heard: Arc<AtomicUsize>) -> String {
    let mut counted = 0;
    loop {
        let over = reader.hangs_up().await;
        let now = reader.heard.matches("</body>").count();
        heard.fetch_add(now - counted, Ordering::SeqCst);
        counted = now;
        if over {
            return reader.heard;
        }
    }
}

async fn reaches(count: &AtomicUsize, enough: usize) {
    let reached = async {
        while count.load(Ordering::SeqCst) < enough {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, reached)
        .await
        .expect("enough messages");
}

/// The conversation and the number of each message in what was heard, in order.
fn messages(heard: &str) -> impl Iterator<Item = (usize, usize)> {
    let bodies = heard.split("<body>").skip(1);
    bodies.filter_map(|rest| {
        let (conversation, number) = rest.split_once("</body>")?.0.split_once(' ')?;
        Some((conversation.parse().ok()?, number.parse().ok()?))
    })
}

impl Town {
    async fn found(server: &Server) -> Self {
        let (mut writers, mut readers) = (Vec::new(), Vec::new());
        for n in 0..WRITERS {
            writers.push(server.login(&format!("writer {n}")).await);
            readers.push(server.login(&format!("reader {n}")).await);
        }
        let pairs = (0..WRITERS).flat_map(|writer| (0..PEERS).map(move |peer| (writer, peer)));
        let conversations = pairs.map(|(writer, peer)| Conversation {
            writer,
            reader: (writer + peer) % WRITERS,
            ..Conversation::default()
        });
        Self {
            writers,
            readers,
            conversations: conversations.collect(),
        }
    }

    fn agenda(&self, writer: usize) -> Agenda {
        let all = self.conversations.iter().enumerate();
        all.filter(|(_, conversation)| conversation.writer == writer)
            .map(|(number, conversation)| {
                let to = bare(&self.readers[conversation.reader]);
                (number, to, conversation.next)
            })
            .collect()
    }

    /// Notes what a reader was shown; how many of the messages it did not know.
    fn hear(&mut self, reader: usize, heard: &str) -> usize {
        let mut new = 0;
        for (conversation, number) in messages(heard) {
            let conversation = &mut self.conversations[conversation];
            assert_eq!(conversation.reader, reader, "somebody else's");
            if conversation.known.insert(number) {
                conversation.shown.push(number);
                new += 1;
            }
        }
        new
    }

    /// They talk, until the server is killed.
    async fn talk_until(&mut self, server: &mut Server, kill: Kill) {
        let (taken, heard) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let address = server.xmpp_address;
        let enough = match kill {
            Kill::BeforeInboxesAreConfirmed => BEFORE_THE_KILL,
            _ => usize::MAX,
        };
        let mut listening = Vec::new();
        let come = async |readers: &[Phone]| {
            let mut listening = Vec::new();
            for phone in readers {
                let reader = online(address, phone).await;
                listening.push(tokio::spawn(listen(reader, heard.clone())));
            }
            listening
        };
        if kill == Kill::WhileTheyTalk {
            listening = come(&self.readers).await;
        }
        let mut talking = Vec::new();
        for (number, phone) in self.writers.iter().enumerate() {
            let writer = online(address, phone).await;
            let talk = talk(writer, self.agenda(number), taken.clone(), enough);
            talking.push(tokio::spawn(talk));
        }
        reaches(&taken, BEFORE_THE_KILL).await;
        match kill {
            Kill::WhileTheyTalk | Kill::WhileReadersAreAway => {}
            Kill::WhileInboxesAreHandedOut => {
                listening = come(&self.readers).await;
                reaches(&heard, BEFORE_THE_KILL / 4).await;
            }
            Kill::BeforeInboxesAreConfirmed => {
                let mut said = Vec::new();
                for talk in talking.drain(..) {
                    said.extend(talk.await.expect("they have said enough"));
                }
                let before: usize = self.conversations.iter().map(|one| one.next).sum();
                self.note(&said);
                let after: usize = self.conversations.iter().map(|one| one.next).sum();
                listening = come(&self.readers).await;
                reaches(&heard, after - before).await;
            }
        }
        server.kill().await;
        for talk in talking {
            let said = talk.await.expect("ended by the kill");
            self.note(&said);
        }
        for (reader, listening) in listening.into_iter().enumerate() {
            let heard = listening.await.expect("ended by the kill");
            self.hear(reader, &heard);
        }
    }

    fn note(&mut self, said: &[(usize, usize, usize)]) {
        for (conversation, next, taken) in said {
            let conversation = &mut self.conversations[*conversation];
            (conversation.next, conversation.taken) = (*next, *taken);
        }
    }

    /// Everybody is told what they were not; nothing is missing, nor out of order.
    async fn compare(&mut self, server: &Server, kill: Kill) {
        for number in 0..self.readers.len() {
            let mut again = false;
            loop {
                let mut reader = online(server.xmpp_address, &self.readers[number]).await;
                assert!(reader.is_alive("all").await);
                // Going in good order shows that all of it has arrived.
                let heard = reader.goes().await;
                let shown = messages(&heard).count();
                let new = self.hear(number, &heard);
                assert!(!again || new == shown, "{kill:?}: some came again: {heard}");
                if shown == 0 {
                    break;
                }
                again = true;
            }
        }
        for (number, conversation) in self.conversations.iter_mut().enumerate() {
            let lost: Vec<usize> = (0..conversation.taken)
                .filter(|n| !conversation.known.contains(n))
                .collect();
            assert!(lost.is_empty(), "{kill:?}: {number} has lost {lost:?}");
            let shown = &conversation.shown;
            assert!(shown.is_sorted(), "{kill:?}: {number}: {shown:?}");
            // What was sent and not taken may be there or not, but is not sent again.
            let last = shown.last().map_or(0, |last| last + 1);
            conversation.next = conversation.next.max(last);
            conversation.known.extend(0..conversation.next);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_has_taken_survives_kills_in_two_hundred_conversations() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(folder.path()).await;
    let mut town = Town::found(&server).await;
    assert_eq!(town.conversations.len(), 200);
    for kill in KILLS {
        town.talk_until(&mut server, kill).await;
        server.start_again().await;
        town.compare(&server, kill).await;
    }
    assert!(server.terminate().await.success());
}
