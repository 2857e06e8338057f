//! Shops: where people meet. Registered by an operator or an import, revised, closed; their staff,
//! their notice, and whether anybody may log in as them.

mod details;

pub use details::{Category, DetailsEdit, MAX_POINTS, ShopDetails, UnknownCategory};

use crate::{Decider, Event, ShopId, UserId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A shop is there.
///
/// ```json
/// {"shop_id":4928288,"name":"浙江科技产业大厦","lat":30.28,"lng":120.12,"category":6,
///  "address":"古翠路80","phone":"","source":"osm:way/33"}
/// ```
/// A shop with further points has `"points":[{"lat":30.29,"lng":120.13}]` after its phone.
///
/// Source: seed §4, §7.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShopRegistered {
    /// The new shop.
    pub shop_id: ShopId,
    /// What is known of it.
    #[serde(flatten)]
    pub details: ShopDetails,
    /// The record it was imported from; absent when an operator entered it.
    pub source: Option<String>,
}

/// A shop's details are these from now on.
///
/// The same shape as [`ShopRegistered`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShopRevised {
    /// Which shop.
    pub shop_id: ShopId,
    /// All of its details, also those that stayed.
    #[serde(flatten)]
    pub details: ShopDetails,
    /// The record whose change brought this; absent when an operator changed it.
    pub source: Option<String>,
}

/// A shop is gone. `{"shop_id":4928288}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopClosed {
    /// Which shop.
    pub shop_id: ShopId,
}

/// A shop tells its guests something; an empty title takes the notice down.
///
/// `{"shop_id":4928288,"title":"..."}`; source: seed §7.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticePosted {
    /// Which shop.
    pub shop_id: ShopId,
    /// The text.
    pub title: String,
}

/// Somebody works for a shop. `{"shop_id":4928288,"user_id":"502e…"}`; source: seed §7.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffAdded {
    /// Which shop.
    pub shop_id: ShopId,
    /// Who.
    pub user_id: UserId,
}

/// Somebody no longer works for a shop. `{"shop_id":4928288,"user_id":"502e…"}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffRemoved {
    /// Which shop.
    pub shop_id: ShopId,
    /// Who.
    pub user_id: UserId,
}

/// A shop's staff log in as the shop with a new secret, the only one that is good from now on.
///
/// `{"shop_id":4928288,"generation":1}`; the secret follows from the generation and the server's
/// own, and stands nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct XmppSecretIssued {
    /// Which shop.
    pub shop_id: ShopId,
    /// Which of its secrets, from 1 on.
    pub generation: u32,
}

/// Nobody logs in as a shop any more. `{"shop_id":4928288}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct XmppSecretRevoked {
    /// Which shop.
    pub shop_id: ShopId,
}

/// What somebody wants with a shop.
#[derive(Clone, Debug)]
pub enum Command {
    /// An operator enters a shop.
    Register {
        /// The id, which must be free.
        shop_id: ShopId,
        /// What is known of it.
        details: ShopDetails,
    },
    /// An import found a shop; the same record again changes nothing, nor does it undo what an
    /// operator did in between.
    Import {
        /// The id that belongs to the record.
        shop_id: ShopId,
        /// What the record says.
        details: ShopDetails,
        /// The record's name, like `osm:node/25046087`.
        source: String,
    },
    /// An operator changes some details; absent ones stay.
    Revise(DetailsEdit),
    /// An operator closes the shop for good.
    Close,
    /// An operator posts a notice, or takes it down with an empty one.
    PostNotice {
        /// Up to 255 characters.
        title: String,
    },
    /// An operator says who works here.
    AddStaff {
        /// Who; that the person exists was found out before.
        user_id: UserId,
    },
    /// An operator says who does not work here any more.
    RemoveStaff {
        /// Who.
        user_id: UserId,
    },
    /// An operator wants a new secret with which the staff log in as the shop.
    IssueXmppSecret,
    /// An operator wants nobody to log in as the shop.
    RevokeXmppSecret,
}

/// Why the rules refuse a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such shop, or it is closed.
    #[error("unknown shop")]
    UnknownShop,
    /// Another shop has, or had, this id.
    #[error("a shop with this id exists")]
    IdTaken,
    /// See [`ShopDetails::name`].
    #[error("name must have 1 to 255 characters on one line")]
    Name,
    /// See [`ShopDetails::address`].
    #[error("address must have at most 255 characters on one line")]
    Address,
    /// See [`ShopDetails::phone`].
    #[error("phone must have at most 255 characters on one line")]
    Phone,
    /// More points than [`MAX_POINTS`].
    #[error("a shop has at most 64 further points")]
    TooManyPoints,
    /// See [`Command::PostNotice`].
    #[error("title must have at most 255 characters")]
    Title,
    /// More staff than [`MAX_STAFF`].
    #[error("a shop has at most 200 staff")]
    TooManyStaff,
}

/// How many people may work for one shop: the list travels with each `shop/info`.
pub const MAX_STAFF: usize = 200;

/// A shop as its stream tells it.
#[derive(Clone, Debug)]
pub struct Registered {
    shop_id: ShopId,
    details: ShopDetails,
    /// What the last import said, and from which record.
    imported: Option<(String, ShopDetails)>,
    closed: bool,
    notice: String,
    staff: BTreeSet<UserId>,
    /// How many secrets there have been.
    secrets: u32,
    /// The last of them is good.
    may_log_in: bool,
}

impl Registered {
    /// The generation of the secret with which one logs in as the shop; `None` while nobody may.
    #[must_use]
    pub fn xmpp_generation(&self) -> Option<u32> {
        (self.may_log_in && !self.closed).then_some(self.secrets)
    }
}

/// The rules of `shop-<id>`.
#[derive(Debug)]
pub struct Shop;

impl Decider for Shop {
    type Command = Command;
    type Rejection = Rejection;
    type State = Option<Registered>;

    fn decide(shop: &Option<Registered>, command: &Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Register { shop_id, details } => register(shop, *shop_id, details),
            Command::Import {
                shop_id,
                details,
                source,
            } => import(shop, *shop_id, details, source),
            _ => match shop.as_ref().filter(|shop| !shop.closed) {
                Some(shop) => change(shop, command),
                // Closing what is closed already is a repetition, not an error.
                None if shop.is_some() && matches!(command, Command::Close) => Ok(Vec::new()),
                None => Err(Rejection::UnknownShop),
            },
        }
    }

    fn evolve(shop: &mut Option<Registered>, event: &Event) {
        match (shop.as_mut(), event) {
            (None, Event::ShopRegistered(registered)) => {
                *shop = Some(Registered {
                    shop_id: registered.shop_id,
                    details: registered.details.clone(),
                    imported: with_source(&registered.source, &registered.details),
                    closed: false,
                    notice: String::new(),
                    staff: BTreeSet::new(),
                    secrets: 0,
                    may_log_in: false,
                });
            }
            (Some(shop), Event::ShopRevised(revised)) => {
                shop.details = revised.details.clone();
                if revised.source.is_some() {
                    shop.imported = with_source(&revised.source, &revised.details);
                }
            }
            (Some(shop), Event::ShopClosed(_)) => shop.closed = true,
            (Some(shop), Event::NoticePosted(posted)) => shop.notice = posted.title.clone(),
            (Some(shop), Event::StaffAdded(added)) => {
                shop.staff.insert(added.user_id);
            }
            (Some(shop), Event::StaffRemoved(removed)) => {
                shop.staff.remove(&removed.user_id);
            }
            (Some(shop), Event::XmppSecretIssued(issued)) => {
                shop.secrets = issued.generation;
                shop.may_log_in = true;
            }
            (Some(shop), Event::XmppSecretRevoked(_)) => shop.may_log_in = false,
            _ => {}
        }
    }
}

fn with_source(source: &Option<String>, details: &ShopDetails) -> Option<(String, ShopDetails)> {
    source.clone().map(|source| (source, details.clone()))
}

fn register(
    shop: &Option<Registered>,
    shop_id: ShopId,
    details: &ShopDetails,
) -> Result<Vec<Event>, Rejection> {
    details.check()?;
    match shop {
        None => Ok(vec![
            ShopRegistered {
                shop_id,
                details: details.clone(),
                source: None,
            }
            .into(),
        ]),
        Some(shop) if shop.details == *details && !shop.closed => Ok(Vec::new()),
        Some(_) => Err(Rejection::IdTaken),
    }
}

fn import(
    shop: &Option<Registered>,
    shop_id: ShopId,
    details: &ShopDetails,
    source: &str,
) -> Result<Vec<Event>, Rejection> {
    details.check()?;
    let (details, source) = (details.clone(), Some(source.to_owned()));
    match shop {
        None => Ok(vec![
            ShopRegistered {
                shop_id,
                details,
                source,
            }
            .into(),
        ]),
        Some(shop) => match &shop.imported {
            Some((from, _)) if Some(from) != source.as_ref() => Err(Rejection::IdTaken),
            None => Err(Rejection::IdTaken),
            Some((_, last)) if *last == details || shop.closed => Ok(Vec::new()),
            Some(_) => Ok(vec![
                ShopRevised {
                    shop_id,
                    details,
                    source,
                }
                .into(),
            ]),
        },
    }
}

fn change(shop: &Registered, command: &Command) -> Result<Vec<Event>, Rejection> {
    let shop_id = shop.shop_id;
    let events = match command {
        Command::Revise(edit) => {
            let details = edit.applied_to(&shop.details);
            details.check()?;
            (details != shop.details).then(|| {
                ShopRevised {
                    shop_id,
                    details,
                    source: None,
                }
                .into()
            })
        }
        Command::Close => Some(ShopClosed { shop_id }.into()),
        Command::PostNotice { title } => {
            if title.chars().count() > 255 || title.contains('\0') {
                return Err(Rejection::Title);
            }
            (*title != shop.notice).then(|| {
                NoticePosted {
                    shop_id,
                    title: title.clone(),
                }
                .into()
            })
        }
        Command::AddStaff { user_id } if shop.staff.contains(user_id) => None,
        Command::AddStaff { .. } if shop.staff.len() >= MAX_STAFF => {
            return Err(Rejection::TooManyStaff);
        }
        Command::AddStaff { user_id } => Some(
            StaffAdded {
                shop_id,
                user_id: *user_id,
            }
            .into(),
        ),
        Command::RemoveStaff { user_id } => shop.staff.contains(user_id).then(|| {
            StaffRemoved {
                shop_id,
                user_id: *user_id,
            }
            .into()
        }),
        // Each time another one: whoever asks does not know the one before.
        Command::IssueXmppSecret => Some(
            XmppSecretIssued {
                shop_id,
                generation: shop.secrets + 1,
            }
            .into(),
        ),
        Command::RevokeXmppSecret => shop
            .may_log_in
            .then(|| XmppSecretRevoked { shop_id }.into()),
        Command::Register { .. } | Command::Import { .. } => None,
    };
    Ok(events.into_iter().collect())
}

#[cfg(test)]
mod tests;
