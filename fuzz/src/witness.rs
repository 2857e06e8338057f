//! What a client heard, read with nothing of the house's own: well-formed XML, and stanza by stanza
//! who says it to whom.

use rxml::{Event, Namespace, Parse, Parser};

/// A stanza, or the end of a stream by an error.
#[derive(Debug)]
pub(crate) struct Stanza {
    pub(crate) name: String,
    pub(crate) kind: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    /// All text in it, however deep.
    pub(crate) text: String,
    /// The names of its children.
    pub(crate) children: Vec<String>,
}

/// The stanzas that are whole in `bytes`, of one stream after the other.
///
/// # Panics
/// When they are no XML.
pub(crate) fn stanzas(bytes: &[u8]) -> Vec<Stanza> {
    let declaration = b"<?xml version='1.0'?>";
    let mut all = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        assert!(rest.starts_with(declaration), "a stream begins otherwise");
        let next = rest[1..]
            .windows(declaration.len())
            .position(|window| window == declaration);
        let (stream, after) = rest.split_at(next.map_or(rest.len(), |at| at + 1));
        of_stream(stream, &mut all);
        rest = after;
    }
    all
}

fn of_stream(mut bytes: &[u8], all: &mut Vec<Stanza>) {
    let mut parser = Parser::new();
    let mut depth = 0;
    let mut stanza: Option<Stanza> = None;
    loop {
        let event = match parser.parse(&mut bytes, false) {
            Ok(Some(event)) => event,
            Ok(None) | Err(rxml::error::EndOrError::NeedMoreData) => return,
            Err(rxml::error::EndOrError::Error(error)) => panic!("no XML: {error}"),
        };
        match event {
            Event::XmlDeclaration(..) => {}
            Event::StartElement(_, (_, name), attrs) => {
                depth += 1;
                let attr = |name: &str| attrs.get(Namespace::none(), name).cloned();
                match (depth, &mut stanza) {
                    (2, _) => {
                        stanza = Some(Stanza {
                            kind: attr("type"),
                            id: attr("id"),
                            from: attr("from"),
                            to: attr("to"),
                            name: name.into(),
                            text: String::new(),
                            children: Vec::new(),
                        });
                    }
                    (3, Some(stanza)) => stanza.children.push(name.into()),
                    _ => {}
                }
            }
            Event::EndElement(_) => {
                depth -= 1;
                if depth == 1 {
                    all.extend(stanza.take());
                }
            }
            Event::Text(_, text) => {
                if let Some(stanza) = &mut stanza {
                    stanza.text.push_str(&text);
                }
            }
        }
    }
}
