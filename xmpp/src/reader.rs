//! Reading a stream of XML: headers, elements and the end, as soon as they are whole.
//!
//! Limits on depth and size hold before anything is built: nothing that a stranger sends costs
//! more than the limit.

use crate::stanza::CLIENT;
use crate::stream_error::StreamError;
use crate::xml::{Element, escaped_length};
use rxml::error::EndOrError;
use rxml::parser::CommentMode;
use rxml::{AttrMap, Event, Parse, Parser, WithOptions};
use std::sync::{Arc, LazyLock};

/// The namespace of a stream's root (RFC 6120 §4.8.1).
pub(crate) const STREAMS: &str = "http://etherx.jabber.org/streams";

/// The namespace of what opens and closes a stream over a WebSocket (RFC 7395 §3.3.2).
pub(crate) const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";

/// How deep elements may lie in each other.
const DEPTH: usize = 64;

/// The longest stanza before anybody has logged in, in bytes (RFC 6120 §13.12 wants 10,000).
pub(crate) const STRANGER_BYTES: usize = 10 * 1024;

/// The longest stanza afterwards.
pub(crate) const MEMBER_BYTES: usize = 64 * 1024;

/// By how much a stanza may grow when it is written down for others: a long namespace that was
/// declared once stands at each of its elements then.
const GROWTH: usize = 2;

/// Names that recur are kept once for all streams.
static NAMES: LazyLock<Arc<rxml::Context>> = LazyLock::new(|| Arc::new(rxml::Context::new()));

/// What comes over a stream.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// The stream begins.
    Header(AttrMap),
    /// A stanza or another element at the first level.
    Element(Element),
    /// The stream ends.
    Footer,
}

/// See the module.
pub(crate) struct Reader {
    parser: Parser,
    /// The elements that are open, without the stream's root.
    open: Vec<Element>,
    /// The root is open.
    begun: bool,
    /// Bytes since the last thing that was whole.
    taken: usize,
    /// How long it will be when it is written down again.
    length: usize,
    limit: usize,
}

impl Reader {
    pub(crate) fn new(limit: usize) -> Self {
        let options = rxml::Options {
            context: Some(NAMES.clone()),
            comments: CommentMode::Reject,
            ..rxml::Options::default()
        };
        let mut parser = Parser::with_options(options);
        parser.set_text_buffering(false);
        Self {
            parser,
            open: Vec::new(),
            begun: false,
            taken: 0,
            length: 0,
            limit,
        }
    }

    /// Frees what is not needed while nothing comes.
    pub(crate) fn rest(&mut self) {
        self.parser.release_temporaries();
    }

    /// The next thing that is whole, from `bytes`, which are consumed as far as they were looked
    /// at; `None` when more are needed. What the parser has seen may make more than one thing, so
    /// ask until there is none.
    pub(crate) fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Incoming>, StreamError> {
        loop {
            self.parser.set_text_buffering(!self.open.is_empty());
            // Never more at once than the limit allows, so that it holds within one read too.
            let allowed = (self.limit + 1).saturating_sub(self.taken).min(bytes.len());
            let mut window = &bytes[..allowed];
            let parsed = self.parser.parse(&mut window, false);
            let needs_more = matches!(parsed, Err(EndOrError::NeedMoreData));
            let used = allowed - window.len();
            *bytes = &bytes[used..];
            self.taken += used;
            let incoming = match parsed {
                Ok(Some(event)) => self.take(event)?,
                Ok(None) => Some(Incoming::Footer),
                Err(EndOrError::NeedMoreData) => None,
                Err(EndOrError::Error(error)) => return Err(error.into()),
            };
            if self.taken > self.limit || self.length / GROWTH > self.limit {
                return Err(StreamError::PolicyViolation);
            }
            if incoming.is_some() {
                self.taken = 0;
                self.length = 0;
                return Ok(incoming);
            }
            if bytes.is_empty() && needs_more {
                return Ok(None);
            }
        }
    }

    /// What stands alone in `text` (RFC 7395 §3.3): one thing, whole.
    pub(crate) fn alone(&self, text: &str) -> Result<Incoming, StreamError> {
        if text.len() > self.limit {
            return Err(StreamError::PolicyViolation);
        }
        let mut reader = Self::new(self.limit);
        reader.begun = true;
        let mut bytes = text.as_bytes();
        let Some(Incoming::Element(element)) = reader.next(&mut bytes)? else {
            return Err(StreamError::NotWellFormed);
        };
        if !bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(StreamError::BadFormat);
        }
        Ok(match element.name() {
            _ if element.ns().is_empty() => return Err(StreamError::InvalidNamespace),
            "open" if element.ns() == FRAMING => Incoming::Header(element.into_attrs()),
            "close" if element.ns() == FRAMING => Incoming::Footer,
            _ => Incoming::Element(element),
        })
    }

    fn take(&mut self, event: Event) -> Result<Option<Incoming>, StreamError> {
        match event {
            Event::XmlDeclaration(..) => {}
            Event::StartElement(_, (ns, name), attrs) if !self.begun => {
                if ns != STREAMS {
                    return Err(StreamError::InvalidNamespace);
                }
                if name != "stream" {
                    return Err(StreamError::BadFormat);
                }
                self.begun = true;
                return Ok(Some(Incoming::Header(attrs)));
            }
            Event::StartElement(_, (ns, name), attrs) => {
                if self.open.len() + 1 >= DEPTH {
                    return Err(StreamError::PolicyViolation);
                }
                let element = Element::new(ns, name.into(), attrs);
                let around = self.open.last().map_or(CLIENT, Element::ns);
                self.length += element.length_without_contents(around);
                self.open.push(element);
            }
            Event::EndElement(_) => {
                let Some(element) = self.open.pop() else {
                    return Ok(Some(Incoming::Footer));
                };
                match self.open.last_mut() {
                    Some(parent) => parent.push_element(element),
                    None => return Ok(Some(Incoming::Element(element))),
                }
            }
            Event::Text(_, text) => match self.open.last_mut() {
                Some(parent) => {
                    self.length += escaped_length(&text);
                    parent.push_text(text);
                }
                // White space between stanzas keeps connections alive (RFC 6120 §4.6.1).
                None if text.bytes().all(|b| b.is_ascii_whitespace()) => self.taken = 0,
                None => return Err(StreamError::BadFormat),
            },
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
        xmlns:stream='http://etherx.jabber.org/streams' to='dface.cn' version='1.0'>";

    /// What comes of `text` behind a header, in pieces of `size` bytes.
    fn read(text: &str, size: usize, limit: usize) -> Result<Vec<String>, StreamError> {
        let mut reader = Reader::new(limit);
        let mut seen = Vec::new();
        let all = format!("{HEADER}{text}");
        for mut piece in all.as_bytes().chunks(size) {
            while let Some(incoming) = reader.next(&mut piece)? {
                seen.push(match incoming {
                    Incoming::Header(_) => "header".to_owned(),
                    Incoming::Footer => "footer".to_owned(),
                    Incoming::Element(element) => {
                        let mut out = String::new();
                        element.write(&mut out, "jabber:client");
                        out
                    }
                });
            }
        }
        Ok(seen)
    }

    #[track_caller]
    fn refused(text: &str, error: StreamError) {
        for size in [1, 7, 100_000] {
            assert_eq!(read(text, size, 1_000), Err(error), "{text:.80}");
        }
    }

    #[test]
    fn stanzas_are_read_whole_however_they_arrive() {
        let message = "<message to='x' xml:lang='zh'><body>a &lt; b</body>\
                       <x xmlns='jabber:x:event'><id/></x></message>";
        let text = format!(" {message}\n{message} </stream:stream>");
        for size in [1, 2, 17, 100_000] {
            let seen = read(&text, size, 1_000).expect("sound");
            assert_eq!(seen, ["header", message, message, "footer"]);
        }
    }

    #[test]
    fn namespaces_survive_other_prefixes() {
        let text = "<c:iq xmlns:c='jabber:client' id='1'><a:q xmlns:a='urn:a' b:c='d' \
                    xmlns:b='urn:b'/></c:iq>";
        let seen = read(text, 5, 1_000).expect("sound");
        let expected = "<iq id='1'><q xmlns='urn:a' xmlns:a0='urn:b' a0:c='d'/></iq>";
        assert_eq!(seen[1], expected);
    }

    #[test]
    fn the_namespace_of_xml_is_never_the_default_one() {
        let text = "<message to='x'><xml:a xml:b='c'><body>d</body><xml:e/></xml:a></message>";
        let seen = read(text, 5, 1_000).expect("sound");
        assert_eq!(seen[1], text);
    }

    #[test]
    fn what_is_too_long_or_too_deep_ends_the_stream() {
        refused(
            &format!("<a>{}", "x".repeat(2_000)),
            StreamError::PolicyViolation,
        );
        refused(
            &format!("<a b='{}'/>", "x".repeat(2_000)),
            StreamError::PolicyViolation,
        );
        refused(
            &format!("<a {}/>", "b='c' ".repeat(400)),
            StreamError::PolicyViolation,
        );
        refused(&"<a>".repeat(DEPTH), StreamError::PolicyViolation);
        let deep = format!("{}{}", "<a>".repeat(DEPTH - 1), "</a>".repeat(DEPTH - 1));
        assert_eq!(read(&deep, 3, 1_000).expect("sound").len(), 2);
        // Short as it comes, and long as it would be passed on.
        let far = "n".repeat(600);
        refused(
            &format!("<a xmlns:b='{far}'>{}</a>", "<b:c/>".repeat(50)),
            StreamError::PolicyViolation,
        );
        refused(
            &format!("<a>{}</a>", ">".repeat(900)),
            StreamError::PolicyViolation,
        );
        // White space is no stanza, however much of it.
        assert_eq!(
            read(&" ".repeat(5_000), 100_000, 1_000)
                .expect("sound")
                .len(),
            1
        );
    }

    #[test]
    fn what_xmpp_forbids_of_xml_ends_the_stream() {
        refused("<!-- hello -->", StreamError::RestrictedXml);
        refused("<?php 1?>", StreamError::RestrictedXml);
        refused("<a>&lol;</a>", StreamError::RestrictedXml);
        refused("<a></b>", StreamError::NotWellFormed);
        refused("<a:b/>", StreamError::BadNamespacePrefix);
        refused("<a>\u{1}</a>", StreamError::NotWellFormed);
        refused("text", StreamError::BadFormat);
        let mut doctype = &b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a/>"[..];
        let error = Reader::new(1_000).next(&mut doctype).expect_err("refused");
        assert_eq!(error, StreamError::RestrictedXml);
        let mut declared = &b"<?xml version='1.0' encoding='latin1'?><a/>"[..];
        let error = Reader::new(1_000).next(&mut declared).expect_err("refused");
        assert_eq!(error, StreamError::UnsupportedEncoding);
        let mut latin = &b"<a>\xe4</a>"[..];
        assert!(Reader::new(1_000).next(&mut latin).is_err());
    }

    #[test]
    fn what_stands_alone_is_one_whole_element_with_a_namespace() {
        let alone = |text: &str| Reader::new(1_000).alone(text);
        let open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='dface.cn'/>";
        assert!(matches!(alone(open), Ok(Incoming::Header(_))));
        let close = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";
        assert!(matches!(alone(close), Ok(Incoming::Footer)));
        let Ok(Incoming::Element(iq)) = alone("<iq xmlns='jabber:client'><a/></iq> ") else {
            panic!("an element");
        };
        assert!(iq.is("iq", "jabber:client"));
        let long = format!("<a xmlns='b'>{}</a>", "x".repeat(1_000));
        for (text, error) in [
            ("<iq xmlns='jabber:client'>", StreamError::NotWellFormed),
            ("", StreamError::NotWellFormed),
            (" ", StreamError::NotWellFormed),
            ("<iq/>", StreamError::InvalidNamespace),
            ("<a xmlns='b'/><a xmlns='b'/>", StreamError::BadFormat),
            ("a", StreamError::NotWellFormed),
            (&long, StreamError::PolicyViolation),
            (&"<a xmlns='b'>".repeat(65), StreamError::PolicyViolation),
            ("<!DOCTYPE a><a xmlns='b'/>", StreamError::RestrictedXml),
        ] {
            assert_eq!(alone(text).expect_err(text), error, "{text:.60}");
        }
    }

    #[test]
    fn another_root_is_no_stream() {
        let mut other = &b"<stream xmlns='jabber:client'>"[..];
        let error = Reader::new(1_000).next(&mut other).expect_err("refused");
        assert_eq!(error, StreamError::InvalidNamespace);
        let mut http = &b"GET / HTTP/1.1\r\n"[..];
        assert!(Reader::new(1_000).next(&mut http).is_err());
    }
}
