//! A script made of bytes: who sends what, in order. Every byte string is one, and most of what is
//! in it are stanzas that are nearly right.

use crate::house::{DOMAIN, Person, SHOP};
use std::fmt::Write;

/// How much a script holds at most.
const MOST: usize = 40;

const TYPES: [&str; 16] = [
    "chat",
    "",
    "groupchat",
    "normal",
    "headline",
    "error",
    "get",
    "set",
    "result",
    "unavailable",
    "subscribe",
    "subscribed",
    "unsubscribe",
    "probe",
    "invisible",
    "&#x1f600;",
];

/// What questions and orders are about; `{to}` is somebody.
const PAYLOADS: [&str; 32] = [
    "<ping xmlns='urn:xmpp:ping'/>",
    "<query xmlns='jabber:iq:roster'/>",
    "<query xmlns='jabber:iq:roster'><item jid='{to}'/></query>",
    "<vCard xmlns='vcard-temp'/>",
    "<query xmlns='jabber:iq:version'/>",
    "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    "<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>",
    "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    "<blocklist xmlns='urn:xmpp:blocking'/>",
    "<block xmlns='urn:xmpp:blocking'><item jid='{to}'/></block>",
    "<unblock xmlns='urn:xmpp:blocking'><item jid='{to}'/></unblock>",
    "<unblock xmlns='urn:xmpp:blocking'/>",
    "<block xmlns='urn:xmpp:blocking'><item jid='@'/><item/></block>",
    "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>",
    "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
    "<query xmlns='http://jabber.org/protocol/muc#admin'><item nick='{to}' role='none'/></query>",
    "<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='owner'/></query>",
    "<query xmlns='http://jabber.org/protocol/muc#owner'/>",
    "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy jid='{to}'/></query>",
    "<query xmlns='urn:xmpp:mam:2'/>",
    "<query xmlns='urn:xmpp:mam:2' queryid='f'><x xmlns='jabber:x:data' type='submit'>\
     <field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field><field var='with'><value>{to}\
     </value></field></x><set xmlns='http://jabber.org/protocol/rsm'><max>2</max><before/></set></query>",
    "<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>-1</max>\
     <after>&#x2603;</after></set></query>",
    "<enable xmlns='urn:xmpp:carbons:2'/>",
    "<disable xmlns='urn:xmpp:carbons:2'/>",
    "<query xmlns='jabber:iq:private'><x xmlns='urn:x'/></query>",
    "<query xmlns='jabber:iq:register'/>",
    "<query xmlns='jabber:iq:auth'><username>a</username></query>",
    "<si xmlns='http://jabber.org/protocol/si'/>",
    "<ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/>",
    "<ping xmlns=''/>",
    "<message xmlns='jabber:client'><body>inside</body></message>",
    "",
];

/// What accompanies messages and presences.
const COMPANIONS: [&str; 32] = [
    "",
    "<x xmlns='jabber:x:event'><offline/><delivered/><displayed/><composing/></x>",
    "<x xmlns='jabber:x:event'><displayed/><id>q1</id></x>",
    "<x xmlns='jabber:x:event'><displayed/><id></id></x>",
    "<request xmlns='urn:xmpp:receipts'/>",
    "<received xmlns='urn:xmpp:receipts' id='q1'/>",
    "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
    "<displayed xmlns='urn:xmpp:chat-markers:0' id='q1'/>",
    "<displayed xmlns='urn:xmpp:chat-markers:0'/>",
    "<delay xmlns='urn:xmpp:delay' from='dface.cn' stamp='2012-09-22T06:24:00Z'/>",
    "<x xmlns='jabber:x:delay' from='dface.cn' stamp='20120922T06:24:00'/>",
    "<private xmlns='urn:xmpp:carbons:2'/><no-copy xmlns='urn:xmpp:hints'/>",
    "<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message \
     xmlns='jabber:client' from='{to}'><body>forged</body></message></forwarded></sent>",
    "<result xmlns='urn:xmpp:mam:2' id='1'/><stanza-id xmlns='urn:xmpp:sid:0' by='{to}' id='1'/>",
    "<no-store xmlns='urn:xmpp:hints'/>",
    "<subject>new</subject>",
    "<body xml:lang='zh'>更多</body>",
    "<message><body>inside</body></message>",
    "<x xmlns='http://jabber.org/protocol/muc'/>",
    "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='3' seconds='99999999999999999999'/></x>",
    "<x xmlns='http://jabber.org/protocol/muc'><history maxchars='0' since='1970-01-01T00:00:00Z'/>\
     <password>x</password></x>",
    "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='{to}'/></x>",
    "<x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x>",
    "<priority>-1</priority>",
    "<priority>128</priority><show>dnd</show><status>&#13;&#10;]]&gt;</status>",
    "<priority>0</priority><c xmlns='http://jabber.org/protocol/caps' node='n' ver='v'/>",
    "<a:x xmlns:a='urn:a' xmlns:b='urn:b' b:c=\"it's\" xml:lang='en'><b:y/><z xmlns=''/></a:x>",
    "<x xmlns='a&quot;&apos;&lt;&amp;&gt;b' y='&#9;&#10;&#13;'>\"'&gt;&amp;&lt;</x>",
    "<![CDATA[<body>not one</body>]]>",
    "text between",
    "<thread parent='t'>t</thread>",
    "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
];

/// What else may come at the first level of a stream.
const NONZAS: [&str; 16] = [
    " ",
    "<r xmlns='urn:xmpp:sm:3'/>",
    "<a xmlns='urn:xmpp:sm:3' h='0'/>",
    "<a xmlns='urn:xmpp:sm:3' h='4294967295'/>",
    "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
    "<enable xmlns='urn:xmpp:sm:3'/>",
    "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>",
    "<active xmlns='urn:xmpp:csi:0'/>",
    "<inactive xmlns='urn:xmpp:csi:0'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>",
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<message xmlns='jabber:server'><body>x</body></message>",
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='dface.cn' version='1.0'/>",
    "<x/>",
    "</stream:stream>",
];

/// The two who send, and one who never does.
pub(crate) type Cast = [Person; 3];

/// Something that one of the two sends.
pub(crate) struct Line {
    /// 0 or 1.
    pub(crate) sender: usize,
    pub(crate) bytes: Vec<u8>,
    /// What a receiver would know it by, if it says anything.
    pub(crate) marker: Option<String>,
    /// Whom it is for, as far as it is for people.
    pub(crate) for_whom: Aim,
    /// The id by which its answer is known: the house itself owes one.
    pub(crate) owed: Option<String>,
    /// It may well end the stream.
    pub(crate) rough: bool,
}

/// Whom something is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// One of the cast.
    One(usize),
    /// Whoever is in the room.
    Room,
    /// Nobody of the cast.
    Nobody,
}

/// Takes a script apart.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first)
    }

    fn choose<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.next() % from.len()]
    }
}

/// The lines of the script `bytes` with this cast; `run` tells its markers from those of others.
pub(crate) fn lines(bytes: &[u8], cast: &Cast, run: u64) -> Vec<Line> {
    let mut bytes = Bytes(bytes);
    let mut lines = Vec::new();
    while !bytes.0.is_empty() && lines.len() < MOST {
        let line = line(&mut bytes, cast, &format!("{run}-{}-", lines.len()));
        lines.push(line);
    }
    lines
}

fn line(bytes: &mut Bytes<'_>, cast: &Cast, tag: &str) -> Line {
    let choice = bytes.next();
    let sender = choice & 1;
    let mut line = Line {
        sender,
        bytes: Vec::new(),
        marker: None,
        for_whom: Aim::Nobody,
        owed: None,
        rough: false,
    };
    match choice >> 1 & 7 {
        0 | 1 => message(bytes, cast, tag, &mut line),
        2 | 3 => iq(bytes, cast, tag, &mut line),
        4 => presence(bytes, cast, tag, &mut line),
        5 => {
            line.bytes = bytes.choose(&NONZAS).into();
            line.rough = true;
        }
        6 => {
            // Nearly a stanza: one byte of it is another.
            message(bytes, cast, tag, &mut line);
            let (at, other) = (bytes.next() << 8 | bytes.next(), bytes.next());
            let length = line.bytes.len();
            line.bytes[at % length] = u8::try_from(other).unwrap_or_default();
            line.rough = true;
        }
        _ => {
            let length = bytes.next().min(bytes.0.len());
            let (raw, rest) = bytes.0.split_at(length);
            line.bytes = raw.to_vec();
            bytes.0 = rest;
            line.rough = true;
        }
    }
    line
}

fn message(bytes: &mut Bytes<'_>, cast: &Cast, tag: &str, line: &mut Line) {
    let (head, to) = head("message", bytes, cast, tag, line);
    let marker = format!("mark-{tag}");
    let text = match bytes.next() % 8 {
        0 | 1 => String::new(),
        2 => "\u{1f600} &lt;body&gt; &amp;amp; ]]&gt; '\"".into(),
        3 => "&quot;".repeat(700),
        4 => "\"".repeat(16_000),
        5 => ">".repeat(17_000),
        6 => "[摇一摇:x]".into(),
        _ => "\u{202e}\u{200b}&#13;&#x10ffff;".into(),
    };
    let body = match bytes.next() % 4 {
        0 => String::new(),
        1 => format!("<body xml:lang='en'>{marker}{text}</body>"),
        _ => format!("<body>{marker}{text}</body>"),
    };
    let companions = companions(bytes, &to);
    line.bytes = format!("{head}{body}{companions}</message>").into();
    if !body.is_empty() {
        line.marker = Some(marker);
    }
}

fn iq(bytes: &mut Bytes<'_>, cast: &Cast, tag: &str, line: &mut Line) {
    let (head, to) = head("iq", bytes, cast, tag, line);
    let payload = bytes.choose(&PAYLOADS).replace("{to}", &to);
    line.bytes = format!("{head}{payload}</iq>").into();
    // What is for somebody's connection is theirs to answer.
    let asks = head.contains(" type='get'") || head.contains(" type='set'");
    if !asks || to.contains('/') && !to.contains("@c.") {
        line.owed = None;
    }
}

fn presence(bytes: &mut Bytes<'_>, cast: &Cast, tag: &str, line: &mut Line) {
    let (head, to) = head("presence", bytes, cast, tag, line);
    line.owed = None;
    let companions = companions(bytes, &to);
    line.bytes = format!("{head}{companions}</presence>").into();
}

/// The opening tag of a stanza, and whom it names.
fn head(
    name: &str,
    bytes: &mut Bytes<'_>,
    cast: &Cast,
    tag: &str,
    line: &mut Line,
) -> (String, String) {
    let mut head = format!("<{name}");
    let (to, aim) = address(bytes.next(), cast, line.sender);
    line.for_whom = aim;
    if let Some(to) = &to {
        let _ = write!(head, " to='{to}'");
    }
    let kind = match name {
        "iq" => TYPES[6 + bytes.next() % 4 % 3],
        "presence" => ["", "unavailable", TYPES[bytes.next() % 16]][bytes.next() % 3],
        _ => bytes.choose(&TYPES),
    };
    if !kind.is_empty() {
        let _ = write!(head, " type='{kind}'");
    }
    match bytes.next() % 8 {
        0 => {}
        1 => head.push_str(" id=''"),
        2 => head.push_str(" id='q1'"),
        3 => head.push_str(" id='&lt;&quot;&#10;&#x1f600;' from='root@jabber.org'"),
        _ => {
            let _ = write!(head, " id='q-{tag}'");
            line.owed = (name == "iq").then(|| format!("q-{tag}"));
        }
    }
    head.push('>');
    (head, to.unwrap_or_default())
}

/// An address, and whom of the cast it means.
fn address(choice: usize, cast: &Cast, sender: usize) -> (Option<String>, Aim) {
    let person = |at: usize| &cast[at % cast.len()].id;
    let other = 1 - sender;
    let (to, aim) = match choice % 24 {
        0 | 1 => (format!("{}@{DOMAIN}", person(other)), Aim::One(other)),
        2 => (format!("{}@{DOMAIN}/r", person(other)), Aim::One(other)),
        3 => (format!("{}@{DOMAIN}", person(sender)), Aim::One(sender)),
        4 => (format!("{}@{DOMAIN}/r", person(sender)), Aim::One(sender)),
        5 => (format!("{}@{DOMAIN}", person(2)), Aim::One(2)),
        6 => (format!("{}@{DOMAIN}/gone", person(other)), Aim::One(other)),
        7 | 8 => (format!("{SHOP}@c.{DOMAIN}"), Aim::Room),
        9 => (format!("{SHOP}@c.{DOMAIN}/x"), Aim::Nobody),
        10 => (
            format!("{SHOP}@c.{DOMAIN}/{}", person(sender)),
            Aim::One(sender),
        ),
        11 => (
            format!("{SHOP}@c.{DOMAIN}/{}", person(other)),
            Aim::One(other),
        ),
        12 => (format!("s{SHOP}@{DOMAIN}"), Aim::Nobody),
        13 => (DOMAIN.into(), Aim::Nobody),
        14 => (format!("c.{DOMAIN}"), Aim::Nobody),
        15 => (format!("78@c.{DOMAIN}/x"), Aim::Nobody),
        16 => (format!("lobby@c.{DOMAIN}"), Aim::Nobody),
        17 => ("x@jabber.org/y".into(), Aim::Nobody),
        18 => (format!("root@{DOMAIN}"), Aim::Nobody),
        19 => ("@".into(), Aim::Nobody),
        20 => ("a b@dface.cn/\u{fdfa}".into(), Aim::Nobody),
        21 => (format!("0123456789abcdef01234567@{DOMAIN}"), Aim::Nobody),
        22 => (String::new(), Aim::Nobody),
        // Without an address a stanza is for its sender.
        _ => return (None, Aim::One(sender)),
    };
    (Some(to), aim)
}

fn companions(bytes: &mut Bytes<'_>, to: &str) -> String {
    let count = bytes.next() % 3;
    let all = (0..count).map(|_| bytes.choose(&COMPANIONS).replace("{to}", to));
    all.collect()
}
