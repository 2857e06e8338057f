//! `CheckIn` and taking it back (seed §9, §15).

use crate::Commands;
use crate::execute::{Error, Receipt, by};
use domain::checkin::{CheckedIn, Checkin, Command, Rejection};
use domain::geo::Point;
use domain::{CheckinId, ShopId, StreamName, UserId};

/// A check-in as the door has checked it.
#[derive(Clone, Debug)]
pub struct CheckIn {
    /// Who: the session's user.
    pub user_id: UserId,
    /// Where: a shop that the door found open.
    pub shop_id: ShopId,
    /// The phone's position.
    pub point: Point,
    /// Its accuracy in metres, as sent.
    pub accuracy: f64,
    /// The rank of the shop in the list that the person chose from.
    pub od: u32,
    /// Metres above the sea.
    pub altitude: Option<f64>,
    /// Accuracy of the altitude in metres.
    pub altacc: Option<f64>,
    /// The Wi-Fi access point.
    pub bssid: Option<String>,
    /// The person is invisible to everyone, as the door saw.
    pub hidden: bool,
}

impl Commands {
    /// Records a check-in under a new id.
    ///
    /// # Errors
    /// [`Error::Log`] when the log is away.
    pub async fn check_in(
        &self,
        check_in: CheckIn,
    ) -> Result<(CheckinId, Receipt), Error<Rejection>> {
        let checkin_id = CheckinId::new(self.clock.now().second(), rand::random());
        let CheckIn {
            user_id,
            shop_id,
            point,
            accuracy,
            od,
            altitude,
            altacc,
            bssid,
            hidden,
        } = check_in;
        let command = Command::CheckIn(CheckedIn {
            checkin_id,
            user_id,
            shop_id,
            point,
            accuracy,
            od,
            altitude,
            altacc,
            bssid,
            hidden,
        });
        let stream = StreamName::checkin(checkin_id);
        let receipt = self
            .execute_new::<Checkin>(&stream, &command, &by(user_id))
            .await?;
        Ok((checkin_id, receipt))
    }

    /// Takes back a check-in of `user_id`.
    ///
    /// # Errors
    /// [`Rejection::UnknownCheckin`], [`Rejection::NotYourCheckin`]; [`Error::Log`].
    pub async fn delete_checkin(
        &self,
        user_id: UserId,
        checkin_id: CheckinId,
    ) -> Result<Receipt, Error<Rejection>> {
        let stream = StreamName::checkin(checkin_id);
        self.execute::<Checkin>(&stream, &Command::Delete { user_id }, &by(user_id))
            .await
    }
}
