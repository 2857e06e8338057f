//! The same questions in a small country and in a large one.

use super::index::Measured;
use super::questions::KINDS;
use super::town::Town;
use super::{Sum, Turns};
use crate::report::{Cell, Report, Table};
use crate::tell;
use anyhow::Result;

/// How many times as much a question may cost among the many shops.
const GROWTH_GOAL: f64 = 2.0;

/// How many times as much page 50 may cost as page 1.
const FAR_GOAL: f64 = 5.0;

/// Asks both houses everything, in turns.
///
/// # Errors
/// When somebody does not get an answer.
pub(super) async fn compare(
    towns: [&Town; 2],
    alone: &[Measured],
    turns: Turns,
    report: &mut Report,
) -> Result<()> {
    let mut sums = vec![[Sum::default(), Sum::default()]; KINDS.len()];
    for round in 1..=turns.rounds {
        for (kind, sums) in KINDS.iter().zip(&mut sums) {
            tell(&format!("round {round} of {}, {}", turns.rounds, kind.name));
            for (town, sum) in towns.into_iter().zip(sums) {
                let readers = town.readers(&[*kind], &town.places, turns.connections, None)?;
                let jobs = [turns.job(readers)];
                let (outcomes, server_s) = town.measure(&jobs).await?;
                sum.add(&outcomes[0], turns.time, server_s);
            }
        }
    }
    let [few, many] = towns.map(|town| town.world.len());
    let mut table = Table::new(
        format!(
            "Questions among {few} shops (few) and {many} (many), {} connections",
            turns.connections
        ),
        &[
            "question",
            "few: cpu µs",
            "many: cpu µs",
            "many / few",
            "few: per s",
            "many: per s",
            "many: p50 ms",
            "many: p99 ms",
            "rows",
            "few: µs in process",
            "many: µs in process",
            "in process, many / few",
        ],
    );
    for (at, (kind, [few, many])) in KINDS.iter().zip(&sums).enumerate() {
        let by_itself = |town: usize| {
            let measured = alone.get(town)?;
            measured.question_us.get(at).copied()
        };
        let (few_us, many_us) = (by_itself(0), by_itself(1));
        let growth = few_us.zip(many_us).map(|(few, many)| many / few);
        table.row([
            kind.name.into(),
            few.server_us().into(),
            many.server_us().into(),
            (many.server_us() / few.server_us()).into(),
            few.rate().into(),
            many.rate().into(),
            many.p50_ms.into(),
            many.p99_ms.into(),
            many.rows.into(),
            Cell::from(few_us),
            Cell::from(many_us),
            Cell::from(growth),
        ]);
    }
    report.table(table);
    for (at, (kind, [few, many])) in KINDS.iter().zip(&sums).enumerate() {
        if kind.is_far() {
            let first = &sums[at - 1][1];
            report.goal(
                format!("5 times page 1 by {}", kind.name),
                1.0,
                FAR_GOAL * first.server_us() / many.server_us(),
            );
        } else {
            report.goal(
                format!("twice what few cost by what many do, {}", kind.name),
                1.0,
                GROWTH_GOAL * few.server_us() / many.server_us(),
            );
        }
    }
    Ok(())
}
