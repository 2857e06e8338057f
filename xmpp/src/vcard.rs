//! Who somebody is (XEP-0054): the name and the picture, for clients that show more than an id.
//!
//! Profiles and pictures are changed over HTTP only.

mod picture;

pub(crate) use picture::Pictures;

use crate::Service;
use crate::stanza::StanzaError;
use crate::xml::escape;
use domain::Party;

pub(crate) const VCARD: &str = "vcard-temp";

impl Service {
    /// The card of a person or a shop.
    pub(crate) async fn vcard(&self, of: Party) -> Result<String, StanzaError> {
        let name = match of {
            Party::User(user) => {
                let profile = self.projections.profiles.get(user).await;
                let profile = profile.map_err(|error| StanzaError::away(&error))?;
                profile.map(|profile| profile.name)
            }
            Party::Shop(shop) => self
                .projections
                .shop_index
                .read(|shops| shops.get(shop).map(|shop| shop.name().to_owned())),
        };
        let name = name.ok_or(StanzaError::ITEM_NOT_FOUND)?;
        let mut out = format!("<vCard xmlns='{VCARD}'>");
        for field in ["FN", "NICKNAME"] {
            out.push_str(&format!("<{field}>"));
            escape(&mut out, &name);
            out.push_str(&format!("</{field}>"));
        }
        out.push_str(&format!("<JABBERID>{}</JABBERID>", self.bare(of)));
        if let Party::User(user) = of
            && let Some(picture) = self.pictures.of(user, &self.projections.albums).await
        {
            out.push_str("<PHOTO><TYPE>image/png</TYPE><BINVAL>");
            out.push_str(&picture);
            out.push_str("</BINVAL></PHOTO>");
        }
        out.push_str("</vCard>");
        Ok(out)
    }
}
