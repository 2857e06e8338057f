//! One uploaded picture: it arrives, is processed or rejected, and may be posted on Weibo.
//!
//! Which pictures stand in an album is `album`'s; pixels and bytes are not known here.

use crate::share::{Failure, Outcome};
use crate::user::is_text;
use crate::{CheckinId, Decider, Event, PhotoId, ShopId, UserId};
use serde::{Deserialize, Serialize};

/// The longest text that may stand beside a picture, in characters.
pub const MAX_DESC: usize = 254;

/// A picture has arrived: its bytes lie in the blob store, nobody has looked at them yet.
///
/// `{"photo_id":"509a…","user_id":"502e…","format":"jpeg","bytes":81234,"kind":"album"}`; the
/// fields behind `kind` are those of [`Purpose`]. Source: seed §17, §29.1, §30.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoUploaded {
    /// Which picture.
    pub photo_id: PhotoId,
    /// Who sent it.
    pub user_id: UserId,
    /// What it is, by its first bytes.
    pub format: Format,
    /// How many bytes were sent.
    pub bytes: u64,
    /// What it was sent for.
    #[serde(flatten)]
    pub purpose: Purpose,
}

/// What a picture was sent for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Purpose {
    /// To stand in the sender's album. `{"kind":"album"}`
    Album,
    /// For everybody in the room of a shop.
    ///
    /// `{"kind":"room","shop_id":1,"desc":"海","weibo":false,"checkin_id":"50b7…"}`
    Room {
        /// Whose room.
        shop_id: ShopId,
        /// What the sender says of it, fewer than 255 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        desc: Option<String>,
        /// The sender wants it on Weibo too.
        weibo: bool,
        /// The check-in during which it was sent, where the sender is at this shop.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        checkin_id: Option<CheckinId>,
    },
    /// For one person. `{"kind":"private","to_id":"5044…"}`
    Private {
        /// For whom.
        to_id: UserId,
    },
}

/// A picture can be shown: what is published of it lies in the blob store.
///
/// `{"photo_id":"509a…","user_id":"502e…","format":"jpeg","width":960,"height":720,"bytes":80111}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoProcessed {
    /// Which picture.
    pub photo_id: PhotoId,
    /// Who sent it.
    pub user_id: UserId,
    /// What the published picture is; thumbnails are PNG always.
    pub format: Format,
    /// Its width in pixels, at most 960.
    pub width: u32,
    /// Its height in pixels, at most 960.
    pub height: u32,
    /// Its length.
    pub bytes: u64,
}

/// A picture will never be shown, and its bytes are gone.
///
/// `{"photo_id":"509a…","user_id":"502e…","reason":"damaged"}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoRejected {
    /// Which picture.
    pub photo_id: PhotoId,
    /// Who sent it.
    pub user_id: UserId,
    /// Why.
    pub reason: Reason,
}

/// A picture is on Weibo too, under its sender's name. `{"photo_id":"509a…","user_id":"502e…"}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoShared {
    /// Which picture.
    pub photo_id: PhotoId,
    /// Who sent it.
    pub user_id: UserId,
}

/// A picture will not be on Weibo.
///
/// `{"photo_id":"509a…","user_id":"502e…","reason":"refused"}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoShareFailed {
    /// Which picture.
    pub photo_id: PhotoId,
    /// Who sent it.
    pub user_id: UserId,
    /// Why.
    pub reason: Failure,
}

/// What a picture's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// GIF, of which the first frame counts.
    Gif,
}

/// Why a picture is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It is neither JPEG nor PNG nor GIF.
    NotAPicture,
    /// It has too many pixels, or would take too much memory.
    TooLarge,
    /// It cannot be read to its end.
    Damaged,
    /// Its bytes are not in the blob store.
    Lost,
    /// It was taken out of the album before anybody looked at it.
    Removed,
}

/// What somebody wants with a picture.
#[derive(Clone, Debug)]
pub enum Command {
    /// Records that it has arrived. That a receiver and a shop are there was found out before.
    Upload(PhotoUploaded),
    /// Records that it can be shown.
    Process {
        /// See [`PhotoProcessed::format`].
        format: Format,
        /// See [`PhotoProcessed::width`].
        width: u32,
        /// See [`PhotoProcessed::height`].
        height: u32,
        /// See [`PhotoProcessed::bytes`].
        bytes: u64,
    },
    /// Records that it never will be.
    Reject(Reason),
    /// Records how posting it on Weibo ended.
    FinishShare(Outcome),
}

/// Why the rules refuse a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such picture.
    #[error("unknown picture")]
    UnknownPhoto,
    /// There is no such person.
    #[error("unknown user")]
    UnknownUser,
    /// See [`Purpose::Room`].
    #[error("desc must have fewer than 255 characters")]
    Desc,
}

/// A picture as its stream tells it.
#[derive(Clone, Debug)]
pub struct Uploaded {
    /// How it arrived.
    pub uploaded: PhotoUploaded,
    /// What became of it.
    pub fate: Fate,
    /// How posting it on Weibo ended, if it has.
    pub share_ended: bool,
}

/// What became of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nobody has looked at it yet.
    Pending,
    /// It can be shown, and is this.
    Ready(Format),
    /// It never will be shown.
    Rejected,
}

/// The rules of `photo-<id>`.
#[derive(Debug)]
pub struct Photo;

impl Decider for Photo {
    type Command = Command;
    type Rejection = Rejection;
    type State = Option<Uploaded>;

    fn decide(photo: &Option<Uploaded>, command: &Command) -> Result<Vec<Event>, Rejection> {
        match (photo, command) {
            (None, Command::Upload(uploaded)) => {
                check(&uploaded.purpose)?;
                Ok(vec![uploaded.clone().into()])
            }
            (Some(_), Command::Upload(_)) => Ok(Vec::new()),
            (None, _) => Err(Rejection::UnknownPhoto),
            (Some(photo), command) => Ok(photo.change(command).into_iter().collect()),
        }
    }

    fn evolve(photo: &mut Option<Uploaded>, event: &Event) {
        match (photo.as_mut(), event) {
            (None, Event::PhotoUploaded(uploaded)) => {
                *photo = Some(Uploaded {
                    uploaded: uploaded.clone(),
                    fate: Fate::Pending,
                    share_ended: false,
                });
            }
            (Some(photo), Event::PhotoProcessed(done)) => photo.fate = Fate::Ready(done.format),
            (Some(photo), Event::PhotoRejected(_)) => photo.fate = Fate::Rejected,
            (Some(photo), Event::PhotoShared(_) | Event::PhotoShareFailed(_)) => {
                photo.share_ended = true;
            }
            _ => {}
        }
    }
}

impl Uploaded {
    /// What a command does to a picture that has arrived; what is done is not done again.
    fn change(&self, command: &Command) -> Option<Event> {
        let (photo_id, user_id) = (self.uploaded.photo_id, self.uploaded.user_id);
        let pending = self.fate == Fate::Pending;
        match *command {
            Command::Process {
                format,
                width,
                height,
                bytes,
            } if pending => Some(
                PhotoProcessed {
                    photo_id,
                    user_id,
                    format,
                    width,
                    height,
                    bytes,
                }
                .into(),
            ),
            Command::Reject(reason) if pending => Some(
                PhotoRejected {
                    photo_id,
                    user_id,
                    reason,
                }
                .into(),
            ),
            Command::FinishShare(outcome) if !self.share_ended => Some(match outcome {
                Outcome::Posted => PhotoShared { photo_id, user_id }.into(),
                Outcome::GivenUp(reason) => PhotoShareFailed {
                    photo_id,
                    user_id,
                    reason,
                }
                .into(),
            }),
            _ => None,
        }
    }
}

fn check(purpose: &Purpose) -> Result<(), Rejection> {
    match purpose {
        Purpose::Room {
            desc: Some(desc), ..
        } if !is_text(desc, MAX_DESC) => Err(Rejection::Desc),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::given;

    fn uploaded(purpose: Purpose) -> PhotoUploaded {
        PhotoUploaded {
            photo_id: PhotoId::new(2, [2; 8]),
            user_id: UserId::new(1, [1; 8]),
            format: Format::Jpeg,
            bytes: 81_234,
            purpose,
        }
    }

    fn arrived() -> Event {
        uploaded(Purpose::Album).into()
    }

    fn process() -> Command {
        Command::Process {
            format: Format::Jpeg,
            width: 960,
            height: 720,
            bytes: 80_111,
        }
    }

    fn processed() -> Event {
        PhotoProcessed {
            photo_id: PhotoId::new(2, [2; 8]),
            user_id: UserId::new(1, [1; 8]),
            format: Format::Jpeg,
            width: 960,
            height: 720,
            bytes: 80_111,
        }
        .into()
    }

    fn rejected() -> Event {
        PhotoRejected {
            photo_id: PhotoId::new(2, [2; 8]),
            user_id: UserId::new(1, [1; 8]),
            reason: Reason::Damaged,
        }
        .into()
    }

    fn with_desc(desc: &str) -> Command {
        Command::Upload(uploaded(Purpose::Room {
            shop_id: ShopId::new(7).expect("an id"),
            desc: Some(desc.into()),
            weibo: false,
            checkin_id: None,
        }))
    }

    #[test]
    fn a_picture_arrives_once() {
        given::<Photo>([])
            .when(Command::Upload(uploaded(Purpose::Album)))
            .then([arrived()]);
        given::<Photo>([arrived()])
            .when(Command::Upload(uploaded(Purpose::Album)))
            .then_nothing();
    }

    #[test]
    fn what_is_said_of_a_picture_is_plain_and_has_fewer_than_255_characters() {
        for desc in ["海".repeat(255), "\0".into()] {
            given::<Photo>([])
                .when(with_desc(&desc))
                .then_rejected(Rejection::Desc);
        }
        assert!(Photo::decide(&None, &with_desc(&"海\n".repeat(127))).is_ok());
    }

    #[test]
    fn a_picture_has_one_fate() {
        let reject = || Command::Reject(Reason::Damaged);
        given::<Photo>([arrived()])
            .when(process())
            .then([processed()]);
        given::<Photo>([arrived()])
            .when(reject())
            .then([rejected()]);
        for fate in [processed(), rejected()] {
            for again in [process(), reject()] {
                given::<Photo>([arrived(), fate.clone()])
                    .when(again)
                    .then_nothing();
            }
        }
        given::<Photo>([])
            .when(process())
            .then_rejected(Rejection::UnknownPhoto);
    }

    #[test]
    fn posting_ends_once() {
        let posted = || Command::FinishShare(Outcome::Posted);
        let shared = PhotoShared {
            photo_id: PhotoId::new(2, [2; 8]),
            user_id: UserId::new(1, [1; 8]),
        };
        let history = || [arrived(), processed()];
        given::<Photo>(history())
            .when(posted())
            .then([shared.clone().into()]);
        for again in [
            posted(),
            Command::FinishShare(Outcome::GivenUp(Failure::Away)),
        ] {
            given::<Photo>([arrived(), processed(), shared.clone().into()])
                .when(again)
                .then_nothing();
        }
    }
}
