//! `people`: lists of followers and the people of a shop, at a million people and twenty million
//! follows, over HTTP; beside the same page as a textbook would have it in SQL.

use crate::crowd::Crowd;
use crate::house::{self, House};
use crate::http::{self, Reader};
use crate::load::{self, Load, on_one_thread};
use crate::machine::Usage;
use crate::report::{Report, Table};
use crate::{Common, tell};
use anyhow::{Context, Result, ensure};
use commands::{CheckIn, Clock, Commands, Secret, State};
use domain::ShopId;
use domain::geo::Point;
use domain::shop::{Category, ShopDetails};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many people are in the shop.
const PRESENT: u64 = 200;

/// Which page is far down.
const FAR: u64 = 1_000;

/// What `people` is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many people
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(50_000..))]
    people: u64,
    /// How many follows at first
    #[arg(long, default_value_t = 1_000_000)]
    few: u64,
    /// How many follows in the end
    #[arg(long, default_value_t = 20_000_000)]
    many: u64,
}

/// The questions, by what they are called in the table.
struct Question {
    name: &'static str,
    request: Vec<u8>,
}

/// How long each question took, the middle of all answers, in milliseconds.
struct Answers {
    middle: Vec<(&'static str, Load)>,
    textbook_ms: f64,
    resident_mib: f64,
}

pub(crate) async fn run(options: Options, common: &Common) -> Result<Report> {
    let folder = common.folder()?;
    let data = folder.path().join("house");
    tell("moving in");
    let viewer = move_in(&data).await?;
    // The first start makes the tables.
    House::start(&data, None).await?.stop().await?;
    tell("entering people");
    let mut crowd = Crowd::enter(&data.join("read.sqlite"), options.people).await?;
    let questions = questions(&viewer);
    let mut table = Table::new(
        "Pages of 20 over HTTP, one connection, with the follows at first and in the end",
        &[
            "page",
            "first p50 ms",
            "first p99 ms",
            "last p50 ms",
            "last p99 ms",
            "last / first",
        ],
    );
    let mut found = Vec::new();
    for edges in [options.few, options.many] {
        tell(&format!("following, up to {edges}"));
        crowd.grow(edges).await?;
        found.push(measure(&data, &mut crowd, &questions, common.time()).await?);
    }
    let edges = crowd.edges();
    crowd.leave().await?;
    let [first, last] = &found[..] else {
        anyhow::bail!("two sizes were measured")
    };
    let mut report = Report::default();
    for ((name, before), (_, after)) in first.middle.iter().zip(&last.middle) {
        table.row([
            (*name).into(),
            before.percentile_ms(50.0).into(),
            before.percentile_ms(99.0).into(),
            after.percentile_ms(50.0).into(),
            after.percentile_ms(99.0).into(),
            (after.percentile_ms(50.0) / before.percentile_ms(50.0)).into(),
        ]);
        let growth = before.percentile_ms(50.0) / after.percentile_ms(50.0);
        report.goal(
            format!("{name}: first / last (at most 1.5 times as long)"),
            1.0 / 1.5,
            growth,
        );
    }
    table.row([
        "star, page 1000, textbook SQL (no HTTP)".into(),
        first.textbook_ms.into(),
        None.into(),
        last.textbook_ms.into(),
        None.into(),
        (last.textbook_ms / first.textbook_ms).into(),
    ]);
    report.table(table);
    let mut memory = Table::new("Memory of the house", &["follows", "resident MiB"]);
    memory.row([options.few.to_string().into(), first.resident_mib.into()]);
    memory.row([edges.to_string().into(), last.resident_mib.into()]);
    report.table(memory);
    goals(&mut report, last);
    Ok(report)
}

fn goals(report: &mut Report, last: &Answers) {
    let ms = |at: usize| last.middle[at].1.percentile_ms(50.0);
    let [page_1, page_1000, ordinary, anonymous, flagged] = [0, 1, 2, 3, 4].map(ms);
    report.goal(
        "page 1 / page 1000 (at most 3 times as long)",
        1.0 / 3.0,
        page_1 / page_1000,
    );
    report.goal(
        "20 followers / star (at most 3 times as long)",
        1.0 / 3.0,
        ordinary / page_1,
    );
    report.goal(
        "without flags / with (at most twice as long)",
        0.5,
        anonymous / flagged,
    );
    report.goal(
        "textbook SQL / page 1000 over HTTP",
        5.0,
        last.textbook_ms / page_1000,
    );
    report.goal(
        "1 GB / resident",
        1.0,
        1_000.0 / (last.resident_mib * 1.048_576),
    );
}

/// Opens a shop, lets some of the crowd check in there, and logs one of them in; answers the
/// session.
async fn move_in(data: &Path) -> Result<String> {
    std::fs::create_dir_all(data)?;
    let settings = house::settings(data, None);
    let log = eventlog::open(settings.log_url()?.get()).await?;
    let state = State::open(settings.state_url()?.get()).await?;
    let secret = Secret::new(*b"the secret of a benchmark");
    let commands = Commands::new(Arc::clone(&log), state, secret, Clock::system());
    let point = Point::new(60.17, 24.94)?;
    let details = ShopDetails {
        name: "Ekberg".into(),
        point,
        category: Category::Cafe,
        address: String::new(),
        phone: String::new(),
        points: Vec::new(),
    };
    let shop_id = ShopId::new(1)?;
    let _ = commands.register_shop(shop_id, details).await?;
    for number in 1..=PRESENT {
        let check_in = CheckIn {
            user_id: Crowd::user(number),
            shop_id,
            point,
            accuracy: 30.0,
            od: 1,
            altitude: None,
            altacc: None,
            bssid: None,
            hidden: false,
        };
        let _ = commands.check_in(check_in).await?;
    }
    let token = commands
        .state()
        .open_session(Crowd::user(3), commands.clock())
        .await?;
    commands.state().close().await;
    log.close().await;
    Ok(token.as_str().to_owned())
}

fn questions(viewer: &str) -> [Question; 5] {
    let (star, ordinary) = (Crowd::user(Crowd::STAR), Crowd::user(Crowd::ORDINARY));
    let question = |name, path: String, session| Question {
        name,
        request: http::get(&path, session),
    };
    [
        question(
            "star, page 1",
            format!("/follow_info/followers?id={star}"),
            None,
        ),
        question(
            "star, page 1000",
            format!("/follow_info/followers?id={star}&page={FAR}"),
            None,
        ),
        question(
            "20 followers, page 1",
            format!("/follow_info/followers?id={ordinary}"),
            None,
        ),
        question("shop, no flags", "/shop/users?id=1".into(), None),
        question("shop, with flags", "/shop/users?id=1".into(), Some(viewer)),
    ]
}

async fn measure(
    data: &Path,
    crowd: &mut Crowd,
    questions: &[Question],
    time: Duration,
) -> Result<Answers> {
    let house = House::start(data, None).await?;
    let mut middle = Vec::new();
    for Question { name, request } in questions {
        tell(name);
        let (address, request) = (house.address, request.clone());
        let load = on_one_thread(move || async move {
            let readers = Reader::open(address, 1, &[request]).await?;
            let (readers, _) = load::run(readers, time / 5).await?;
            Ok(load::run(readers, time).await?.1)
        })
        .await?;
        middle.push((*name, load));
    }
    let resident_mib = Usage::at_rest(|| house.usage()).await?.resident_mib;
    house.stop().await?;
    tell("the textbook's page");
    let mut took = Vec::new();
    let end = Instant::now() + time;
    while took.len() < 3 || Instant::now() < end {
        let started = Instant::now();
        let rows = crowd.textbook_page(Crowd::STAR, (FAR - 1) * 20).await?;
        ensure!(rows == 20, "the page is not full");
        took.push(started.elapsed());
    }
    took.sort_unstable();
    let textbook = took.get(took.len() / 2).context("it was asked")?;
    Ok(Answers {
        middle,
        textbook_ms: textbook.as_secs_f64() * 1_000.0,
        resident_mib,
    })
}
