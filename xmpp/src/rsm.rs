//! Asking for a part of what was found (XEP-0059).

use crate::stanza::StanzaError;
use crate::xml::{Element, escape};

pub(crate) const RSM: &str = "http://jabber.org/protocol/rsm";

/// Which part is wanted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Paging {
    /// At most so much.
    pub(crate) max: Option<usize>,
    /// What stands behind this; the first page without it.
    pub(crate) after: Option<String>,
    /// What stands before this, counted from there; without a name, the last page.
    pub(crate) before: Option<Option<String>>,
}

impl Paging {
    /// What `query` wants, which need not say.
    pub(crate) fn of(query: &Element) -> Result<Self, StanzaError> {
        let Some(set) = query.child("set", RSM) else {
            return Ok(Self::default());
        };
        if set.child("index", RSM).is_some() {
            // XEP-0059 §2.6: nobody has to count from the beginning.
            return Err(StanzaError::FEATURE_NOT_IMPLEMENTED);
        }
        let text = |name| set.child(name, RSM).map(Element::text);
        let max = text("max").map(|max| max.trim().parse::<u64>());
        let max = max
            .transpose()
            .map_err(|_| StanzaError::BAD_REQUEST.saying("max must be a number"))?;
        Ok(Self {
            max: max.map(|max| usize::try_from(max).unwrap_or(usize::MAX)),
            after: text("after").filter(|after| !after.is_empty()),
            before: text("before").map(|before| Some(before).filter(|name| !name.is_empty())),
        })
    }
}

/// Which part was found.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// The names of its first and last.
    pub(crate) ends: Option<(String, String)>,
    /// The first of it is the first of all.
    pub(crate) is_first: bool,
    /// How much there is in all, where that is known.
    pub(crate) count: Option<usize>,
}

impl Part {
    pub(crate) fn to_xml(&self) -> String {
        let mut out = format!("<set xmlns='{RSM}'>");
        if let Some((first, last)) = &self.ends {
            out.push_str(if self.is_first {
                "<first index='0'>"
            } else {
                "<first>"
            });
            escape(&mut out, first);
            out.push_str("</first><last>");
            escape(&mut out, last);
            out.push_str("</last>");
        }
        if let Some(count) = self.count {
            out.push_str(&format!("<count>{count}</count>"));
        }
        out.push_str("</set>");
        out
    }
}
