//! People of a house who are logged in, and the connections over which they check in.

use crate::house;
use crate::http::{self, Connection};
use crate::load::Caller;
use crate::world::World;
use anyhow::Result;
use commands::{Clock, State};
use domain::checkin::CheckedIn;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// Who is logged in where.
pub(crate) struct People {
    world: World,
    /// The token of each person.
    sessions: Vec<String>,
}

/// A connection over which some people check in, one after the other.
pub(crate) struct Visitor {
    connection: Connection,
    people: Arc<People>,
    /// The people of this connection are this one and every `step`th after it.
    next: usize,
    step: usize,
    dice: StdRng,
}

impl People {
    /// Makes a data folder with the shops and the people of `world` in it, and logs `users` of
    /// them in.
    ///
    /// # Errors
    /// When a store refuses.
    pub(crate) async fn move_in(data: &Path, world: World, users: usize) -> Result<Self> {
        let settings = house::settings(data, None);
        std::fs::create_dir_all(data)?;
        let log = eventlog::open(settings.log_url()?.get()).await?;
        world.settle(&log).await?;
        log.close().await;
        let state = State::open(settings.state_url()?.get()).await?;
        let clock = Clock::system();
        let mut sessions = Vec::with_capacity(users);
        for number in 0..users as u64 {
            let token = state.open_session(World::user(number), &clock).await?;
            sessions.push(token.as_str().to_owned());
        }
        state.close().await;
        Ok(Self { world, sessions })
    }

    /// The session of person `number`.
    pub(crate) fn session(&self, number: usize) -> &str {
        &self.sessions[number]
    }

    /// The request with which person `number` checks in somewhere.
    pub(crate) fn request(&self, number: usize, dice: &mut StdRng) -> Vec<u8> {
        let now = Clock::system().now();
        let CheckedIn {
            user_id,
            shop_id,
            point,
            accuracy,
            od,
            ..
        } = self.world.check_in_of(number as u64, dice, now);
        let (lat, lng) = (point.lat(), point.lng());
        let form = format!(
            "lat={lat}&lng={lng}&accuracy={accuracy}&shop_id={shop_id}&user_id={user_id}&od={od}"
        );
        http::post("/checkins", Some(self.session(number)), &form)
    }
}

impl Visitor {
    /// So many connections, which share out the people.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub(crate) async fn open(
        address: SocketAddr,
        count: usize,
        people: &Arc<People>,
    ) -> Result<Vec<Self>> {
        let mut visitors = Vec::with_capacity(count);
        for number in 0..count {
            visitors.push(Self {
                connection: Connection::open(address).await?,
                people: people.clone(),
                next: number,
                step: count,
                dice: StdRng::seed_from_u64(rand::random()),
            });
        }
        Ok(visitors)
    }
}

impl Caller for Visitor {
    async fn call(&mut self) -> Result<()> {
        let request = self.people.request(self.next, &mut self.dice);
        self.next += self.step;
        if self.next >= self.people.sessions.len() {
            self.next %= self.step;
        }
        self.connection.succeed(&request).await?;
        Ok(())
    }
}
