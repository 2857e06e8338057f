//! Answers to stanzas, and the one table of what goes wrong with them (RFC 6120 §8.3).

use crate::xml::{Element, attribute, escape};
use domain::chat::Rejection;

/// The namespace of stanzas between clients and us.
pub(crate) const CLIENT: &str = "jabber:client";

/// The namespace of what goes wrong with them.
pub(crate) const CONDITIONS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

/// Why a stanza was not done as it asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StanzaError {
    kind: &'static str,
    condition: &'static str,
    text: &'static str,
}

impl StanzaError {
    const fn new(kind: &'static str, condition: &'static str) -> Self {
        Self {
            kind,
            condition,
            text: "",
        }
    }

    pub(crate) const fn saying(self, text: &'static str) -> Self {
        Self { text, ..self }
    }

    pub(crate) const BAD_REQUEST: Self = Self::new("modify", "bad-request");
    pub(crate) const FEATURE_NOT_IMPLEMENTED: Self = Self::new("cancel", "feature-not-implemented");
    pub(crate) const FORBIDDEN: Self = Self::new("auth", "forbidden");
    pub(crate) const INTERNAL: Self = Self::new("wait", "internal-server-error");
    pub(crate) const ITEM_NOT_FOUND: Self = Self::new("cancel", "item-not-found");
    pub(crate) const JID_MALFORMED: Self = Self::new("modify", "jid-malformed");
    pub(crate) const NOT_ACCEPTABLE: Self = Self::new("modify", "not-acceptable");
    pub(crate) const NOT_ALLOWED: Self = Self::new("cancel", "not-allowed");
    pub(crate) const REMOTE_SERVER_NOT_FOUND: Self =
        Self::new("cancel", "remote-server-not-found").saying("this server speaks to no others");
    pub(crate) const RESOURCE_CONSTRAINT: Self = Self::new("wait", "resource-constraint");
    pub(crate) const SERVICE_UNAVAILABLE: Self = Self::new("cancel", "service-unavailable");
}

impl From<Rejection> for StanzaError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::UnknownParty => {
                Self::SERVICE_UNAVAILABLE.saying("there is nobody of this name")
            }
            Rejection::Body => Self::NOT_ACCEPTABLE.saying("the body is too long"),
            Rejection::Children => {
                Self::NOT_ACCEPTABLE.saying("what accompanies the body is too long")
            }
            Rejection::Id => Self::NOT_ACCEPTABLE.saying("the id is too long"),
            Rejection::NotInTheRoom => {
                Self::NOT_ACCEPTABLE.saying("only those who are in the room can speak there")
            }
            Rejection::InboxFull => {
                Self::RESOURCE_CONSTRAINT.saying("the inbox of the receiver is full")
            }
        }
    }
}

impl From<commands::Error<Rejection>> for StanzaError {
    fn from(error: commands::Error<Rejection>) -> Self {
        match error {
            commands::Error::Rejected(rejection) => rejection.into(),
            commands::Error::Busy => Self::INTERNAL,
            commands::Error::Log(error) => Self::away(&error),
            commands::Error::State(error) => Self::away(&error),
        }
    }
}

impl StanzaError {
    /// A store is away; what it said goes to the log, not to the client.
    pub(crate) fn away(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a store is away");
        Self::INTERNAL
    }

    fn write(self, out: &mut String) {
        out.push_str("<error");
        attribute(out, "type", self.kind);
        out.push('>');
        out.push_str(&format!("<{} xmlns='{CONDITIONS}'/>", self.condition));
        if !self.text.is_empty() {
            out.push_str(&format!("<text xmlns='{CONDITIONS}'>"));
            escape(out, self.text);
            out.push_str("</text>");
        }
        out.push_str("</error>");
    }
}

/// The answer that says what is wrong with `stanza`, which came from `to`; none to what is an
/// error, or an answer, itself.
pub(crate) fn error_to(stanza: &Element, to: &str, error: StanzaError) -> Option<String> {
    let kind = stanza.attr("type");
    if kind == Some("error") || (stanza.name() == "iq" && kind == Some("result")) {
        return None;
    }
    let mut out = open(stanza, "error", stanza.attr("to"), to);
    out.push('>');
    error.write(&mut out);
    close(&mut out, stanza.name());
    Some(out)
}

/// The answer to an IQ that was done: `payload` is XML.
pub(crate) fn result_of(iq: &Element, to: &str, payload: &str) -> String {
    let mut out = open(iq, "result", iq.attr("to"), to);
    if payload.is_empty() {
        out.push_str("/>");
    } else {
        out.push('>');
        out.push_str(payload);
        close(&mut out, iq.name());
    }
    out
}

fn open(stanza: &Element, kind: &str, from: Option<&str>, to: &str) -> String {
    let mut out = format!("<{}", stanza.name());
    attribute(&mut out, "type", kind);
    if let Some(id) = stanza.attr("id") {
        attribute(&mut out, "id", id);
    }
    if let Some(from) = from {
        attribute(&mut out, "from", from);
    }
    attribute(&mut out, "to", to);
    out
}

fn close(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// `stanza` as it is passed on from `from` to `to`: as it came, but for these two, and `without`
/// some of what is in it.
pub(crate) fn passed_on(
    stanza: &Element,
    from: &str,
    to: &str,
    without: impl Fn(&Element) -> bool,
) -> String {
    let mut out = format!("<{}", stanza.name());
    for name in ["type", "id"] {
        if let Some(value) = stanza.attr(name) {
            attribute(&mut out, name, value);
        }
    }
    attribute(&mut out, "from", from);
    attribute(&mut out, "to", to);
    out.push('>');
    for child in stanza.children().filter(|child| !without(child)) {
        child.write(&mut out, CLIENT);
    }
    close(&mut out, stanza.name());
    out
}
