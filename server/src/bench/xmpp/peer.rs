//! The servers that take turns, ours and others, behind one face.

use super::client::Person;
use super::ejabberd::{Archive, Ejabberd};
use crate::house::{self, House};
use crate::machine::Usage;
use crate::world::World;
use anyhow::{Context, Result};
use commands::Secret;
use server::folder::DataFolder;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// A server with accounts and rooms.
pub(super) struct Peer {
    pub(super) name: String,
    /// It keeps what is said.
    pub(super) stores: bool,
    server: Server,
    /// So many of the people have accounts there.
    registered: usize,
}

enum Server {
    Ours {
        data: PathBuf,
        house: Option<Box<House>>,
    },
    Ejabberd(Box<Ejabberd>),
}

/// Who there is, and in which house they live.
pub(super) struct People {
    pub(super) domain: String,
    pub(super) people: Vec<Person>,
    data: PathBuf,
}

impl People {
    /// Makes a data folder of ours in `data`, with `count` people and `rooms` shops.
    ///
    /// # Errors
    /// When a store refuses.
    pub(super) async fn move_in(data: &Path, count: usize, rooms: usize) -> Result<Self> {
        let settings = house::settings(data, None);
        let secret = DataFolder::open(data)?.secret()?;
        let secret = Secret::new(secret.into_bytes());
        let log = eventlog::open(settings.log_url()?.get()).await?;
        World::new(rooms, count).settle(&log).await?;
        log.close().await;
        let people = (0..count as u64).map(World::user).map(|user| Person {
            name: user.to_string(),
            password: secret.xmpp_password(user, 0),
        });
        Ok(Self {
            domain: settings.xmpp_domain.clone(),
            people: people.collect(),
            data: data.to_owned(),
        })
    }
}

impl Peer {
    /// Ours.
    pub(super) fn ours(people: &People) -> Self {
        Self {
            name: "lianlian".into(),
            stores: true,
            server: Server::Ours {
                data: people.data.clone(),
                house: None,
            },
            registered: people.people.len(),
        }
    }

    /// ejabberd in `folder`, if it is installed.
    pub(super) fn ejabberd(folder: &Path, archive: Archive) -> Option<Self> {
        let (name, file) = match archive {
            Archive::None => ("ejabberd, storing nothing", "plain"),
            Archive::Sqlite => ("ejabberd, mod_mam in SQLite", "sqlite"),
            Archive::Postgres => ("ejabberd, mod_mam in PostgreSQL", "sql"),
        };
        Some(Self {
            name: name.into(),
            stores: archive != Archive::None,
            server: Server::Ejabberd(Box::new(Ejabberd::find(&folder.join(file), archive)?)),
            registered: 0,
        })
    }

    /// # Errors
    /// When it does not start.
    pub(super) async fn start(&mut self, people: &People) -> Result<()> {
        match &mut self.server {
            Server::Ours { data, house } => {
                *house = Some(Box::new(House::start(data, None).await?))
            }
            Server::Ejabberd(ejabberd) => ejabberd.start(&people.domain).await?,
        }
        Ok(())
    }

    /// Makes accounts for the first `count`, where they have none; the server runs.
    ///
    /// # Errors
    /// When the server refuses.
    pub(super) async fn register(&mut self, people: &People, count: usize) -> Result<()> {
        if let Server::Ejabberd(ejabberd) = &self.server
            && let Some(some) = people.people.get(self.registered..count)
        {
            ejabberd.register(&people.domain, some).await?;
            self.registered = count;
        }
        Ok(())
    }

    /// # Errors
    /// When it does not stop.
    pub(super) async fn stop(&mut self) -> Result<()> {
        match &mut self.server {
            Server::Ours { house, .. } => match house.take() {
                Some(house) => house.stop().await,
                None => Ok(()),
            },
            Server::Ejabberd(ejabberd) => ejabberd.stop().await,
        }
    }

    /// Where it speaks XMPP.
    ///
    /// # Errors
    /// When it does not run.
    pub(super) fn address(&self) -> Result<SocketAddr> {
        match &self.server {
            Server::Ours { house, .. } => Ok(house.as_ref().context("no house runs")?.xmpp),
            Server::Ejabberd(ejabberd) => ejabberd.address(),
        }
    }

    /// What it has used.
    ///
    /// # Errors
    /// When it is gone.
    pub(super) fn usage(&self) -> Result<Usage> {
        match &self.server {
            Server::Ours { house, .. } => house.as_ref().context("no house runs")?.usage(),
            Server::Ejabberd(ejabberd) => ejabberd.usage(),
        }
    }

    /// Waits until it has nothing more to do, and says what it has used.
    ///
    /// # Errors
    /// When it is gone.
    pub(super) async fn settled(&self) -> Result<Usage> {
        Usage::settled(|| self.usage()).await
    }

    /// As [`Self::settled`], and until it has no more memory to give back.
    ///
    /// # Errors
    /// When it is gone.
    pub(super) async fn at_rest(&self) -> Result<Usage> {
        Usage::at_rest(|| self.usage()).await
    }
}
