//! `/admin/aroundme/explain` and `/admin/stats/ranking`: why a list is as it is, and how well lists
//! have served.

use crate::App;
use crate::aroundme::access_point;
use crate::error::{ApiError, ErrorBody};
use crate::fix::{At, FixParameters};
use crate::reply::Reply;
use crate::rows::profile;
use crate::session::Operator;
use axum::extract::State;
use domain::{ShopId, UserId};
use projections::place_ranker::{Asked, Explained, Score};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How many places are explained; an operator wants to see those too that just fell short.
const EXPLAINED: usize = 300;

/// Whose question it is, and what their phone knows besides its fix.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Question {
    /// The Wi-Fi access point that the phone is connected to.
    bssid: Option<String>,
    /// Who asks; by default somebody without history.
    #[param(value_type = Option<String>)]
    user_id: Option<UserId>,
}

/// Why the list is as it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Explanation {
    /// The accuracy that is reckoned with, in metres.
    accuracy_m: f64,
    /// The hour on the clocks of the house.
    hour: u8,
    /// The 300 most probable places at most, in order; a phone is shown the first 50.
    candidates: Vec<Candidate>,
}

/// A place where the phone may be.
#[derive(Serialize, ToSchema)]
pub(crate) struct Candidate {
    #[schema(value_type = u64)]
    id: ShopId,
    name: String,
    /// Category, 1 to 6.
    t: u8,
    /// From the fix.
    distance_m: f64,
    /// The logarithm of how probable it is, up to a constant: the sum of `prior`, `fix` and `wifi`.
    score: f64,
    terms: TermsRow,
    known: KnownRow,
}

/// What a score is made of.
#[derive(Serialize, ToSchema)]
pub(crate) struct TermsRow {
    /// How probable the place is by everybody's visits: a share.
    popular: f64,
    /// How probable it is by the caller's own: a share.
    own: f64,
    /// How much likelier its category is at this hour than at any; both shares contain it.
    hour: f64,
    /// The logarithm of both shares together, weighed down where the fix says little.
    prior: f64,
    /// The logarithm of how probable the fix is there.
    fix: f64,
    /// The logarithm of how probable the access point is there; 0 when none is named.
    wifi: f64,
}

/// What has been learnt of a place: numbers of visits, old ones counted less.
#[derive(Serialize, ToSchema)]
pub(crate) struct KnownRow {
    /// Everybody's.
    visits: f64,
    /// The caller's own.
    own: f64,
    /// With this access point.
    this_bssid: f64,
    /// With any access point.
    any_bssid: f64,
}

/// `GET /admin/aroundme/explain`: what `/aroundme/shops` would answer now, and would if it answered
/// more, with all that it weighs.
///
/// It tells of no person but the one who is asked about, and nothing of what they did while hiding
/// from everyone: their own list knows of that, this one does not.
#[utoipa::path(get, path = "/admin/aroundme/explain", tag = "admin", params(FixParameters, Question),
    security(("operator" = [])),
    responses((status = 200, body = Explanation), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn explain(
    State(app): State<App>,
    _: Operator,
    At(fix, question): At<Question>,
) -> Result<Reply<Explanation>, ApiError> {
    let asked = Asked {
        fix,
        caller: question.user_id,
        hidden: false,
        bssid: access_point(question.bssid)?,
        now: app.now(),
    };
    if let Some(caller) = question.user_id {
        profile(&app, caller).await?;
    }
    let (hour, candidates) = app.projections.shop_index.read(|shops| {
        app.projections.place_ranker.read(|ranker| {
            let explained = ranker.explain(shops, &asked, EXPLAINED).into_iter();
            let candidates = explained.map(|place| Candidate::new(&place));
            (ranker.hour(asked.now), candidates.collect())
        })
    });
    Ok(Reply(Explanation {
        accuracy_m: asked.fix.accuracy_m(),
        hour,
        candidates,
    }))
}

impl Candidate {
    fn new(place: &Explained<'_>) -> Self {
        let (shop, terms, known) = (place.shop, place.terms, place.known);
        Self {
            id: shop.id,
            name: shop.name().to_owned(),
            t: shop.category().into(),
            distance_m: place.distance_m,
            score: place.score,
            terms: TermsRow {
                popular: terms.popular,
                own: terms.own,
                hour: terms.hour,
                prior: terms.prior,
                fix: terms.fix,
                wifi: terms.wifi,
            },
            known: KnownRow {
                visits: known.visits,
                own: known.own,
                this_bssid: known.this_bssid,
                any_bssid: known.any_bssid,
            },
        }
    }
}

/// How well lists have served.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ranking {
    /// All check-ins together.
    all: Served,
    /// The same by kind of fix.
    by: Vec<Kind>,
}

/// How well lists have served for fixes of one kind.
#[derive(Serialize, ToSchema)]
pub(crate) struct Kind {
    /// The accuracy in metres up to which fixes are counted here, from the one before; null for
    /// those that are worse than all.
    accuracy_m: Option<u32>,
    /// Whether an access point was named.
    bssid: bool,
    /// How well they served.
    served: Served,
}

/// `{"picks":12,"missing":1,"mean_reciprocal_rank":0.75,"top_1":0.6}`
#[derive(Serialize, ToSchema)]
pub(crate) struct Served {
    /// How many check-ins there were, those that were taken back since too.
    picks: u64,
    /// How many were at a place that was not on the list.
    missing: u64,
    /// The mean of 1 / rank of the chosen place, where one that was not on the list counts 0; null
    /// without check-ins.
    mean_reciprocal_rank: Option<f64>,
    /// The share of check-ins at the first place; null without check-ins.
    top_1: Option<f64>,
}

/// `GET /admin/stats/ranking`: at which rank of their lists people found where they were.
#[utoipa::path(get, path = "/admin/stats/ranking", tag = "admin", security(("operator" = [])),
    responses((status = 200, body = Ranking), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn stats(State(app): State<App>, _: Operator) -> Reply<Ranking> {
    let scores = app.projections.place_ranker.read(|ranker| ranker.scores());
    let kind = |score: &Score| Kind {
        accuracy_m: score.accuracy_m,
        bssid: score.bssid,
        served: Served::of(score),
    };
    Reply(Ranking {
        all: Served::of(&Score::sum(&scores)),
        by: scores.iter().map(kind).collect(),
    })
}

impl Served {
    fn of(score: &Score) -> Self {
        Self {
            picks: score.picks,
            missing: score.missing,
            mean_reciprocal_rank: score.mean_reciprocal_rank(),
            top_1: score.top_1(),
        }
    }
}
