//! PostGIS from Debian: a table of points with an index for nearest neighbours.

use super::world::World;
use crate::machine::Usage;
use crate::postgres::Postgres;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sqlx::{Connection as _, PgConnection, Row};
use std::path::Path;

/// Where Debian keeps what a database is told to know it.
const EXTENSION: &str = "/usr/share/postgresql";

/// All points stay in memory, as they do in the other servers; nothing is compiled for each
/// question.
const SETTINGS: [&str; 3] = ["shared_buffers=2GB", "jit=off", "max_wal_size=8GB"];

/// How many rows are copied at once.
const AT_ONCE: usize = 10_000;

/// Which kind of question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Way {
    /// The 50 nearest, wherever they are.
    Nearest,
    /// The 50 nearest within a radius.
    Within,
}

/// What is asked.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) way: Way,
    pub(super) lat: f64,
    pub(super) lng: f64,
    pub(super) radius_m: f64,
}

/// One that runs; it ends with us.
pub(super) struct PostGis {
    postgres: Postgres,
    pub(super) url: String,
    pub(super) version: String,
    /// What the table and its indexes take on disk for one shop.
    pub(super) bytes_per_shop: f64,
}

/// A connection to it.
pub(super) struct Connection(PgConnection);

impl PostGis {
    /// Whether it is installed; says how it would be where it is not.
    pub(super) fn is_installed() -> bool {
        let versions = std::fs::read_dir(EXTENSION).into_iter().flatten();
        let mut versions = versions.filter_map(Result::ok);
        let found =
            versions.any(|version| version.path().join("extension/postgis.control").exists());
        if !found {
            eprintln!(
                "PostGIS is not installed, so it is not compared: \
                 apt-get install postgresql postgresql-15-postgis-3"
            );
        }
        found
    }

    /// Starts one beside `folder` and enters the points of all shops.
    ///
    /// # Errors
    /// When it does not start, or refuses.
    pub(super) async fn start(folder: &Path, world: &World) -> Result<Self> {
        let postgres = Postgres::start(folder, "city", &SETTINGS).await?;
        let port = postgres.port();
        let url = format!("postgres://city@127.0.0.1:{port}/city?sslmode=disable");
        let mut connection = PgConnection::connect(&url).await?;
        for statement in [
            "CREATE EXTENSION postgis",
            "CREATE TABLE shops (id bigint PRIMARY KEY, point geography(Point) NOT NULL)",
        ] {
            sqlx::query(statement).execute(&mut connection).await?;
        }
        let mut copy = connection
            .copy_in_raw("COPY shops (id, point) FROM STDIN")
            .await?;
        for first in (0..world.len()).step_by(AT_ONCE) {
            let rows: String = (first..world.len().min(first + AT_ONCE))
                .map(|number| {
                    let (id, point) = (number + 1, world.point(number as u64));
                    format!("{id}\tSRID=4326;POINT({} {})\n", point.lng(), point.lat())
                })
                .collect();
            copy.send(rows.into_bytes()).await?;
        }
        copy.finish().await?;
        for statement in [
            "SET maintenance_work_mem = '1GB'",
            "CREATE INDEX ON shops USING gist (point)",
            "VACUUM ANALYZE shops",
        ] {
            sqlx::query(statement).execute(&mut connection).await?;
        }
        let bytes: i64 = sqlx::query_scalar("SELECT pg_total_relation_size('shops')")
            .fetch_one(&mut connection)
            .await?;
        let version: String = sqlx::query_scalar("SELECT postgis_lib_version()")
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        Ok(Self {
            postgres,
            url,
            version,
            bytes_per_shop: bytes as f64 / world.len() as f64,
        })
    }

    /// What it has used, all its processes together.
    ///
    /// # Errors
    /// When it is gone.
    pub(super) fn usage(&self) -> Result<Usage> {
        self.postgres.usage()
    }

    /// # Errors
    /// When it does not stop.
    pub(super) async fn stop(self) -> Result<()> {
        self.postgres.stop().await
    }
}

impl Connection {
    pub(super) async fn open(url: &str) -> Result<Self> {
        let connection = PgConnection::connect(url).await;
        Ok(Self(connection.context("cannot connect")?))
    }

    /// Asks, and says how many places there were.
    ///
    /// # Errors
    /// When it refuses.
    pub(super) async fn ask(&mut self, question: &Question) -> Result<u64> {
        let query = match question.way {
            Way::Nearest => sqlx::query(
                "SELECT id, point <-> ST_MakePoint($1, $2)::geography AS metres FROM shops \
                 ORDER BY metres LIMIT 50",
            )
            .bind(question.lng)
            .bind(question.lat),
            Way::Within => sqlx::query(
                "SELECT id, point <-> ST_MakePoint($1, $2)::geography AS metres FROM shops \
                 WHERE ST_DWithin(point, ST_MakePoint($1, $2)::geography, $3) \
                 ORDER BY metres LIMIT 50",
            )
            .bind(question.lng)
            .bind(question.lat)
            .bind(question.radius_m),
        };
        let rows = query.fetch_all(&mut self.0).await?;
        for row in &rows {
            let _: (i64, f64) = (row.try_get(0)?, row.try_get(1)?);
        }
        Ok(rows.len() as u64)
    }
}
