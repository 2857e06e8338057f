//! Paging through what was said, as XEP-0313 asks: one's own conversations, or a room.
//!
//! A place in an archive is a position in the log, so it is the same from everywhere and for ever.

use super::{ChatHistory, HOUR_MS, Said, pair, room, said};
use crate::Error;
use crate::store::stored;
use domain::{Millis, Party, Position, ShopId};
use sqlx::AssertSqlSafe;
use std::fmt::Write;

type Query = sqlx::query::Query<'static, sqlx::Any, sqlx::any::AnyArguments>;

/// What is paged through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archive {
    /// Everything that somebody has said or heard, not in rooms, and has not cleared.
    Of(Party),
    /// What was said in a room and not cleared there.
    Room(ShopId),
}

/// Who is on the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum With {
    /// A person or a shop, perhaps one of their resources; not what went through a room.
    Party(Party, Option<String>),
    /// Those in a room, or one of them: alone with the owner, or speaking in that room.
    Occupants(ShopId, Option<Party>),
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Criteria {
    /// Not what was said later in the log than this.
    pub upto: Position,
    /// Only what has this other side.
    pub with: Option<With>,
    /// Not what was said before this moment.
    pub since: Option<Millis>,
    /// Not what was said behind this moment.
    pub until: Option<Millis>,
    /// Only what stands behind this place.
    pub after: Option<Position>,
    /// Only what stands before this place.
    pub before: Option<Position>,
    /// Only these.
    pub only: Option<Vec<Position>>,
}

impl Criteria {
    /// Everything up to `upto`.
    #[must_use]
    pub fn upto(upto: Position) -> Self {
        Self {
            upto,
            with: None,
            since: None,
            until: None,
            after: None,
            before: None,
            only: None,
        }
    }
}

/// From which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The oldest.
    Oldest,
    /// The newest.
    Newest,
}

impl ChatHistory {
    /// At most `limit` of what is looked for, from one end, oldest first in either case.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn archived(
        &self,
        archive: Archive,
        criteria: &Criteria,
        end: End,
        limit: usize,
    ) -> Result<Vec<Said>, Error> {
        let Some(mut search) = self.search(archive, criteria).await? else {
            return Ok(Vec::new());
        };
        let order = match end {
            End::Oldest => "ASC",
            End::Newest => "DESC",
        };
        let limit = search.number(whole(limit));
        let sql = format!(
            "SELECT h.position, h.at_ms, h.message FROM {} ORDER BY {} {order} LIMIT {limit}",
            search.sql, search.position
        );
        let rows = search.bind(sqlx::query(AssertSqlSafe(sql)));
        let rows = rows.fetch_all(&self.reads).await?;
        let mut found = rows.iter().map(said).collect::<Result<Vec<_>, _>>()?;
        if end == End::Newest {
            found.reverse();
        }
        Ok(found)
    }

    /// How much there is of what is looked for, counted up to `most`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn count_archived(
        &self,
        archive: Archive,
        criteria: &Criteria,
        most: usize,
    ) -> Result<usize, Error> {
        let Some(mut search) = self.search(archive, criteria).await? else {
            return Ok(0);
        };
        let most = search.number(whole(most));
        let sql = format!(
            "SELECT COUNT(*) AS number FROM (SELECT 1 AS one FROM {} LIMIT {most}) AS found",
            search.sql
        );
        let row = search.bind(sqlx::query(AssertSqlSafe(sql)));
        let row = row.fetch_one(&self.reads).await?;
        let number: i64 = sqlx::Row::try_get(&row, "number")?;
        Ok(usize::try_from(number).unwrap_or(0))
    }

    /// Whether all of `places` are, or were before they were cleared, places in an archive.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn has_places(&self, archive: Archive, places: &[Position]) -> Result<bool, Error> {
        let mut distinct = places.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.is_empty() {
            return Ok(true);
        }
        let (sql, key) = match archive {
            Archive::Of(owner) => ("chat_archive WHERE owner = $1", owner.to_string()),
            Archive::Room(shop) => ("chat_history WHERE conversation = $1", room(shop)),
        };
        let places = list(&distinct);
        let sql = format!("SELECT COUNT(*) FROM {sql} AND position IN ({places})");
        let number: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(key)
            .fetch_one(&self.reads)
            .await?;
        Ok(usize::try_from(number).is_ok_and(|number| number == distinct.len()))
    }

    /// The question in SQL; `None` when there can be no answer.
    async fn search(&self, archive: Archive, criteria: &Criteria) -> Result<Option<Search>, Error> {
        let mut first = criteria.after.map_or(1, |after| after.0.saturating_add(1));
        let mut last = criteria.upto.0;
        if let Some(before) = criteria.before {
            last = last.min(before.0.saturating_sub(1));
        }
        if let Some(since) = criteria.since {
            let Some(bound) = self.hours("MIN(first_position)", ">=", since).await? else {
                return Ok(None);
            };
            first = first.max(bound);
        }
        if let Some(until) = criteria.until {
            let Some(bound) = self.hours("MAX(last_position)", "<=", until).await? else {
                return Ok(None);
            };
            last = last.min(bound);
        }
        let mut search = Search::of(archive, criteria.with.as_ref());
        search.between(Position(first), Position(last));
        // Within an hour, and where clocks disagreed, the moment itself decides.
        if let Some(since) = criteria.since {
            let since = search.number(since.0);
            search.and(&format!("h.at_ms >= {since}"));
        }
        if let Some(until) = criteria.until {
            let until = search.number(until.0);
            search.and(&format!("h.at_ms <= {until}"));
        }
        if let Some(only) = &criteria.only {
            if only.is_empty() {
                return Ok(None);
            }
            let position = search.position;
            search.and(&format!("{position} IN ({})", list(only)));
        }
        let reader = match archive {
            Archive::Of(owner) => owner.to_string(),
            // What was cleared for everybody has no reader.
            Archive::Room(_) => String::new(),
        };
        let reader = search.text(reader);
        search.and(&format!(
            "h.position > COALESCE((SELECT c.position FROM chat_cleared c \
             WHERE c.conversation = h.conversation AND c.reader = {reader}), 0)"
        ));
        Ok(Some(search))
    }

    /// A bound of the positions of everything that was said since, or until, a moment.
    async fn hours(&self, bound: &str, side: &str, at: Millis) -> Result<Option<u64>, Error> {
        let sql = format!("SELECT {bound} FROM chat_hours WHERE hour {side} $1");
        let position: Option<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(at.0.div_euclid(HOUR_MS))
            .fetch_one(&self.reads)
            .await?;
        Ok(position.and_then(|position| u64::try_from(position).ok()))
    }
}

/// A question as it grows.
struct Search {
    /// What stands between `FROM` and `ORDER BY`.
    sql: String,
    /// The column that is searched by position.
    position: &'static str,
    values: Vec<Value>,
}

/// What is bound to a place in it.
enum Value {
    Text(String),
    Number(i64),
}

impl Search {
    /// Along the key that answers fastest.
    fn of(archive: Archive, with: Option<&With>) -> Self {
        let mut search = Self {
            sql: String::new(),
            position: "h.position",
            values: Vec::new(),
        };
        match (archive, with) {
            (Archive::Of(owner), None) => search.everything_of(owner),
            (Archive::Of(owner), Some(With::Occupants(shop, None))) => {
                search.everything_of(owner);
                search.equals("h.via", shop.to_string());
            }
            (Archive::Of(owner), Some(With::Occupants(shop, Some(peer)))) => {
                search.conversation(pair(owner, *peer));
                search.equals("h.via", shop.to_string());
            }
            (Archive::Of(owner), Some(With::Party(peer, resource))) => {
                search.conversation(pair(owner, *peer));
                search.and("h.via = ''");
                if let Some(resource) = resource {
                    let peer = search.text(peer.to_string());
                    let owner = search.text(owner.to_string());
                    let resource = search.text(resource.clone());
                    search.and(&format!(
                        "((h.sender = {peer} AND h.from_resource = {resource}) \
                          OR (h.sender = {owner} AND h.to_resource = {resource}))"
                    ));
                }
            }
            (Archive::Room(shop), with) => {
                search.conversation(room(shop));
                match with {
                    None => {}
                    Some(With::Occupants(of, None)) if *of == shop => {}
                    Some(With::Occupants(of, Some(speaker))) if *of == shop => {
                        search.equals("h.sender", speaker.to_string());
                    }
                    // In a room nobody has another address.
                    Some(_) => search.and("1 = 0"),
                }
            }
        }
        search
    }

    fn everything_of(&mut self, owner: Party) {
        self.position = "a.position";
        self.sql.push_str(
            "chat_archive a JOIN chat_history h \
             ON h.conversation = a.conversation AND h.position = a.position WHERE ",
        );
        let owner = self.text(owner.to_string());
        let _ = write!(self.sql, "a.owner = {owner}");
    }

    fn conversation(&mut self, conversation: String) {
        let conversation = self.text(conversation);
        let _ = write!(
            self.sql,
            "chat_history h WHERE h.conversation = {conversation}"
        );
    }

    fn between(&mut self, first: Position, last: Position) {
        let column = self.position;
        let (first, last) = (self.number(stored(first)), self.number(stored(last)));
        self.and(&format!("{column} >= {first} AND {column} <= {last}"));
    }

    fn equals(&mut self, column: &str, value: String) {
        let value = self.text(value);
        self.and(&format!("{column} = {value}"));
    }

    fn and(&mut self, condition: &str) {
        let _ = write!(self.sql, " AND {condition}");
    }

    /// What stands for `text`. Nothing that anybody chose is ever written into the SQL.
    fn text(&mut self, text: String) -> String {
        self.place_for(Value::Text(text))
    }

    fn number(&mut self, number: i64) -> String {
        self.place_for(Value::Number(number))
    }

    fn place_for(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    fn bind(self, query: Query) -> Query {
        let values = self.values.into_iter();
        values.fold(query, |query, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        })
    }
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Positions for `IN (…)`.
fn list(places: &[Position]) -> String {
    let places: Vec<String> = places.iter().map(|at| stored(*at).to_string()).collect();
    places.join(", ")
}

#[cfg(test)]
mod tests;
