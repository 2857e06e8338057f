//! Reading what was said before, page by page (XEP-0313): one's own conversations, and rooms.
//!
//! Everything that has a body is kept, for everybody; there is nothing to choose (XEP-0441).

mod criteria;

use crate::Service;
use crate::forward::forwarded;
use crate::message::stamp;
use crate::rsm::Part;
use crate::session::Session;
use crate::stanza::StanzaError;
use crate::xml::{Element, attribute};
use criteria::{Query, form};
use domain::chat::MAX_NAME;
use domain::{EventKind, Position};
use projections::chat_history::Said;
use projections::chat_history::archive::{Archive, Criteria, End};
use std::sync::Arc;

pub(crate) const MAM: &str = "urn:xmpp:mam:2";
pub(crate) const MAM_EXTENDED: &str = "urn:xmpp:mam:2#extended";

/// How many messages a page holds that does not say.
const USUAL: usize = 50;

/// How many messages a page holds at most, and how many can be asked for by their ids.
const MOST: usize = 100;

/// How many bytes a page holds, unless one message alone is longer. Together with what may wait
/// before another question is read, it fits into an outbox.
const PAGE_BYTES: usize = 96 * 1024;

/// How far it is counted for those who want to know no more.
const COUNTED: usize = 10_000;

/// How often the read models are waited for, two seconds each.
const ATTEMPTS: usize = 10;

impl Service {
    /// Takes a question to an archive that `session` may read.
    pub(crate) async fn archive(
        &self,
        session: &Arc<Session>,
        archive: Archive,
        payload: &Element,
        is_get: bool,
    ) -> Result<String, StanzaError> {
        match (payload.name(), is_get) {
            ("query", true) => Ok(format!("<query xmlns='{MAM}'>{}</query>", form())),
            ("query", false) => self.page(session, archive, payload).await,
            ("metadata", true) => self.metadata(archive).await,
            ("prefs", true) if matches!(archive, Archive::Of(_)) => Ok(format!(
                "<prefs xmlns='{MAM}' default='always'><always/><never/></prefs>"
            )),
            ("prefs", false) if matches!(archive, Archive::Of(_)) => {
                Err(StanzaError::NOT_ALLOWED.saying("everything is kept, always"))
            }
            _ => Err(StanzaError::SERVICE_UNAVAILABLE),
        }
    }

    /// Returns once everything that was said and cleared up to `place` can be read.
    pub(crate) async fn readable(&self, place: Position) -> Result<(), StanzaError> {
        let kinds = [EventKind::MessageSent, EventKind::HistoryCleared];
        for _ in 0..ATTEMPTS {
            if self.projections.wait(place, &kinds).await {
                return Ok(());
            }
        }
        Err(StanzaError::away(&"the read models have not caught up"))
    }

    /// Where the log ends, once everything up to there can be read.
    async fn head(&self) -> Result<Position, StanzaError> {
        let head = self.commands.log().head().await;
        let head = head.map_err(|error| StanzaError::away(&error))?;
        self.readable(head).await?;
        Ok(head)
    }

    /// Sends a page of an archive, and tells what it was (XEP-0313 §4).
    async fn page(
        &self,
        session: &Arc<Session>,
        archive: Archive,
        query: &Element,
    ) -> Result<String, StanzaError> {
        let query_id = query.attr("queryid").unwrap_or_default();
        if query_id.len() > MAX_NAME {
            return Err(StanzaError::BAD_REQUEST.saying("the queryid is too long"));
        }
        if query.attr("node").is_some() {
            return Err(StanzaError::ITEM_NOT_FOUND);
        }
        // Whoever asks for page after page, and acknowledges none, must not be cut off by them.
        if session.outbox.is_half_full() {
            return Err(StanzaError::RESOURCE_CONSTRAINT);
        }
        let settings = &self.settings;
        let wanted = Query::of(query, &settings.domain, &settings.rooms())?;
        let head = self.head().await?;
        self.check_places(archive, &wanted, head).await?;
        let Some(criteria) = wanted.criteria(head) else {
            let nothing = Part {
                count: Some(0),
                ..Part::default()
            };
            return Ok(fin(&nothing, true));
        };
        let limit = wanted.paging.max.unwrap_or(USUAL).min(MOST);
        if limit == 0 {
            return self.count(archive, &criteria).await;
        }
        let end = wanted.end();
        let history = &self.projections.chat_history;
        // One more, which tells whether this page is the last.
        let found = history.archived(archive, &criteria, end, limit + 1).await;
        let found = found.map_err(|error| StanzaError::away(&error))?;
        let (page, is_last) = self.fitting(archive, found, end, limit);

        let part = part(&page, &wanted, is_last);
        let from = match archive {
            Archive::Of(owner) => self.bare(owner),
            Archive::Room(shop) => format!("{shop}@{}", settings.rooms()),
        };
        let mut head = String::from("<message");
        attribute(&mut head, "from", &from);
        let mut result = format!("><result xmlns='{MAM}'");
        if query.attr("queryid").is_some() {
            attribute(&mut result, "queryid", query_id);
        }
        let send = |(place, inside): &(Position, String)| {
            let mut tail = result.clone();
            attribute(&mut tail, "id", &place.0.to_string());
            tail.push('>');
            tail.push_str(inside);
            tail.push_str("</result></message>");
            session.outbox.push(&[&head, &session.to, &tail]);
        };
        if query.child("flip-page", MAM).is_some() {
            page.iter().rev().for_each(send);
        } else {
            page.iter().for_each(send);
        }
        Ok(fin(&part, is_last))
    }

    /// Whether every place that a question names is one of the archive; those whose message is
    /// asked for must hold one still.
    async fn check_places(
        &self,
        archive: Archive,
        wanted: &Query,
        head: Position,
    ) -> Result<(), StanzaError> {
        let history = &self.projections.chat_history;
        let bounds = wanted.bounds();
        if !bounds.is_empty() {
            let all_there = history.has_places(archive, &bounds).await;
            if !all_there.map_err(|error| StanzaError::away(&error))? {
                return Err(StanzaError::ITEM_NOT_FOUND);
            }
        }
        if let Some(ids) = &wanted.ids {
            if ids.len() > MOST {
                return Err(StanzaError::NOT_ACCEPTABLE.saying("at most 100 ids at once"));
            }
            let all = Criteria {
                only: Some(ids.clone()),
                ..Criteria::upto(head)
            };
            let number = history.count_archived(archive, &all, MOST).await;
            if number.map_err(|error| StanzaError::away(&error))? != ids.len() {
                return Err(StanzaError::ITEM_NOT_FOUND);
            }
        }
        Ok(())
    }

    /// XEP-0059 §2.7; nobody needs to be told exactly how many thousands there are.
    async fn count(&self, archive: Archive, criteria: &Criteria) -> Result<String, StanzaError> {
        let history = &self.projections.chat_history;
        let count = history.count_archived(archive, criteria, COUNTED + 1).await;
        let count = count.map_err(|error| StanzaError::away(&error))?;
        let part = Part {
            count: Some(count).filter(|count| *count <= COUNTED),
            ..Part::default()
        };
        Ok(fin(&part, count == 0))
    }

    /// As much of `found`, from the end where paging began, as a page may hold, oldest first; and
    /// whether that is all.
    fn fitting(
        &self,
        archive: Archive,
        mut found: Vec<Said>,
        end: End,
        limit: usize,
    ) -> (Vec<(Position, String)>, bool) {
        if end == End::Newest {
            found.reverse();
        }
        let (mut page, mut bytes) = (Vec::new(), 0);
        let mut is_last = found.len() <= limit;
        for said in found.iter().take(limit) {
            let message = match (archive, said.message.via) {
                (Archive::Room(_), _) => self.render_archived(&said.message, said.position),
                (Archive::Of(reader), Some(shop)) => {
                    self.render_whisper(&said.message, reader, shop, said.position)
                }
                (Archive::Of(reader), None) => {
                    self.render(&said.message, reader, said.position, None)
                }
            };
            let mut inside = String::new();
            forwarded(&mut inside, &message, Some(said.at));
            bytes += inside.len();
            if bytes > PAGE_BYTES && !page.is_empty() {
                is_last = false;
                break;
            }
            page.push((said.position, inside));
        }
        if end == End::Newest {
            page.reverse();
        }
        (page, is_last)
    }

    /// Between what an archive reaches (XEP-0313 §5).
    async fn metadata(&self, archive: Archive) -> Result<String, StanzaError> {
        let all = Criteria::upto(self.head().await?);
        let mut out = format!("<metadata xmlns='{MAM}'>");
        for (name, end) in [("start", End::Oldest), ("end", End::Newest)] {
            let history = &self.projections.chat_history;
            let said = history.archived(archive, &all, end, 1).await;
            for said in said.map_err(|error| StanzaError::away(&error))? {
                out.push_str(&format!("<{name}"));
                attribute(&mut out, "id", &said.position.0.to_string());
                attribute(&mut out, "timestamp", &stamp(said.at).unwrap_or_default());
                out.push_str("/>");
            }
        }
        out.push_str("</metadata>");
        Ok(out)
    }
}

fn part(page: &[(Position, String)], wanted: &Query, is_last: bool) -> Part {
    let ends = page.first().zip(page.last());
    let from_the_first = match wanted.end() {
        End::Oldest => wanted.paging.after.is_none(),
        End::Newest => wanted.paging.after.is_none() && is_last,
    };
    let is_all = from_the_first && is_last && !matches!(wanted.paging.before, Some(Some(_)));
    Part {
        ends: ends.map(|((first, _), (last, _))| (first.0.to_string(), last.0.to_string())),
        is_first: from_the_first,
        count: is_all.then_some(page.len()),
    }
}

/// The end of the answer.
fn fin(part: &Part, is_last: bool) -> String {
    let complete = if is_last { " complete='true'" } else { "" };
    format!("<fin xmlns='{MAM}'{complete}>{}</fin>", part.to_xml())
}
