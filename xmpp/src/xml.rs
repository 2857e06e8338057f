//! A small tree of XML, and writing it down; namespaces travel with the names.
//!
//! Reading is `reader`'s; what elements mean is everybody else's.

use rxml::{AttrMap, Namespace};
use std::fmt::Write;

/// What cannot stand in an attribute as it is; a reader would make spaces of the last ones.
const ATTRIBUTE: [char; 8] = ['&', '<', '>', '\'', '"', '\r', '\n', '\t'];

/// An element with all that is in it.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    ns: Namespace<'static>,
    name: String,
    attrs: AttrMap,
    nodes: Vec<Node>,
}

/// What stands in an element.
#[derive(Clone, Debug)]
enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    pub(crate) fn new(ns: Namespace<'static>, name: String, attrs: AttrMap) -> Self {
        Self {
            ns,
            name,
            attrs,
            nodes: Vec::new(),
        }
    }

    pub(crate) fn push_element(&mut self, child: Self) {
        self.nodes.push(Node::Element(child));
    }

    /// Adds text; pieces of one text become one again.
    pub(crate) fn push_text(&mut self, text: String) {
        match self.nodes.last_mut() {
            Some(Node::Text(before)) => before.push_str(&text),
            _ => self.nodes.push(Node::Text(text)),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn ns(&self) -> &str {
        self.ns.as_str()
    }

    pub(crate) fn is(&self, name: &str, ns: &str) -> bool {
        self.name == name && self.ns() == ns
    }

    /// All attributes.
    pub(crate) fn into_attrs(self) -> AttrMap {
        self.attrs
    }

    /// An attribute without a namespace.
    pub(crate) fn attr(&self, name: &str) -> Option<&str> {
        self.attrs.get(Namespace::none(), name).map(String::as_str)
    }

    pub(crate) fn children(&self) -> impl Iterator<Item = &Self> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    pub(crate) fn child(&self, name: &str, ns: &str) -> Option<&Self> {
        self.children().find(|child| child.is(name, ns))
    }

    /// The text directly in it.
    pub(crate) fn text(&self) -> String {
        let texts = self.nodes.iter().filter_map(|node| match node {
            Node::Text(text) => Some(text.as_str()),
            Node::Element(_) => None,
        });
        texts.collect()
    }

    /// How many bytes [`Self::write`] needs for it at most, without what is in it.
    pub(crate) fn length_without_contents(&self, around: &str) -> usize {
        // `<name></name>`
        let mut length = 2 * self.name.len() + 5;
        if self.ns() != around {
            length += attribute_length(self.ns()) + 9;
        }
        for ((ns, name), value) in self.attrs.iter() {
            let name: &str = name;
            length += name.len() + attribute_length(value) + 4;
            if !ns.is_none() {
                // The prefix twice, with a number, and ` xmlns:=''`.
                length += attribute_length(ns.as_str()) + 2 * 8 + 10;
            }
        }
        length
    }

    /// Writes it as a child of an element whose default namespace is `around`.
    pub(crate) fn write(&self, out: &mut String, around: &str) {
        // This namespace has its prefix everywhere, and must not be the default one anywhere (XML
        // Namespaces §3).
        let is_xml = self.ns() == Namespace::xml().as_str();
        let prefix = if is_xml { "xml:" } else { "" };
        let within = if is_xml { around } else { self.ns() };
        let _ = write!(out, "<{prefix}{}", self.name);
        if within != around {
            attribute(out, "xmlns", within);
        }
        for (number, ((ns, name), value)) in self.attrs.iter().enumerate() {
            let name: &str = name;
            if ns.is_none() {
                attribute(out, name, value);
            } else if ns == Namespace::xml() {
                attribute(out, &format!("xml:{name}"), value);
            } else {
                attribute(out, &format!("xmlns:a{number}"), ns.as_str());
                attribute(out, &format!("a{number}:{name}"), value);
            }
        }
        if self.nodes.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for node in &self.nodes {
            match node {
                Node::Element(child) => child.write(out, within),
                Node::Text(text) => escape(out, text),
            }
        }
        let _ = write!(out, "</{prefix}{}>", self.name);
    }
}

/// Writes ` name='value'`.
pub(crate) fn attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("='");
    escape_these(out, value, &ATTRIBUTE);
    out.push('\'');
}

/// Writes `text` so that it reads back as it is between elements.
pub(crate) fn escape(out: &mut String, text: &str) {
    escape_these(out, text, &['&', '<', '>', '\r']);
}

fn escape_these(out: &mut String, text: &str, special: &[char]) {
    let mut rest = text;
    while let Some(at) = rest.find(special) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let (special, after) = special.split_at(1);
        out.push_str(match special {
            "&" => "&amp;",
            "<" => "&lt;",
            ">" => "&gt;",
            "'" => "&apos;",
            "\"" => "&quot;",
            "\r" => "&#13;",
            "\n" => "&#10;",
            _ => "&#9;",
        });
        rest = after;
    }
    out.push_str(rest);
}

/// How long `text` is when it is written between elements.
pub(crate) fn escaped_length(text: &str) -> usize {
    let more = text.bytes().map(|byte| match byte {
        b'&' | b'\r' => 4,
        b'<' | b'>' => 3,
        _ => 0,
    });
    text.len() + more.sum::<usize>()
}

/// How long `value` is when it is written as that of an attribute.
fn attribute_length(value: &str) -> usize {
    let more = value.bytes().map(|byte| match byte {
        b'\'' | b'"' => 5,
        b'\n' => 4,
        b'\t' => 3,
        _ => 0,
    });
    escaped_length(value) + more.sum::<usize>()
}

/// `text`, escaped for an attribute or between elements.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape_these(&mut out, text, &ATTRIBUTE);
    out
}
