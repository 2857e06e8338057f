//! What a question to an archive is about: a form (XEP-0004) and a part (XEP-0059) of what it finds.

use super::MAM;
use crate::address::Address;
use crate::rsm::Paging;
use crate::stanza::StanzaError;
use crate::xml::Element;
use domain::{Millis, Position};
use jiff::Timestamp;
use projections::chat_history::archive::{Criteria, End, With};

const FORM: &str = "jabber:x:data";
const VALIDATE: &str = "http://jabber.org/protocol/xdata-validate";

/// A question.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Query {
    /// The other side; `Some(None)` is somebody whom nobody here can have spoken to.
    with: Option<Option<With>>,
    start: Option<Millis>,
    end: Option<Millis>,
    before_id: Option<Position>,
    after_id: Option<Position>,
    /// In order, each once.
    pub(super) ids: Option<Vec<Position>>,
    pub(super) paging: Paging,
    /// What `paging` names.
    before: Option<Position>,
    after: Option<Position>,
}

impl Query {
    /// Reads `query`, where our domain is `domain` and the rooms are at `rooms`.
    pub(super) fn of(query: &Element, domain: &str, rooms: &str) -> Result<Self, StanzaError> {
        let paging = Paging::of(query)?;
        let mut wanted = Self {
            before: paging
                .before
                .as_ref()
                .and_then(Option::as_deref)
                .map(place)
                .transpose()?,
            after: paging.after.as_deref().map(place).transpose()?,
            paging,
            ..Self::default()
        };
        let Some(form) = query.child("x", FORM) else {
            return Ok(wanted);
        };
        if form.attr("type") != Some("submit") {
            return Err(StanzaError::BAD_REQUEST.saying("the form must be of type submit"));
        }
        let mut is_ours = false;
        for field in form.children().filter(|child| child.is("field", FORM)) {
            let name = field.attr("var").unwrap_or_default();
            let values: Vec<String> = field
                .children()
                .filter(|child| child.is("value", FORM))
                .map(Element::text)
                .collect();
            if name == "ids" {
                wanted.ids = Some(places(&values)?);
                continue;
            }
            // A field that was left empty asks for nothing.
            let Some(value) = values.first().filter(|value| !value.is_empty()) else {
                continue;
            };
            match name {
                "FORM_TYPE" => is_ours = value == MAM,
                "with" => wanted.with = Some(with(value, domain, rooms)?),
                "start" => wanted.start = Some(moment(value)?),
                "end" => wanted.end = Some(moment(value)?),
                "before-id" => wanted.before_id = Some(place(value)?),
                "after-id" => wanted.after_id = Some(place(value)?),
                _ => return Err(StanzaError::FEATURE_NOT_IMPLEMENTED.saying("unknown field")),
            }
        }
        if !is_ours {
            return Err(StanzaError::BAD_REQUEST.saying("the form must be of this archive's type"));
        }
        Ok(wanted)
    }

    /// What is looked for up to `head`; `None` when nothing can be found.
    pub(super) fn criteria(&self, head: Position) -> Option<Criteria> {
        let with = match &self.with {
            Some(None) => return None,
            Some(Some(with)) => Some(with.clone()),
            None => None,
        };
        Some(Criteria {
            with,
            since: self.start,
            until: self.end,
            after: self.after_id.max(self.after),
            before: match (self.before_id, self.before) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
            only: self.ids.clone(),
            ..Criteria::upto(head)
        })
    }

    /// Where paging begins.
    pub(super) fn end(&self) -> End {
        if self.paging.before.is_some() {
            End::Newest
        } else {
            End::Oldest
        }
    }

    /// The places that bound what is looked for.
    pub(super) fn bounds(&self) -> Vec<Position> {
        let bounds = [self.before_id, self.after_id, self.before, self.after];
        bounds.into_iter().flatten().collect()
    }
}

/// The fields that a question may have.
pub(super) fn form() -> String {
    let mut out = format!(
        "<x xmlns='{FORM}' type='form'>\
         <field type='hidden' var='FORM_TYPE'><value>{MAM}</value></field>\
         <field type='jid-single' var='with'/>"
    );
    for name in ["start", "end", "before-id", "after-id"] {
        out.push_str(&format!("<field type='text-single' var='{name}'/>"));
    }
    out.push_str(&format!(
        "<field type='list-multi' var='ids'>\
         <validate xmlns='{VALIDATE}' datatype='xs:string'><open/></validate></field></x>"
    ));
    out
}

fn with(jid: &str, domain: &str, rooms: &str) -> Result<Option<With>, StanzaError> {
    Ok(match Address::parse(jid, domain, rooms)? {
        Address::Party(party, resource) => Some(With::Party(party, resource)),
        Address::Room(shop, None) => Some(With::Occupants(shop, None)),
        // A nick is an id; nobody has another.
        Address::Room(shop, Some(nick)) => match nick.parse() {
            Ok(party) => Some(With::Occupants(shop, Some(party))),
            Err(_) => None,
        },
        Address::House
        | Address::Nobody
        | Address::Rooms
        | Address::NoRoom
        | Address::Elsewhere => None,
    })
}

/// XEP-0082 §3.2
fn moment(text: &str) -> Result<Millis, StanzaError> {
    let moment: Timestamp = text
        .trim()
        .parse()
        .map_err(|_| StanzaError::BAD_REQUEST.saying("start and end must be moments"))?;
    Ok(Millis(moment.as_millisecond()))
}

/// A place in the archive; what we have not given out is none.
fn place(id: &str) -> Result<Position, StanzaError> {
    let place = id.parse().map_err(|_| StanzaError::ITEM_NOT_FOUND)?;
    let place = Position(place);
    if place.0.to_string() == id {
        Ok(place)
    } else {
        Err(StanzaError::ITEM_NOT_FOUND)
    }
}

fn places(ids: &[String]) -> Result<Vec<Position>, StanzaError> {
    let mut places = ids
        .iter()
        .map(|id| place(id))
        .collect::<Result<Vec<_>, _>>()?;
    places.sort_unstable();
    places.dedup();
    Ok(places)
}
