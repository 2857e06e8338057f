//! Every event that the log may hold, with the name it is stored under.
//!
//! A stored name is pinned for ever; the Rust names may change. Bytes are made and read only in
//! `eventlog::codec`.

use crate::{album, block, chat, checkin, coupon, device, follow, grant, identity, inbox};
use crate::{photo, push, share, shop, user};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A moment: milliseconds since 1970, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Millis(pub i64);

impl Millis {
    /// The second that this moment lies in, for ids that begin with their second of creation;
    /// moments outside of the 32 bits are moved to their ends.
    #[must_use]
    pub fn second(self) -> u32 {
        u32::try_from(self.0.div_euclid(1000).max(0)).unwrap_or(u32::MAX)
    }
}

/// A place in the whole log: ordered, otherwise opaque (only the SQL engines count without gaps).
/// [`Position::START`] is before the first event.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position(pub u64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Declares [`Event`] and [`EventKind`] from one list of `stored name => Variant(payload)`.
macro_rules! events {
    ($($(#[$doc:meta])* $name:literal => $variant:ident($payload:ty),)+) => {
        /// Something that has happened.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Event {
            $($(#[$doc])* $variant($payload),)+
        }

        /// Which event it is, without its contents.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $variant,)+
        }

        impl EventKind {
            /// Every kind, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The pinned name under which events of this kind are stored.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The kind that is stored under `name`.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl Event {
            /// Which event it is.
            #[must_use]
            pub fn kind(&self) -> EventKind {
                match self {
                    $(Self::$variant(_) => EventKind::$variant,)+
                }
            }

            /// Writes the contents, without the name.
            ///
            /// # Errors
            /// Those of the serializer.
            pub fn serialize_data<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(payload) => payload.serialize(serializer),)+
                }
            }

            /// Reads the contents of an event of `kind`.
            ///
            /// # Errors
            /// Those of the deserializer, when the contents do not fit the kind.
            pub fn deserialize_data<'de, D: Deserializer<'de>>(
                kind: EventKind,
                deserializer: D,
            ) -> Result<Self, D::Error> {
                match kind {
                    $(EventKind::$variant => {
                        <$payload>::deserialize(deserializer).map(Self::$variant)
                    })+
                }
            }
        }

        $(impl From<$payload> for Event {
            fn from(payload: $payload) -> Self {
                Self::$variant(payload)
            }
        })+
    };
}

events! {
    /// A phone started the app (seed §1).
    "device.app-started.v1" => AppStarted(device::AppStarted),
    /// A shop is there.
    "shop.registered.v1" => ShopRegistered(shop::ShopRegistered),
    /// A shop's details are these from now on.
    "shop.revised.v1" => ShopRevised(shop::ShopRevised),
    /// A shop is gone.
    "shop.closed.v1" => ShopClosed(shop::ShopClosed),
    /// A shop tells its guests something (seed §7).
    "shop.notice-posted.v1" => NoticePosted(shop::NoticePosted),
    /// Somebody works for a shop (seed §7).
    "shop.staff-added.v1" => StaffAdded(shop::StaffAdded),
    /// Somebody no longer works for a shop.
    "shop.staff-removed.v1" => StaffRemoved(shop::StaffRemoved),
    /// A shop's staff log in as the shop with a new secret.
    "shop.xmpp-secret-issued.v1" => XmppSecretIssued(shop::XmppSecretIssued),
    /// Nobody logs in as a shop any more.
    "shop.xmpp-secret-revoked.v1" => XmppSecretRevoked(shop::XmppSecretRevoked),
    /// A provider's subject is a user of ours.
    "identity.linked.v1" => IdentityLinked(identity::IdentityLinked),
    /// A person has an account.
    "user.registered.v1" => UserRegistered(user::UserRegistered),
    /// A person changed what others read about them (seed §16).
    "user.profile-changed.v1" => ProfileChanged(user::ProfileChanged),
    /// A person changed who may see where they are (seed §16).
    "user.visibility-changed.v1" => VisibilityChanged(user::VisibilityChanged),
    /// An operator gave a person a new XMPP password.
    "user.password-reset.v1" => PasswordReset(user::PasswordReset),
    /// An operator shut a person out.
    "user.banned.v1" => UserBanned(user::UserBanned),
    /// An operator let a person in again.
    "user.unbanned.v1" => UserUnbanned(user::UserUnbanned),
    /// A person wants a post about the app on Weibo (seed §3).
    "user.share-requested.v1" => ShareRequested(share::ShareRequested),
    /// The post is on Weibo.
    "user.shared.v1" => Shared(share::Shared),
    /// The post was given up.
    "user.share-failed.v1" => ShareFailed(share::ShareFailed),
    /// A person follows another (seed §21).
    "follow.followed.v1" => Followed(follow::Followed),
    /// A person no longer follows another (seed §22).
    "follow.unfollowed.v1" => Unfollowed(follow::Unfollowed),
    /// A person put another on the blacklist, or reported one who was on it (seed §26).
    "block.blocked.v1" => Blocked(block::Blocked),
    /// A person took another off the blacklist (seed §27).
    "block.unblocked.v1" => Unblocked(block::Unblocked),
    /// A person is at a shop (seed §9).
    "checkin.checked-in.v1" => CheckedIn(checkin::CheckedIn),
    /// A person took a check-in back (seed §15).
    "checkin.deleted.v1" => CheckinDeleted(checkin::CheckinDeleted),
    /// A picture stands in a person's album (seed §17).
    "album.photo-added.v1" => PhotoAdded(album::PhotoAdded),
    /// A picture stands there no longer (seed §20).
    "album.photo-removed.v1" => PhotoRemoved(album::PhotoRemoved),
    /// The pictures of an album stand in another order (seed §19).
    "album.reordered.v1" => AlbumReordered(album::AlbumReordered),
    /// A picture has arrived (seed §17, §29, §30).
    "photo.uploaded.v1" => PhotoUploaded(photo::PhotoUploaded),
    /// A picture can be shown.
    "photo.processed.v1" => PhotoProcessed(photo::PhotoProcessed),
    /// A picture will never be shown.
    "photo.rejected.v1" => PhotoRejected(photo::PhotoRejected),
    /// A picture is on Weibo too (seed §29.1).
    "photo.shared.v1" => PhotoShared(photo::PhotoShared),
    /// A picture will not be on Weibo.
    "photo.share-failed.v1" => PhotoShareFailed(photo::PhotoShareFailed),
    /// A shop offers a coupon (seed §31).
    "coupon.offered.v1" => CouponOffered(coupon::CouponOffered),
    /// A shop gives out a coupon no longer.
    "coupon.withdrawn.v1" => CouponWithdrawn(coupon::CouponWithdrawn),
    /// A person was given a copy of a coupon (seed §31.1).
    "coupon.granted.v1" => CouponGranted(grant::CouponGranted),
    /// A person used a copy of a coupon (seed §31.3).
    "coupon.used.v1" => CouponUsed(grant::CouponUsed),
    /// Somebody said something to somebody, or in a room (seed §28).
    "chat.message-sent.v1" => MessageSent(chat::MessageSent),
    /// What was said before is shown no longer.
    "chat.history-cleared.v1" => HistoryCleared(chat::HistoryCleared),
    /// Messages have reached their receiver.
    "inbox.messages-delivered.v1" => MessagesDelivered(inbox::MessagesDelivered),
    /// A receiver has looked at a message (seed §28.4).
    "inbox.message-displayed.v1" => MessageDisplayed(inbox::MessageDisplayed),
    /// A person's device can be woken (seed §33.1).
    "user.push-token-bound.v1" => PushTokenBound(push::PushTokenBound),
    /// A person's device is woken no longer (seed §33.2).
    "user.push-token-unbound.v1" => PushTokenUnbound(push::PushTokenUnbound),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stored_name_is_versioned_and_leads_back_to_its_kind() {
        for &kind in EventKind::ALL {
            assert_eq!(EventKind::from_name(kind.name()), Some(kind));
            assert!(kind.name().ends_with(".v1"), "{}", kind.name());
        }
    }

    #[test]
    fn a_moment_before_1970_has_second_zero() {
        assert_eq!(Millis(-1).second(), 0);
        assert_eq!(Millis(1_999).second(), 1);
    }
}
