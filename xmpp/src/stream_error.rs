//! Why a stream ends in the middle: the one table of stream errors (RFC 6120 §4.9.3).

/// A condition after which a stream is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamError {
    BadFormat,
    BadNamespacePrefix,
    Conflict,
    ConnectionTimeout,
    /// XEP-0198 §6: the client has acknowledged `h` stanzas, but only `sent` were sent.
    HandledCountTooHigh {
        h: u32,
        sent: u32,
    },
    HostUnknown,
    InternalServerError,
    InvalidNamespace,
    NotAuthorized,
    NotWellFormed,
    PolicyViolation,
    Reset,
    ResourceConstraint,
    RestrictedXml,
    SystemShutdown,
    UnsupportedEncoding,
    UnsupportedStanzaType,
    UnsupportedVersion,
}

impl StreamError {
    fn condition(self) -> &'static str {
        match self {
            Self::BadFormat => "bad-format",
            Self::BadNamespacePrefix => "bad-namespace-prefix",
            Self::Conflict => "conflict",
            Self::ConnectionTimeout => "connection-timeout",
            Self::HandledCountTooHigh { .. } => "undefined-condition",
            Self::HostUnknown => "host-unknown",
            Self::InternalServerError => "internal-server-error",
            Self::InvalidNamespace => "invalid-namespace",
            Self::NotAuthorized => "not-authorized",
            Self::NotWellFormed => "not-well-formed",
            Self::PolicyViolation => "policy-violation",
            Self::Reset => "reset",
            Self::ResourceConstraint => "resource-constraint",
            Self::RestrictedXml => "restricted-xml",
            Self::SystemShutdown => "system-shutdown",
            Self::UnsupportedEncoding => "unsupported-encoding",
            Self::UnsupportedStanzaType => "unsupported-stanza-type",
            Self::UnsupportedVersion => "unsupported-version",
        }
    }

    /// The error as it is sent.
    pub(crate) fn to_xml(self) -> String {
        let more = match self {
            Self::HandledCountTooHigh { h, sent } => format!(
                "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='{h}' send-count='{sent}'/>"
            ),
            _ => String::new(),
        };
        format!(
            "<stream:error><{} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>{more}</stream:error>",
            self.condition()
        )
    }
}

impl From<rxml::Error> for StreamError {
    fn from(error: rxml::Error) -> Self {
        match error {
            // A name or an attribute, of which 8 KiB are enough.
            rxml::Error::RestrictedXml(what) if what.contains("long") => Self::PolicyViolation,
            rxml::Error::RestrictedXml(what) if what.contains("encoding") => {
                Self::UnsupportedEncoding
            }
            rxml::Error::RestrictedXml(_) | rxml::Error::UndeclaredEntity => Self::RestrictedXml,
            // As in `<!DOCTYPE`: neither a comment nor CDATA.
            rxml::Error::InvalidSyntax(what) if what.contains("comment section start") => {
                Self::RestrictedXml
            }
            rxml::Error::UndeclaredNamespacePrefix(_) => Self::BadNamespacePrefix,
            _ => Self::NotWellFormed,
        }
    }
}
