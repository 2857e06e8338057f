//! A crowd of people who follow each other, written straight into the tables of the read models:
//! as many edges as one likes, in minutes.
//!
//! A few have very many followers and most have few. The first person is the star; the second has
//! twenty followers exactly.

use anyhow::Result;
use domain::UserId;
use serde::Serialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use std::path::Path;

/// How many rows one statement inserts.
const ROWS: usize = 20_000;

/// How many entries of a list share a counter: as the read model has it.
const BLOCK: i64 = 1_024;

/// The followers of [`Crowd::ORDINARY`].
const FEW: u64 = 20;

/// The tables of the crowd.
pub(crate) struct Crowd {
    connection: SqliteConnection,
    people: u64,
    /// How many follow each person, and how many each follows.
    followers: Vec<u32>,
    friends: Vec<u32>,
}

impl Crowd {
    /// The number of the person whom one of twenty edges leads to.
    pub(crate) const STAR: u64 = 1;
    /// The number of the person with twenty followers.
    pub(crate) const ORDINARY: u64 = 2;

    /// Who has a number.
    pub(crate) fn user(number: u64) -> UserId {
        let mut random = [0xc0; 8];
        random[1..].copy_from_slice(&number.to_be_bytes()[1..]);
        UserId::new(1, random)
    }

    /// Enters people, who have a profile each and follow nobody yet.
    ///
    /// # Errors
    /// When the database refuses.
    pub(crate) async fn enter(read: &Path, people: u64) -> Result<Self> {
        let mut connection = SqliteConnectOptions::new()
            .filename(read)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Off)
            .pragma("cache_size", "-2000000")
            .disable_statement_logging()
            .connect()
            .await?;
        let numbers: Vec<u64> = (1..=people).collect();
        for some in numbers.chunks(ROWS) {
            let rows: Vec<_> = some
                .iter()
                .map(|&number| {
                    (
                        number,
                        Self::user(number).to_string(),
                        format!("person {number}"),
                    )
                })
                .collect();
            let rows = json(&rows)?;
            let mut transaction = connection.begin().await?;
            sqlx::query(
                "INSERT INTO people (number, user_id, needle) \
                 SELECT value->>0, value->>1, value->>2 FROM json_each(?1)",
            )
            .bind(rows.clone())
            .execute(&mut *transaction)
            .await?;
            sqlx::query(
                "INSERT INTO profiles (user_id, name, gender, birthday, signature, job, hobby, \
                 invisible, generation, banned) \
                 SELECT value->>1, value->>2, 0, '', '', '', '', 0, 0, 0 FROM json_each(?1)",
            )
            .bind(rows)
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
        }
        let nobody = vec![0; usize::try_from(people)? + 1];
        Ok(Self {
            connection,
            people,
            followers: nobody.clone(),
            friends: nobody,
        })
    }

    /// Adds edges until there are about so many.
    ///
    /// # Errors
    /// When the database refuses.
    pub(crate) async fn grow(&mut self, edges: u64) -> Result<()> {
        let mut rows = Vec::with_capacity(ROWS);
        for followed in 1..=self.people {
            let at = usize::try_from(followed)?;
            let wanted = self.wanted(followed, edges);
            while u64::from(self.followers[at]) < wanted {
                let place = u64::from(self.followers[at]);
                let follower = self.follower(followed, place);
                let friend = usize::try_from(follower)?;
                rows.push((follower, followed, self.friends[friend], place));
                self.followers[at] += 1;
                self.friends[friend] += 1;
                if rows.len() == ROWS {
                    self.insert(&rows).await?;
                    rows.clear();
                }
            }
        }
        self.insert(&rows).await?;
        self.count().await
    }

    /// Lets go of the tables.
    ///
    /// # Errors
    /// When the database refuses.
    pub(crate) async fn leave(self) -> Result<()> {
        Ok(self.connection.close().await?)
    }

    /// How many followers a person has among so many edges: the star one twentieth of all, the
    /// others by a power law.
    fn wanted(&self, followed: u64, edges: u64) -> u64 {
        match followed {
            Self::STAR => (edges / 20).min(self.people - 2),
            Self::ORDINARY => FEW,
            _ => {
                // The sum of r^-0.8 over n ranks is about 5 n^0.2.
                let (people, rank) = (self.people as f64, followed as f64);
                let share = rank.powf(-0.8) / (5.0 * people.powf(0.2));
                ((0.95 * edges as f64 * share).round() as u64).min(self.people / 2)
            }
        }
    }

    /// The follower at a place of somebody's list: different ones at different places, because the
    /// stride has no divisor in common with any number of people.
    fn follower(&self, followed: u64, place: u64) -> u64 {
        const STRIDE: u64 = 2_147_483_647;
        let others = self.people - 1;
        let step = (followed.wrapping_mul(7_919) + place % others * (STRIDE % others)) % others;
        (followed + step) % self.people + 1
    }

    async fn insert(&mut self, rows: &[(u64, u64, u32, u64)]) -> Result<()> {
        sqlx::query(
            "INSERT INTO follows (follower, followed, friend_place, follower_place, \
             friend_hidden, follower_hidden) \
             SELECT value->>0, value->>1, value->>2, value->>3, 0, 0 FROM json_each(?1) \
             WHERE true ON CONFLICT DO NOTHING",
        )
        .bind(json(rows)?)
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }

    async fn count(&mut self) -> Result<()> {
        for statement in [
            "DELETE FROM follow_blocks",
            "INSERT INTO follow_blocks (owner, side, block, shown) \
             SELECT followed, 0, follower_place / ?1, COUNT(*) FROM follows GROUP BY 1, 3",
            "INSERT INTO follow_blocks (owner, side, block, shown) \
             SELECT follower, 1, friend_place / ?1, COUNT(*) FROM follows GROUP BY 1, 3",
            "INSERT INTO follow_blocks (owner, side, block, shown) \
             SELECT owner, side, -1, SUM(shown) FROM follow_blocks GROUP BY 1, 2",
        ] {
            sqlx::query(statement)
                .bind(BLOCK)
                .execute(&mut self.connection)
                .await?;
        }
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// The page as a textbook has it: two joins, all rows counted, those before the page walked
    /// over; each row with both relations to the owner.
    ///
    /// # Errors
    /// When the database refuses.
    pub(crate) async fn textbook_page(&mut self, owner: u64, skip: u64) -> Result<usize> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM follows WHERE followed = ?1")
            .bind(i64::try_from(owner)?)
            .fetch_one(&mut self.connection)
            .await?;
        let rows = sqlx::query(
            "SELECT u.*, EXISTS (SELECT 1 FROM follows g WHERE g.follower = ?1 \
             AND g.followed = f.follower) FROM follows f \
             JOIN people p ON p.number = f.follower JOIN profiles u ON u.user_id = p.user_id \
             WHERE f.followed = ?1 ORDER BY f.follower_place DESC LIMIT 20 OFFSET ?2",
        )
        .bind(i64::try_from(owner)?)
        .bind(i64::try_from(skip)?)
        .fetch_all(&mut self.connection)
        .await?;
        Ok(rows.len().min(usize::try_from(count)?))
    }

    /// How many edges there are.
    pub(crate) fn edges(&self) -> u64 {
        self.followers.iter().map(|&count| u64::from(count)).sum()
    }
}

fn json(rows: &(impl Serialize + ?Sized)) -> Result<String> {
    Ok(serde_json::to_string(rows)?)
}
