//! A person's album: which pictures stand in it, in which order; the first is the person's logo.
//!
//! A picture stands in the album from its upload on; whether it can be shown yet is `photo`'s.

use crate::photo::Format;
use crate::{Decider, Event, PhotoId, UserId};
use serde::{Deserialize, Serialize};

/// A picture stands at the end of a person's album. Its bytes lie in the blob store.
///
/// `{"user_id":"502e…","photo_id":"509a…","format":"jpeg","bytes":81234}`; source: seed §17. What
/// is known of the upload is kept here too, so that an upload that was cut short can be completed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoAdded {
    /// Whose album.
    pub user_id: UserId,
    /// Which picture.
    pub photo_id: PhotoId,
    /// What it is, by its first bytes.
    pub format: Format,
    /// How many bytes were sent.
    pub bytes: u64,
}

/// A picture stands in a person's album no longer.
///
/// `{"user_id":"502e…","photo_id":"509a…"}`; source: seed §20.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoRemoved {
    /// Whose album.
    pub user_id: UserId,
    /// Which picture.
    pub photo_id: PhotoId,
}

/// The pictures of an album stand in this order.
///
/// `{"user_id":"502e…","photo_ids":["509a…","5044…"]}`; all of them; source: seed §19.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlbumReordered {
    /// Whose album.
    pub user_id: UserId,
    /// All pictures of the album, the logo first.
    pub photo_ids: Vec<PhotoId>,
}

/// What somebody wants with an album.
#[derive(Clone, Debug)]
pub enum Command {
    /// Puts a picture at its end.
    Add {
        /// What is added.
        added: PhotoAdded,
        /// How many pictures the album may hold.
        most: usize,
    },
    /// Takes a picture out, at its owner's wish.
    Remove {
        /// Whose album.
        user_id: UserId,
        /// Which picture.
        photo_id: PhotoId,
    },
    /// Takes out a picture that cannot be shown, even if it is the last.
    Discard {
        /// Whose album.
        user_id: UserId,
        /// Which picture.
        photo_id: PhotoId,
    },
    /// Puts these pictures to the front, in this order; the others keep theirs behind.
    Reorder {
        /// Whose album.
        user_id: UserId,
        /// Some or all pictures of the album.
        photo_ids: Vec<PhotoId>,
    },
}

/// Why the rules refuse a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The album holds as many pictures as it may.
    #[error("the album is full: it holds at most {most} pictures")]
    Full {
        /// How many it may hold.
        most: usize,
    },
    /// The picture is not in the person's album.
    #[error("no such picture in your album")]
    UnknownPhoto,
    /// Whoever has a face here keeps one.
    #[error("the last picture cannot be deleted")]
    LastPhoto,
    /// A new order names a picture twice.
    #[error("a picture is named twice")]
    NamedTwice,
    /// A new order names nothing.
    #[error("no picture is named")]
    NoneNamed,
}

/// The rules of `album-<user>`; the state is the order of the pictures.
#[derive(Debug)]
pub struct Album;

impl Decider for Album {
    type Command = Command;
    type Rejection = Rejection;
    type State = Vec<PhotoId>;

    fn decide(album: &Vec<PhotoId>, command: &Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Add { added, .. } if album.contains(&added.photo_id) => Ok(Vec::new()),
            Command::Add { most, .. } if album.len() >= *most => {
                Err(Rejection::Full { most: *most })
            }
            Command::Add { added, .. } => Ok(vec![added.clone().into()]),
            Command::Remove { photo_id, .. } if !album.contains(photo_id) => {
                Err(Rejection::UnknownPhoto)
            }
            Command::Remove { .. } if album.len() == 1 => Err(Rejection::LastPhoto),
            Command::Discard { photo_id, .. } if !album.contains(photo_id) => Ok(Vec::new()),
            Command::Remove { user_id, photo_id } | Command::Discard { user_id, photo_id } => {
                Ok(vec![
                    PhotoRemoved {
                        user_id: *user_id,
                        photo_id: *photo_id,
                    }
                    .into(),
                ])
            }
            Command::Reorder { user_id, photo_ids } => reorder(album, *user_id, photo_ids),
        }
    }

    fn evolve(album: &mut Vec<PhotoId>, event: &Event) {
        match event {
            Event::PhotoAdded(added) if !album.contains(&added.photo_id) => {
                album.push(added.photo_id);
            }
            Event::PhotoRemoved(removed) => album.retain(|photo| *photo != removed.photo_id),
            Event::AlbumReordered(reordered) => album.clone_from(&reordered.photo_ids),
            _ => {}
        }
    }
}

fn reorder(album: &[PhotoId], user_id: UserId, named: &[PhotoId]) -> Result<Vec<Event>, Rejection> {
    if named.is_empty() {
        return Err(Rejection::NoneNamed);
    }
    if !named.iter().all(|photo| album.contains(photo)) {
        return Err(Rejection::UnknownPhoto);
    }
    // Each named one is in the album, so a longer list repeats itself, and is short to compare.
    let twice = |at: usize| named[..at].contains(&named[at]);
    if named.len() > album.len() || (0..named.len()).any(twice) {
        return Err(Rejection::NamedTwice);
    }
    let behind = album.iter().filter(|photo| !named.contains(photo));
    let photo_ids: Vec<PhotoId> = named.iter().chain(behind).copied().collect();
    if photo_ids == album {
        return Ok(Vec::new());
    }
    Ok(vec![AlbumReordered { user_id, photo_ids }.into()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::given;

    fn ana() -> UserId {
        UserId::new(1, [1; 8])
    }

    fn photo(number: u8) -> PhotoId {
        PhotoId::new(2, [number; 8])
    }

    fn added(number: u8) -> PhotoAdded {
        PhotoAdded {
            user_id: ana(),
            photo_id: photo(number),
            format: Format::Png,
            bytes: 100,
        }
    }

    fn album(numbers: impl IntoIterator<Item = u8>) -> Vec<Event> {
        numbers
            .into_iter()
            .map(|number| added(number).into())
            .collect()
    }

    fn add(number: u8) -> Command {
        Command::Add {
            added: added(number),
            most: 3,
        }
    }

    fn remove(number: u8) -> Command {
        Command::Remove {
            user_id: ana(),
            photo_id: photo(number),
        }
    }

    fn discard(number: u8) -> Command {
        Command::Discard {
            user_id: ana(),
            photo_id: photo(number),
        }
    }

    fn removed(number: u8) -> Event {
        PhotoRemoved {
            user_id: ana(),
            photo_id: photo(number),
        }
        .into()
    }

    fn reorder<const N: usize>(numbers: [u8; N]) -> Command {
        Command::Reorder {
            user_id: ana(),
            photo_ids: numbers.map(photo).to_vec(),
        }
    }

    fn reordered<const N: usize>(numbers: [u8; N]) -> Event {
        AlbumReordered {
            user_id: ana(),
            photo_ids: numbers.map(photo).to_vec(),
        }
        .into()
    }

    #[test]
    fn an_album_takes_each_picture_once_and_so_many_at_most() {
        given::<Album>(album([1, 2]))
            .when(add(3))
            .then([added(3).into()]);
        given::<Album>(album([1, 2, 3])).when(add(3)).then_nothing();
        given::<Album>(album([1, 2, 3]))
            .when(add(4))
            .then_rejected(Rejection::Full { most: 3 });
    }

    #[test]
    fn what_was_removed_makes_room() {
        let mut history = album([1, 2, 3]);
        history.push(removed(2));
        given::<Album>(history).when(add(4)).then([added(4).into()]);
    }

    #[test]
    fn the_last_picture_stays_unless_it_cannot_be_shown() {
        given::<Album>(album([1, 2]))
            .when(remove(1))
            .then([removed(1)]);
        given::<Album>(album([1]))
            .when(remove(1))
            .then_rejected(Rejection::LastPhoto);
        given::<Album>(album([1]))
            .when(discard(1))
            .then([removed(1)]);
    }

    #[test]
    fn a_picture_that_is_not_in_the_album_cannot_be_removed() {
        given::<Album>(album([1]))
            .when(remove(9))
            .then_rejected(Rejection::UnknownPhoto);
        given::<Album>(album([1])).when(discard(9)).then_nothing();
    }

    #[test]
    fn pictures_that_a_new_order_does_not_name_keep_theirs_behind() {
        given::<Album>(album([2, 4, 6, 8]))
            .when(reorder([8, 6, 4, 2]))
            .then([reordered([8, 6, 4, 2])]);
        given::<Album>(album([1, 2, 3, 4]))
            .when(reorder([3, 1]))
            .then([reordered([3, 1, 2, 4])]);
        given::<Album>(album([1, 2]))
            .when(reorder([1]))
            .then_nothing();
    }

    #[test]
    fn a_bad_order_changes_nothing() {
        let refused = |command, rejection| {
            given::<Album>(album([1, 2, 3]))
                .when(command)
                .then_rejected(rejection);
        };
        refused(reorder([2, 9]), Rejection::UnknownPhoto);
        refused(reorder([2, 1, 2]), Rejection::NamedTwice);
        refused(reorder([1, 2, 3, 1]), Rejection::NamedTwice);
        refused(reorder([]), Rejection::NoneNamed);
    }

    #[test]
    fn a_new_picture_goes_last_after_a_new_order_too() {
        let mut history = album([1, 2]);
        history.push(reordered([2, 1]));
        history.extend(album([3]));
        assert_eq!(Album::fold(&history), [2, 1, 3].map(photo));
    }
}
