//! What was said (seed §32.1-3): arrays, newest first, `skip` and `count` choose a part of them; and
//! clearing it for one of the two.
//!
//! Whatever somebody has cleared for themselves is here still; a room that was cleared is empty.

use super::Web;
use super::answer::Failure;
use super::parameters::Parameters;
use axum::Json;
use axum::extract::State;
use domain::chat::{Destination, HistoryCleared};
use domain::{Millis, Party, ShopId};
use projections::chat_history::{Page, Said, Stretch};
use serde_json::{Value, json};

/// How many messages are answered when nobody says how many.
const USUAL: usize = 100;

/// How many are answered at most.
const MOST: usize = 1_000;

/// `GET /api/gchat`: what was said in a room, `[sender, body, seconds since 1970, message id]`.
///
/// Source: seed §32.1. `[["502e…","hi",1357948800,"m1"]]`
pub(super) async fn gchat(
    State(web): State<Web>,
    parameters: Parameters,
) -> Result<Json<Value>, Failure> {
    let room: ShopId = parameters.get("room")?;
    let page = page(&web, &parameters).await?;
    let said = web
        .service
        .projections
        .chat_history
        .page_of_room(room, page);
    let row = |said: &Said| {
        json!([
            said.message.from.to_string(),
            said.message.body,
            seconds(said),
            id(said)
        ])
    };
    Ok(rows(&said.await?, row))
}

/// `GET /api/chat`: what somebody said to others, `[receiver, body, seconds, message id]`.
///
/// Source: seed §32.2.
pub(super) async fn chat(
    State(web): State<Web>,
    parameters: Parameters,
) -> Result<Json<Value>, Failure> {
    let sender: Party = parameters.get("uid")?;
    let page = page(&web, &parameters).await?;
    let said = web
        .service
        .projections
        .chat_history
        .page_of_sender(sender, page);
    let row = |said: &Said| json!([receiver(said), said.message.body, seconds(said), id(said)]);
    Ok(rows(&said.await?, row))
}

/// `GET /api/chat2`: what two said to each other, `[sender, receiver, body, seconds, message id]`.
///
/// Source: seed §32.3.
pub(super) async fn chat2(
    State(web): State<Web>,
    parameters: Parameters,
) -> Result<Json<Value>, Failure> {
    let (a, b): (Party, Party) = (parameters.get("uid1")?, parameters.get("uid2")?);
    let page = page(&web, &parameters).await?;
    let said = web.service.projections.chat_history.page_of_two(a, b, page);
    let row = |said: &Said| {
        let sender = said.message.from.to_string();
        json!([
            sender,
            receiver(said),
            said.message.body,
            seconds(said),
            id(said)
        ])
    };
    Ok(rows(&said.await?, row))
}

/// `POST /api/clear`: shows `uid`, and nobody else, no longer what they and `with` said to each
/// other before. What waits in the inbox of `uid` still arrives.
///
/// Answers `{"cleared":"502e…"}`, again too. There is no such call for a room, whose history is one
/// for everybody.
pub(super) async fn clear(
    State(web): State<Web>,
    parameters: Parameters,
) -> Result<Json<Value>, Failure> {
    let (by, with): (Party, Party) = (parameters.get("uid")?, parameters.get("with")?);
    let newest = Stretch {
        upto: web.head().await?,
        since: Millis(i64::MIN),
        limit: 1,
    };
    let histories = &web.service.projections.chat_history;
    let shown = !histories.between(by, with, newest).await?.is_empty();
    let history = HistoryCleared {
        by,
        of: Destination::To(with),
    };
    let cleared = web.service.commands.clear_history(history, shown).await?;
    web.written(cleared).await;
    Ok(Json(json!({"cleared": with.to_string()})))
}

/// Which part of a history is asked for, up to where the log ended.
async fn page(web: &Web, parameters: &Parameters) -> Result<Page, Failure> {
    Ok(Page {
        upto: web.head().await?,
        skip: parameters.number("skip", 0),
        count: parameters.number("count", USUAL).min(MOST),
    })
}

fn rows(said: &[Said], row: impl Fn(&Said) -> Value) -> Json<Value> {
    Json(said.iter().map(row).collect())
}

fn receiver(said: &Said) -> String {
    match said.message.to {
        Destination::To(to) => to.to_string(),
        Destination::Room(room) => room.to_string(),
    }
}

fn seconds(said: &Said) -> i64 {
    said.at.0.div_euclid(1_000)
}

/// The id that the sender gave, or the message's place in the log.
fn id(said: &Said) -> String {
    let id = said.message.id.clone();
    id.unwrap_or_else(|| said.position.0.to_string())
}
