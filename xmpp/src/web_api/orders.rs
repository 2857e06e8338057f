//! Orders of programs beside the house (seed §32.4.1-3): saying something in a room, blacklists.

use super::Web;
use super::answer::Failure;
use super::parameters::Parameters;
use axum::Json;
use axum::extract::State;
use commands::Circumstances;
use domain::chat::{Destination, MessageSent};
use domain::{Party, ShopId, UserId};
use serde_json::{Value, json};

impl Web {
    /// Refuses a room that is not there: that of a shop which never was, or has closed.
    pub(super) fn check_room(&self, room: ShopId) -> Result<(), Failure> {
        let shops = &self.service.projections.shop_index;
        if shops.read(|shops| shops.get(room).is_some()) {
            Ok(())
        } else {
            Err(Failure::not_found("unknown room"))
        }
    }

    /// Refuses a sender who is not there.
    pub(super) async fn check_sender(&self, sender: Party) -> Result<(), Failure> {
        let exists = self.service.commands.exists(sender).await;
        if exists.map_err(Failure::away)? {
            Ok(())
        } else {
            Err(Failure::not_found("unknown sender"))
        }
    }
}

/// `POST /api/room`: `uid` says `message` in the room `roomid`, whether or not they are in it.
///
/// Source: seed §32.4.1. Answers `{"sent":true}`.
pub(super) async fn room(
    State(web): State<Web>,
    parameters: Parameters,
) -> Result<Json<Value>, Failure> {
    let room: ShopId = parameters.get("roomid")?;
    let sender: Party = parameters.get("uid")?;
    let body: String = parameters.get("message")?;
    web.check_room(room)?;
    web.check_sender(sender).await?;
    let message = MessageSent {
        id: Some(hex::encode(rand::random::<[u8; 12]>())),
        ..MessageSent::new(sender, Destination::Room(room), body)
    };
    let commands = &web.service.commands;
    let sent = commands.send_message(message, Circumstances::default());
    web.written(sent.await?).await;
    Ok(Json(json!({"sent": true})))
}

/// `POST /api/block`: puts `bid` on the blacklist of `uid`.
///
/// Source: seed §32.4.2. Answers `{"blocked":"502e…"}`, again too.
pub(super) async fn block(
    State(web): State<Web>,
    parameters: Parameters,
) -> Result<Json<Value>, Failure> {
    let (owner, other): (UserId, UserId) = (parameters.get("uid")?, parameters.get("bid")?);
    web.check_sender(owner.into()).await?;
    let blocked = web.service.commands.block(owner, other, false).await?;
    web.written(blocked).await;
    Ok(Json(json!({"blocked": other.to_string()})))
}

/// `POST /api/unblock`: takes `bid` off the blacklist of `uid`.
///
/// Source: seed §32.4.3. Answers `{"unblocked":"502e…"}`, again too.
pub(super) async fn unblock(
    State(web): State<Web>,
    parameters: Parameters,
) -> Result<Json<Value>, Failure> {
    let (owner, other): (UserId, UserId) = (parameters.get("uid")?, parameters.get("bid")?);
    let unblocked = web.service.commands.unblock(owner, other).await?;
    web.written(unblocked).await;
    Ok(Json(json!({"unblocked": other.to_string()})))
}
