//! `POST /rest`: one message, delivered as it is (seed §32.4.4). Its `from` is believed.
//!
//! Presence and questions are the business of connections, and refused.

use super::Web;
use super::answer::Failure;
use super::parameters::body;
use crate::address::Address;
use crate::reader::{Incoming, MEMBER_BYTES, Reader, STREAMS};
use crate::stanza::{CLIENT, StanzaError, passed_on};
use crate::xml::Element;
use axum::Json;
use axum::extract::{Request, State};
use commands::Circumstances;
use domain::chat::{Destination, MessageSent};
use domain::{Party, ShopId};
use serde_json::{Value, json};

/// Who says something, and to whom.
#[derive(Debug, PartialEq, Eq)]
enum Route {
    /// A person or a shop to a person or a shop; each perhaps with a resource.
    Chat((Party, Option<String>), (Party, Option<String>)),
    /// Somebody to everybody in a room.
    Room(Party, ShopId),
    /// A room, or somebody in it, to one person or shop alone.
    Aside(Party, Option<String>),
}

/// `POST /rest`: delivers the message in the body, whatever its content type. What has a body is
/// stored first; what a room says to one person alone is handed on, and not kept.
///
/// Source: seed §32.4.4. Answers `{"sent":true}`, and 406 to what is not one message.
pub(super) async fn rest(State(web): State<Web>, request: Request) -> Result<Json<Value>, Failure> {
    let body = body(request, &()).await?;
    let stanza = parse(&body)?;
    web.deliver(&stanza).await?;
    Ok(Json(json!({"sent": true})))
}

impl Web {
    async fn deliver(&self, stanza: &Element) -> Result<(), Failure> {
        let settings = &self.service.settings;
        let route = route(stanza, &settings.domain, &settings.rooms())?;
        let said = stanza.child("body", CLIENT).map(Element::text);
        let kind = stanza.attr("type").unwrap_or("normal");
        let passing = matches!(kind, "error" | "headline");
        let message = |from, to, body: String| MessageSent {
            id: stanza.attr("id").map(str::to_owned),
            children: self.service.children(stanza),
            ..MessageSent::new(from, to, body)
        };
        match (route, said) {
            (Route::Room(from, room), Some(body)) => {
                self.check_room(room)?;
                self.check_sender(from).await?;
                let message = message(from, Destination::Room(room), body);
                self.send(message, Circumstances::default()).await
            }
            (Route::Room(..), None) => Err(Failure::stanza("what is said in a room has a body")),
            (Route::Chat((from, from_resource), (to, to_resource)), Some(body)) if !passing => {
                self.check_sender(from).await?;
                let message = MessageSent {
                    from_resource,
                    to_resource,
                    normal: kind != "chat",
                    ..message(from, Destination::To(to), body)
                };
                let fits = self.service.fits(to).await;
                let fits = fits.map_err(|_| Failure::away("the inbox cannot be counted"))?;
                let circumstances = Circumstances {
                    present: true,
                    fits,
                };
                self.send(message, circumstances).await
            }
            (Route::Chat((from, _), (to, resource)), _) => {
                let unwanted = self.service.commands.is_unwanted(from, to).await;
                if !unwanted.map_err(Failure::away)? {
                    self.hand_on(stanza, to, resource.as_deref());
                }
                Ok(())
            }
            (Route::Aside(to, resource), _) => {
                self.hand_on(stanza, to, resource.as_deref());
                Ok(())
            }
        }
    }

    async fn send(&self, message: MessageSent, found: Circumstances) -> Result<(), Failure> {
        let sent = self.service.commands.send_message(message, found).await?;
        self.written(sent).await;
        Ok(())
    }

    /// Hands on what is not stored: to the connection that it is for, or else to all that listen.
    fn hand_on(&self, stanza: &Element, to: Party, resource: Option<&str>) {
        let sessions = &self.service.sessions;
        let one = resource.and_then(|resource| sessions.find(to, resource));
        let all = || sessions.of(to).into_iter().filter(|one| one.listens());
        let receivers = one.map_or_else(|| all().collect(), |one| vec![one]);
        let from = stanza.attr("from").unwrap_or_default();
        for receiver in receivers {
            let stanza = passed_on(stanza, from, &receiver.jid, |_| false);
            receiver.outbox.push(&[&stanza]);
        }
    }
}

/// The one message that `body` is. What a stream may not hold, it may not hold either: document
/// types, comments, more than so many bytes, or elements too deep in each other.
fn parse(body: &[u8]) -> Result<Element, Failure> {
    let malformed = || Failure::stanza("the body must be one message stanza");
    let header = format!("<stream:stream xmlns='{CLIENT}' xmlns:stream='{STREAMS}'>");
    let mut reader = Reader::new(MEMBER_BYTES);
    let mut found = Vec::new();
    for mut bytes in [
        header.as_bytes(),
        without_declaration(body),
        b"</stream:stream>",
    ] {
        while let Some(incoming) = reader.next(&mut bytes).map_err(|_| malformed())? {
            found.push(incoming);
        }
    }
    let mut found = found.into_iter();
    match (found.next(), found.next(), found.next(), found.next()) {
        (
            Some(Incoming::Header(_)),
            Some(Incoming::Element(stanza)),
            Some(Incoming::Footer),
            None,
        ) if stanza.is("message", CLIENT) => Ok(stanza),
        _ => Err(malformed()),
    }
}

/// `body` without the declaration that a document of XML may begin with.
fn without_declaration(body: &[u8]) -> &[u8] {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let body = body.trim_ascii();
    match body.strip_prefix(b"<?xml ") {
        Some(rest) => {
            let end = rest.windows(2).position(|pair| pair == b"?>");
            end.map_or(body, |end| &rest[end + 2..])
        }
        None => body,
    }
}

/// Who says it to whom; refused where that cannot be told, or makes no sense.
fn route(stanza: &Element, domain: &str, rooms: &str) -> Result<Route, Failure> {
    let address = |name| {
        let text = stanza.attr(name).unwrap_or_default();
        let parsed = Address::parse(text, domain, rooms);
        parsed.map_err(|_: StanzaError| Failure::stanza(&format!("{name} must be a JID")))
    };
    let groupchat = stanza.attr("type") == Some("groupchat");
    match (address("from")?, address("to")?) {
        (Address::Party(from, own), Address::Party(to, its)) if !groupchat => {
            Ok(Route::Chat((from, own), (to, its)))
        }
        (Address::Party(from, _), Address::Room(room, None)) if groupchat => {
            Ok(Route::Room(from, room))
        }
        (Address::Room(from_room, Some(nick)), Address::Room(room, None))
            if groupchat && from_room == room =>
        {
            let nick = nick.parse();
            let nick = nick.map_err(|_| Failure::stanza("nobody has this nick"))?;
            Ok(Route::Room(nick, room))
        }
        (Address::Room(..), Address::Party(to, resource)) if groupchat => {
            Ok(Route::Aside(to, resource))
        }
        _ => Err(Failure::stanza(
            "messages go from a person or a shop to another or to a room, \
             or from a room to a person",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: &str = "502e6303421aa918ba000001";

    #[track_caller]
    fn refused(body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        assert!(parse(body).is_err(), "{}", String::from_utf8_lossy(body));
    }

    #[test]
    fn one_message_is_taken_however_it_is_wrapped() {
        for body in [
            "<message/>",
            " <message to='x'><body>a</body></message>\n",
            "<?xml version='1.0' encoding='UTF-8'?>\n<message xmlns='jabber:client'/>",
            "\u{feff}<message></message>",
        ] {
            assert!(parse(body.as_bytes()).is_ok(), "{body}");
        }
    }

    #[test]
    fn what_is_not_one_message_is_refused() {
        for body in [
            "",
            "hello",
            "<message>",
            "<message/><message/>",
            "<message/>x",
            "<message/></stream:stream>",
            "<message/></stream:stream><message/>",
            "<message/><mess",
            "<iq type='get' id='1'/>",
            "<presence/>",
            "<message xmlns='jabber:server'/>",
            "<!DOCTYPE message [<!ENTITY a 'b'>]><message><body>&a;</body></message>",
            "<?xml version='1.0'?><!DOCTYPE message><message/>",
            "<message><body>&lol;</body></message>",
            "<!-- hi --><message/>",
            "<message a='1' a='2'/>",
            "<?xml version='1.0'",
        ] {
            refused(body);
        }
        refused(b"<message><body>\xff</body></message>");
        refused(format!("<message>{}", "<a>".repeat(4_000)));
        let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
        refused(format!("<message>{deep}</message>"));
        let long = "x".repeat(MEMBER_BYTES);
        refused(format!("<message><body>{long}</body></message>"));
    }

    #[track_caller]
    fn routed(kind: &str, from: &str, to: &str) -> Option<Route> {
        let text = format!("<message type='{kind}' from='{from}' to='{to}'/>");
        let stanza = parse(text.as_bytes()).expect("a message");
        route(&stanza, "dface.cn", "c.dface.cn").ok()
    }

    #[test]
    fn a_message_goes_from_whom_it_says_to_whom_it_says() {
        let ana: Party = ANA.parse().expect("an id");
        let shop = ShopId::new(7).expect("an id");
        let (jid, room) = (format!("{ANA}@dface.cn"), "7@c.dface.cn");
        let own = Some("phone".to_owned());
        assert_eq!(
            routed("chat", "s7@dface.cn", &format!("{jid}/phone")),
            Some(Route::Chat((shop.into(), None), (ana, own)))
        );
        let said = || Some(Route::Room(ana, shop));
        assert_eq!(routed("groupchat", &jid, room), said());
        assert_eq!(routed("groupchat", &format!("{room}/{ANA}"), room), said());
        assert_eq!(
            routed("groupchat", room, &jid),
            Some(Route::Aside(ana, None))
        );
        for (kind, from, to) in [
            ("groupchat", &*jid, &*jid),
            ("chat", room, &jid),
            ("chat", &jid, room),
            ("groupchat", room, room),
            ("groupchat", "8@c.dface.cn/x", room),
            ("groupchat", "7@c.dface.cn/x", room),
            ("chat", "ana@jabber.org", &jid),
            ("chat", &jid, "ana@jabber.org"),
            ("chat", "dface.cn", &jid),
            ("chat", "root@dface.cn", &jid),
            ("chat", "", &jid),
            ("chat", &jid, ""),
        ] {
            assert_eq!(routed(kind, from, to), None, "{kind} {from} {to}");
        }
    }
}
