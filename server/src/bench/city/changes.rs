//! Questions while nothing changes and while shops do.

use super::Turns;
use super::load::Outcome;
use super::questions::{KINDS, Kind};
use super::town::Town;
use crate::machine::Processors;
use crate::report::{Cell, Report, Table};
use crate::tell;
use anyhow::Result;

/// How many connections shops are changed over.
const CHANGERS: usize = 32;

/// By how much changes may slow down the slowest answers.
const GOAL: f64 = 2.0;

/// A round in which the host let others have more of the processors says nothing about us, whether
/// shops changed or not, and is taken again.
const STOLEN: f64 = 0.005;

/// So many times as many rounds as are wanted are taken at most.
const MOST_TIMES: usize = 4;

/// A turn without changes and one with.
struct Round {
    quiet: Turn,
    busy: Turn,
    changes: Outcome,
}

/// What is told of a round, in the order of the columns.
type Figures = [f64; 9];

struct Turn {
    reads: Outcome,
    stolen: f64,
}

/// Asks `reads` times a second, and has shops changed `changes` times a second in every other turn.
///
/// # Errors
/// When somebody does not get an answer.
pub(super) async fn compare(
    town: &Town,
    reads: f64,
    changes: f64,
    turns: Turns,
    report: &mut Report,
) -> Result<()> {
    let wanted = turns.rounds as usize;
    let mut rounds = Vec::new();
    let mut good = 0;
    while good < wanted && rounds.len() < MOST_TIMES.saturating_mul(wanted) {
        tell(&format!(
            "round {} of {wanted}, without changes of shops and with them",
            good + 1
        ));
        let number = rounds.len() as u64;
        let (quiet, _) = turn(town, reads, None, turns).await?;
        let (busy, changes) = turn(town, reads, Some((number, changes)), turns).await?;
        let round = Round {
            quiet,
            busy,
            changes: changes.unwrap_or_default(),
        };
        good += usize::from(round.counts());
        rounds.push(round);
    }
    let mut table = Table::new(
        format!(
            "{reads} questions a second among {} shops, and {changes} changes of shops in every other turn",
            town.world.len()
        ),
        &[
            "round",
            "p50 ms",
            "p99 ms",
            "stolen %",
            "changing: p50 ms",
            "changing: p99 ms",
            "changing: stolen %",
            "changes/s",
            "changes: p50 ms",
            "changes: p99 ms",
        ],
    );
    let mut row = |name: String, figures: Figures| {
        let [a, b, c, d, e, f, g, h, i] = figures.map(Cell::from);
        table.row([name.into(), a, b, c, d, e, f, g, h, i]);
    };
    // When no round was any better, all say what they can.
    let counts = |round: &Round| good == 0 || round.counts();
    let (mut mean, mut counted) = (Figures::default(), 0.0);
    for (number, round) in (1..).zip(&rounds) {
        let figures = round.figures(turns);
        if counts(round) {
            counted += 1.0;
            for (mean, figure) in mean.iter_mut().zip(figures) {
                *mean += (figure - *mean) / counted;
            }
        }
        let left_out = if counts(round) { "" } else { ", left out" };
        row(format!("{number}{left_out}"), figures);
    }
    row("mean".into(), mean);
    report.table(table);
    let [_, quiet_p99, _, _, busy_p99, _, written, ..] = mean;
    report.goal(
        "changes a second that were wanted, share of",
        0.99,
        written / changes,
    );
    report.goal(
        "twice the p99 of questions by that while shops change",
        1.0,
        GOAL * quiet_p99 / busy_p99,
    );
    Ok(())
}

async fn turn(
    town: &Town,
    reads: f64,
    changes: Option<(u64, f64)>,
    turns: Turns,
) -> Result<(Turn, Option<Outcome>)> {
    let kinds: Vec<Kind> = KINDS.into_iter().filter(|kind| kind.is_plain()).collect();
    let readers = town.readers(&kinds, &town.places, turns.connections, Some(reads))?;
    let mut jobs = vec![turns.job(readers)];
    if let Some((round, changes)) = changes {
        let time = turns.warm_up() + turns.time;
        jobs.push(turns.job(town.changers(round, CHANGERS, changes, time)));
    }
    let before = Processors::now()?;
    let (outcomes, _) = town.measure(&jobs).await?;
    let stolen = Processors::now()?.stolen_since(before);
    let mut outcomes = outcomes.into_iter();
    let reads = outcomes.next().unwrap_or_default();
    Ok((Turn { reads, stolen }, outcomes.next()))
}

impl Round {
    fn counts(&self) -> bool {
        self.quiet.stolen.max(self.busy.stolen) <= STOLEN
    }

    fn figures(&self, turns: Turns) -> Figures {
        let of = |turn: &Turn| [turn.reads.p50_ms, turn.reads.p99_ms, turn.stolen * 100.0];
        let ([a, b, c], [d, e, f]) = (of(&self.quiet), of(&self.busy));
        let per_second = self.changes.counted as f64 / turns.time.as_secs_f64();
        let Outcome { p50_ms, p99_ms, .. } = self.changes;
        [a, b, c, d, e, f, per_second, p50_ms, p99_ms]
    }
}
