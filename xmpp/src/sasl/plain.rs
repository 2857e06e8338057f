//! The mechanism PLAIN (RFC 4616): the password as it is, with a push token behind it.

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Credentials<'a> {
    /// Whom it wants to act for; empty for whoever it is.
    pub(super) identity: &'a str,
    pub(super) name: &'a str,
    pub(super) password: &'a str,
}

impl<'a> Credentials<'a> {
    /// Reads `authorization identity NUL name NUL password`.
    pub(super) fn parse(message: &'a str) -> Option<Self> {
        let mut parts = message.split('\0');
        let credentials = Self {
            identity: parts.next()?,
            name: parts.next()?,
            password: parts.next()?,
        };
        parts.next().is_none().then_some(credentials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parts_are_a_login_and_nothing_else_is() {
        let credentials = Credentials {
            identity: "",
            name: "ana",
            password: "a b",
        };
        assert_eq!(Credentials::parse("\0ana\0a b"), Some(credentials));
        for wrong in ["", "ana", "\0ana", "\0ana\0a\0b"] {
            assert_eq!(Credentials::parse(wrong), None, "{wrong:?}");
        }
    }
}
