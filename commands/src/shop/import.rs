//! Importing shops from files: many at once, and as often as one likes.

use crate::Clock;
use crate::execute::{by, load, new_events};
use domain::shop::{Command, Rejection, Shop, ShopDetails};
use domain::{Decider, Event, ShopId, StreamName};
use eventlog::{Append, EventLog, ExpectedRevision};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;

/// How many streams are read at the same moment.
const READS: usize = 8;

/// One shop of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct ShopRecord {
    /// The id that belongs to the record, the same at every import.
    pub shop_id: ShopId,
    /// The record's name, like `osm:node/25046087`.
    pub source: String,
    /// What the record says.
    pub details: ShopDetails,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// A new shop.
    Registered,
    /// The record has changed since the last import.
    Revised,
    /// Nothing new.
    Unchanged,
    /// The rules refuse it.
    Rejected(Rejection),
}

/// Puts records into the log, also beside a running server.
pub struct Importer {
    log: Arc<dyn EventLog>,
    clock: Clock,
}

impl Importer {
    /// An importer into `log`.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, clock: Clock) -> Self {
        Self { log, clock }
    }

    /// Imports some records, best by the thousand; answers one by one, in order.
    ///
    /// Most records are new at a first import, so all are tried as new at once, and only those
    /// whose shop exists are looked at one by one.
    ///
    /// # Errors
    /// When the log is away; then some may have gone in, and importing them again is right.
    pub async fn import(&self, records: Vec<ShopRecord>) -> Result<Vec<Imported>, eventlog::Error> {
        let mut answers = vec![Imported::Unchanged; records.len()];
        let mut appends = Vec::with_capacity(records.len());
        let mut tried = Vec::with_capacity(records.len());
        for (at, record) in records.iter().enumerate() {
            match Shop::decide(&None, &command(record)) {
                Ok(events) => {
                    appends.push(self.append(record, ExpectedRevision::NoStream, events));
                    tried.push(at);
                }
                Err(rejection) => answers[at] = Imported::Rejected(rejection),
            }
        }
        let mut existing = Vec::new();
        for (at, result) in tried.into_iter().zip(self.log.append_batch(appends).await?) {
            match result {
                Ok(_) => answers[at] = Imported::Registered,
                Err(eventlog::Error::Conflict { .. }) => existing.push(at),
                Err(error) => return Err(error),
            }
        }
        let revised: Vec<(usize, Imported)> = stream::iter(existing)
            .map(|at| {
                let record = &records[at];
                async move {
                    self.import_existing(record)
                        .await
                        .map(|answer| (at, answer))
                }
            })
            .buffered(READS)
            .try_collect()
            .await?;
        for (at, answer) in revised {
            answers[at] = answer;
        }
        Ok(answers)
    }

    async fn import_existing(&self, record: &ShopRecord) -> Result<Imported, eventlog::Error> {
        loop {
            let stream = StreamName::shop(record.shop_id);
            let (shop, expected) = load::<Shop>(&*self.log, &stream).await?;
            let events = match Shop::decide(&shop, &command(record)) {
                Ok(events) if events.is_empty() => return Ok(Imported::Unchanged),
                Ok(events) => events,
                Err(rejection) => return Ok(Imported::Rejected(rejection)),
            };
            let append = self.append(record, expected, events);
            match self
                .log
                .append(&append.stream, expected, append.events)
                .await
            {
                Ok(_) => return Ok(Imported::Revised),
                Err(eventlog::Error::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn append(
        &self,
        record: &ShopRecord,
        expected: ExpectedRevision,
        events: Vec<Event>,
    ) -> Append {
        let events = new_events(events, self.clock.now(), &by("import"));
        Append::new(StreamName::shop(record.shop_id), expected, events)
    }
}

fn command(record: &ShopRecord) -> Command {
    Command::Import {
        shop_id: record.shop_id,
        details: record.details.clone(),
        source: record.source.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::House;
    use domain::geo::Point;
    use domain::shop::{Category, DetailsEdit};

    fn record(id: u64, name: &str) -> ShopRecord {
        ShopRecord {
            shop_id: ShopId::new(id).expect("an id"),
            source: format!("osm:node/{id}"),
            details: ShopDetails {
                name: name.into(),
                point: Point::new(60.17, 24.94).expect("a point"),
                category: Category::Cafe,
                address: String::new(),
                phone: String::new(),
                points: Vec::new(),
            },
        }
    }

    async fn import(house: &House, records: Vec<ShopRecord>) -> Vec<Imported> {
        let clock = house.commands.clock().clone();
        let importer = Importer::new(house.log.clone(), clock);
        importer.import(records).await.expect("an import")
    }

    #[tokio::test]
    async fn a_second_import_records_only_what_changed() {
        let house = House::new().await;
        let first = import(&house, vec![record(1, "Ekberg"), record(2, "Fazer")]).await;
        assert_eq!(first, [Imported::Registered, Imported::Registered]);
        let again = import(&house, vec![record(1, "Ekberg"), record(2, "Fazer Café")]).await;
        assert_eq!(again, [Imported::Unchanged, Imported::Revised]);
        assert_eq!(house.events().await.len(), 3);
    }

    #[tokio::test]
    async fn bad_records_do_not_keep_the_others_out() {
        let house = House::new().await;
        let answers = import(&house, vec![record(1, " "), record(2, "Fazer")]).await;
        assert_eq!(
            answers,
            [Imported::Rejected(Rejection::Name), Imported::Registered]
        );
    }

    #[tokio::test]
    async fn a_record_twice_in_one_file_is_one_shop() {
        let house = House::new().await;
        let answers = import(&house, vec![record(1, "Ekberg"), record(1, "Ekberg")]).await;
        assert_eq!(answers, [Imported::Registered, Imported::Unchanged]);
    }

    #[tokio::test]
    async fn what_an_operator_changed_survives_the_next_import() {
        let house = House::new().await;
        import(&house, vec![record(1, "Ekberg")]).await;
        let edit = DetailsEdit {
            name: Some("Ekberg ★".into()),
            ..DetailsEdit::default()
        };
        let _ = house
            .commands
            .revise_shop(record(1, "").shop_id, edit)
            .await
            .expect("a change");
        assert_eq!(
            import(&house, vec![record(1, "Ekberg")]).await,
            [Imported::Unchanged]
        );
    }
}
