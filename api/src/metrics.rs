//! `/metrics`: figures for those who watch, in the text format of Prometheus.
//!
//! Only what the read models count by themselves: nothing is measured here.

use crate::App;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use projections::place_ranker::Score;
use std::fmt::Write;

/// Version 0.0.4 is what every collector reads.
const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /metrics`: how well the lists of `/aroundme/shops` have served.
///
/// ```text
/// lianlian_ranking_picks_total{accuracy="65",bssid="no"} 12
/// lianlian_ranking_mean_reciprocal_rank{accuracy="65",bssid="no"} 0.75
/// ```
///
/// `accuracy` is the radius in metres up to which fixes are counted together, and `worse` beyond the
/// last one.
pub(crate) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let scores = app.projections.place_ranker.read(|ranker| ranker.scores());
    ([(header::CONTENT_TYPE, KIND)], text(&scores))
}

/// One figure: its name, kind, what it is, and how it is read; those that are not there are left
/// out.
type Figure = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Score) -> Option<f64>,
);

const FIGURES: [Figure; 6] = [
    (
        "lianlian_ranking_picks_total",
        "counter",
        "Check-ins, whichever place of their list was chosen.",
        |score| Some(score.picks as f64),
    ),
    (
        "lianlian_ranking_first_total",
        "counter",
        "Check-ins at the first place of their list.",
        |score| Some(score.first as f64),
    ),
    (
        "lianlian_ranking_missing_total",
        "counter",
        "Check-ins at a place that was not on their list.",
        |score| Some(score.missing as f64),
    ),
    (
        "lianlian_ranking_reciprocal_ranks_total",
        "counter",
        "The sum of 1 / rank of the chosen place.",
        |score| Some(score.reciprocal_ranks),
    ),
    (
        "lianlian_ranking_mean_reciprocal_rank",
        "gauge",
        "The mean of 1 / rank of the chosen place, 0 where it was not on the list.",
        Score::mean_reciprocal_rank,
    ),
    (
        "lianlian_ranking_top_1",
        "gauge",
        "The share of check-ins at the first place of their list.",
        Score::top_1,
    ),
];

fn text(scores: &[Score]) -> String {
    let mut text = String::new();
    for (name, kind, help, read) in FIGURES {
        // Writing into a text does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for score in scores {
            let accuracy = score
                .accuracy_m
                .map_or("worse".into(), |upto| upto.to_string());
            let bssid = if score.bssid { "yes" } else { "no" };
            if let Some(value) = read(score) {
                let labels = format!("accuracy=\"{accuracy}\",bssid=\"{bssid}\"");
                let _ = writeln!(text, "{name}{{{labels}}} {value}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(accuracy_m: Option<u32>, picks: u64) -> Score {
        Score {
            accuracy_m,
            bssid: accuracy_m.is_none(),
            picks,
            first: picks / 2,
            missing: 0,
            reciprocal_ranks: picks as f64 * 0.75,
        }
    }

    #[test]
    fn figures_are_written_as_collectors_read_them() {
        let text = text(&[score(Some(65), 4), score(None, 0)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..4],
            [
                "# HELP lianlian_ranking_picks_total Check-ins, whichever place of their list was \
                 chosen.",
                "# TYPE lianlian_ranking_picks_total counter",
                "lianlian_ranking_picks_total{accuracy=\"65\",bssid=\"no\"} 4",
                "lianlian_ranking_picks_total{accuracy=\"worse\",bssid=\"yes\"} 0",
            ]
        );
        let means = lines
            .iter()
            .filter(|line| line.contains("mean") && !line.starts_with('#'));
        assert_eq!(
            means.collect::<Vec<_>>(),
            [&"lianlian_ranking_mean_reciprocal_rank{accuracy=\"65\",bssid=\"no\"} 0.75"],
            "there is no mean of nothing"
        );
        assert!(text.ends_with('\n'));
    }
}
