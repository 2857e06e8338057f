//! Any bytes to the reader of streams: it says the same however they arrive, what it lets through
//! can be read again, and nothing grows much beyond its limit.

use xmpp::fuzzing::read;

/// What a stream begins with.
const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='dface.cn' version='1.0'>";

/// By how much a stanza may be longer when it is written down than when it came.
const GROWTH: usize = 2;

/// The first byte chooses the limit and whether a header stands before the others, the second how
/// they are cut.
///
/// # Panics
/// When the reader does what it must not.
pub fn run(bytes: &[u8]) {
    let [choice, cut, rest @ ..] = bytes else {
        return;
    };
    let limit = [200, 1_000, 10 * 1024, 64 * 1024][usize::from(choice & 3)];
    let header = if choice & 4 == 0 { HEADER } else { "" };
    // Text may be looked at only when something else begins.
    let text = [header.as_bytes(), rest, b"<"].concat();
    let whole = read([text.as_slice()], limit);
    for size in [1, usize::from(*cut).max(2)] {
        let pieces = read(text.chunks(size), limit);
        assert_eq!(whole.0, pieces.0, "in pieces of {size}");
        assert!(
            same_end(&whole.1, &pieces.1),
            "{whole:?} but {pieces:?} in pieces of {size}"
        );
    }
    for element in &whole.0 {
        assert!(element.len() <= limit * GROWTH, "{} bytes", element.len());
        if element.starts_with('<') {
            let again = [HEADER, element].concat();
            let again = read([again.as_bytes()], usize::MAX / 4);
            assert_eq!(again, (vec!["header".to_owned(), element.clone()], None));
        }
    }
}

/// Whether two streams end alike. What is wrong in two ways is told as what was seen first: text
/// between stanzas as soon as some of it has come, and a limit as soon as it is passed.
fn same_end(one: &Option<String>, other: &Option<String>) -> bool {
    let early =
        |end: &Option<String>| matches!(end.as_deref(), Some("BadFormat" | "PolicyViolation"));
    one == other || one.is_some() && other.is_some() && (early(one) || early(other))
}
