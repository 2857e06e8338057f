//! Any sequence of stanzas, and of what is nearly one, from two people to a whole house: nothing
//! hangs, questions are answered once, what comes out is XML for whoever gets it, and nobody hears
//! what is for others.

use crate::client::Client;
use crate::house::{DOMAIN, House, Person, SHOP};
use crate::script::{Aim, Cast, Line, lines};
use crate::witness::{Stanza, stanzas};
use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use tokio::runtime::Runtime;

/// So many bytes, all to one person, may be more than that one reads in time.
const MUCH: usize = 128 * 1024;

/// The house of this process, with somebody in it who never says a thing.
struct Stage {
    runtime: Runtime,
    house: House,
    silent: Person,
    run: u64,
}

static STAGE: LazyLock<Mutex<Stage>> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (house, silent) = runtime.block_on(async {
        let house = House::open().await;
        let silent = house.person().await;
        (house, silent)
    });
    Mutex::new(Stage {
        runtime,
        house,
        silent,
        run: 0,
    })
});

/// Plays the script that `bytes` are.
///
/// # Panics
/// When the house does what it must not.
pub fn run(bytes: &[u8]) {
    let mut stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    stage.run += 1;
    let stage = &*stage;
    stage.runtime.block_on(play(stage, bytes));
}

async fn play(stage: &Stage, bytes: &[u8]) {
    let house = &stage.house;
    let cast: Cast = [
        house.person().await,
        house.person().await,
        stage.silent.clone(),
    ];
    let before = house.head().await;
    let mut clients = Vec::new();
    for person in &cast {
        clients.push(Client::log_in(house.address, person).await);
    }
    let lines = lines(bytes, &cast, stage.run);
    for line in &lines {
        clients[line.sender].says(&line.bytes).await;
    }
    for (at, client) in clients.iter_mut().enumerate() {
        if lines.iter().any(|line| line.sender == at && line.rough) {
            client.is_answered_or_hangs_up("said").await;
        } else {
            client.is_answered("said").await;
        }
    }
    house.handed_on(house.head().await).await;
    let much = lines.iter().map(|line| line.bytes.len()).sum::<usize>() > MUCH;
    let mut heard = Vec::new();
    for (at, client) in clients.iter_mut().enumerate() {
        let rough = lines.iter().any(|line| line.sender == at && line.rough);
        let alive = if rough {
            client.is_answered_or_hangs_up("heard").await
        } else {
            client.is_answered("heard").await
        };
        let stanzas = stanzas(&client.heard());
        // Nobody is cut off by a little.
        assert!(alive || rough || much, "{at}: {:?}", stanzas.last());
        for stanza in &stanzas {
            addressed_rightly(stanza, &cast, at);
        }
        heard.push((stanzas, alive));
    }
    answered_once(&lines, &heard);
    heard_by_those_it_is_for(&lines, &heard, &cast);
    let said = house.said_after(before).await;
    let may_say = |line: &&Line| line.bytes.windows(5).any(|window| window == b"<body");
    let bodies = lines.iter().filter(may_say).count();
    let rough = lines.iter().any(|line| line.rough);
    assert!(said.len() <= bodies || rough, "{} of {bodies}", said.len());
    let senders = [cast[0].id.to_string(), cast[1].id.to_string()];
    for event in said {
        let from = senders.iter().any(|id| {
            event.data.contains(&format!("\"from\":\"{id}\"")) && event.metadata.contains(id)
        });
        assert!(from, "{}", event.data);
    }
}

/// What comes is for the one to whom it comes, and from somebody whom there is.
fn addressed_rightly(stanza: &Stanza, cast: &Cast, at: usize) {
    if !matches!(&*stanza.name, "message" | "iq" | "presence") {
        return;
    }
    let own = format!("{}@{DOMAIN}", cast[at].id);
    let bare = |jid: &str| jid.split('/').next().unwrap_or_default().to_owned();
    let to = stanza.to.as_deref().unwrap_or_default();
    assert_eq!(bare(to), own, "{stanza:?}");
    if stanza.kind.as_deref() == Some("error") {
        // From whatever was written to.
        return;
    }
    let from = bare(stanza.from.as_deref().unwrap_or(&own));
    let people = cast.iter().map(|person| format!("{}@{DOMAIN}", person.id));
    let mut known = people.chain([
        DOMAIN.to_owned(),
        format!("c.{DOMAIN}"),
        format!("{SHOP}@c.{DOMAIN}"),
        format!("s{SHOP}@{DOMAIN}"),
        // Nobody's card is asked for there, and the answer is none.
        String::new(),
    ]);
    assert!(
        known.any(|known| known == from.to_lowercase()),
        "{stanza:?}"
    );
}

/// A question to the house has one answer, unless the stream ended.
fn answered_once(lines: &[Line], heard: &[(Vec<Stanza>, bool)]) {
    for line in lines {
        let Some(id) = &line.owed else { continue };
        let (stanzas, alive) = &heard[line.sender];
        let answers = stanzas.iter().filter(|stanza| {
            stanza.name == "iq"
                && stanza.id.as_ref() == Some(id)
                && matches!(stanza.kind.as_deref(), Some("result" | "error"))
        });
        let answers = answers.count();
        let rough = lines
            .iter()
            .any(|other| other.rough && other.sender == line.sender);
        let text = String::from_utf8_lossy(&line.bytes);
        // After something that is no stanza it may never have been one either.
        assert!(
            answers == 1 || answers == 0 && (rough || !alive),
            "{answers}: {text}"
        );
    }
}

/// What was said to one is heard by that one, and in the room by those who were there.
fn heard_by_those_it_is_for(lines: &[Line], heard: &[(Vec<Stanza>, bool)], cast: &Cast) {
    let said: BTreeMap<&str, &Line> = lines
        .iter()
        .filter_map(|line| Some((line.marker.as_deref()?, line)))
        .collect();
    let rough = lines.iter().any(|line| line.rough);
    for (at, (stanzas, _)) in heard.iter().enumerate() {
        let texts = stanzas.iter().filter(|stanza| stanza.name == "message");
        for stanza in texts {
            for (marker, line) in &said {
                if !stanza.text.contains(marker) {
                    continue;
                }
                let own = line.sender == at;
                let meant = match line.for_whom {
                    Aim::One(one) => one == at,
                    Aim::Room => at != 2,
                    Aim::Nobody => false,
                };
                assert!(own || meant || rough && at != 2, "{at}: {stanza:?}");
                let sender = cast[line.sender].id.to_string();
                let from = stanza.from.clone().unwrap_or_default();
                // Archives and one's own account show what others said in a wrapper of theirs.
                let shown = ["result", "sent", "received"];
                let account = format!("{}@{DOMAIN}", cast[at].id);
                let wrapped = matches!(&*stanza.children, [one] if shown.contains(&&**one))
                    && (from == account || from == format!("{SHOP}@c.{DOMAIN}"));
                assert!(own || wrapped || from.contains(&sender), "{stanza:?}");
            }
        }
    }
}
