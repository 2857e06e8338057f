//! The house's HTTP door: the mobile API (seed chapters 1 to 31) and the operators' API.
//!
//! One file a segment of the URL. Handlers read parameters, call a command or a query, and write
//! the answer; they decide nothing themselves. Listening and TLS are the server's.

mod admin;
mod aroundme;
mod blacklists;
mod blobs;
mod checkins;
mod coupons;
mod error;
mod fix;
mod follow_info;
mod follows;
mod health;
mod init;
mod input;
mod layers;
mod metrics;
mod oauth2;
mod photo2s;
mod photos;
mod pictures;
mod present;
mod regions;
mod reply;
mod rows;
mod session;
mod settings;
mod shop;
mod upload;
mod user_info;
mod user_logos;

pub use pictures::Pictures;
pub use regions::{Region, Regions};
pub use settings::{ErrorStatus, Limits, Settings};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use commands::{Commands, LoginGuard, Receipt};
use domain::Millis;
use projections::Projections;
use std::ops::Deref;
use std::sync::Arc;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, Info, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

/// What every handler needs. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`].
pub struct Parts {
    commands: Arc<Commands>,
    projections: Arc<Projections>,
    pictures: Pictures,
    settings: Settings,
    login_guard: Arc<LoginGuard>,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// An app that writes through `commands`, reads `projections` and keeps `pictures`.
    #[must_use]
    pub fn new(
        commands: Arc<Commands>,
        projections: Arc<Projections>,
        pictures: Pictures,
        settings: Settings,
    ) -> Self {
        let login_guard = Arc::new(LoginGuard::new(settings.limits.logins()));
        Self(Arc::new(Parts {
            commands,
            projections,
            pictures,
            settings,
            login_guard,
        }))
    }

    /// What counts failed logins, for the other doors to count along.
    #[must_use]
    pub fn login_guard(&self) -> Arc<LoginGuard> {
        self.login_guard.clone()
    }

    fn now(&self) -> Millis {
        self.commands.clock().now()
    }

    /// Waits until everybody on this node can read what a command wrote.
    async fn settle(&self, receipt: &Receipt) {
        if let Some(position) = receipt.position
            && !self.projections.wait(position, &receipt.kinds).await
        {
            tracing::warn!(%position, "answered before the read models had caught up");
        }
    }
}

/// The whole HTTP interface. Wants `ConnectInfo<SocketAddr>` for the client's address.
pub fn router(app: App) -> Router {
    let (routes, document) = documented(&app);
    let routes = routes
        .merge(SwaggerUi::new("/docs").url("/openapi.json", document))
        .fallback(layers::unknown_action)
        .method_not_allowed_fallback(layers::wrong_method)
        .layer(DefaultBodyLimit::max(app.settings.limits.body_bytes));
    layers::wrap(routes, &app)
}

/// The OpenAPI document of [`router`], made from the code.
#[must_use]
pub fn openapi(app: &App) -> OpenApi {
    documented(app).1
}

fn documented(app: &App) -> (Router, OpenApi) {
    let operator = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let document = OpenApiBuilder::new()
        .info(Info::new("lianlian", env!("CARGO_PKG_VERSION")))
        .components(Some(
            ComponentsBuilder::new()
                .security_scheme("operator", operator)
                .build(),
        ))
        .build();
    OpenApiRouter::with_openapi(document)
        .routes(routes!(init::init))
        .route("/init/init", post(init::init))
        .routes(routes!(oauth2::login))
        .routes(routes!(oauth2::logout))
        .route("/oauth2/logout", get(oauth2::logout))
        .routes(routes!(oauth2::sina::sina))
        .routes(routes!(oauth2::sina::sina_callback))
        .routes(routes!(oauth2::share::share))
        .routes(routes!(aroundme::shops))
        .routes(routes!(aroundme::users))
        .routes(routes!(shop::nearby))
        .routes(routes!(shop::info))
        .routes(routes!(shop::users))
        .routes(routes!(checkins::create, checkins::list))
        .route("/checkins/create", post(checkins::create))
        .routes(routes!(checkins::delete))
        .routes(routes!(user_info::get))
        .routes(routes!(user_info::photos::logo))
        .routes(routes!(user_info::photos::photos))
        .routes(routes!(user_info::get_self))
        .routes(routes!(user_info::trace))
        .routes(routes!(user_info::set))
        .merge(pictures())
        .routes(routes!(follows::create))
        .route("/follows/create", post(follows::create))
        .routes(routes!(follows::delete))
        .routes(routes!(follow_info::followers))
        .routes(routes!(follow_info::friends))
        .routes(routes!(blacklists::list, blacklists::create))
        .route("/blacklists/create", post(blacklists::create))
        .routes(routes!(blacklists::delete))
        .routes(routes!(admin::reports::list))
        .routes(routes!(admin::users::ban, admin::users::unban))
        .routes(routes!(admin::shops::register))
        .routes(routes!(admin::shops::revise, admin::shops::close))
        .routes(routes!(admin::shops::add_staff))
        .routes(routes!(admin::shops::remove_staff))
        .routes(routes!(admin::shops::post_notice))
        .routes(routes!(
            admin::shops::issue_xmpp_secret,
            admin::shops::revoke_xmpp_secret
        ))
        .routes(routes!(admin::coupons::list))
        .routes(routes!(admin::coupons::withdraw))
        .routes(routes!(admin::users::reset_password))
        .routes(routes!(admin::policies::list))
        .routes(routes!(admin::projections::list))
        .routes(routes!(admin::projections::rebuild))
        .routes(routes!(admin::ranking::explain))
        .routes(routes!(admin::ranking::stats))
        .routes(routes!(admin::devices::stats))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .with_state(app.clone())
        .split_for_parts()
}

/// The calls that take pictures and give them out. How long their bodies may be is decided where
/// they are read.
fn pictures() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(user_logos::create))
        .route("/user_logos/create", post(user_logos::create))
        .routes(routes!(photos::create))
        .route("/photos/create", post(photos::create))
        .routes(routes!(photo2s::create))
        .route("/photo2s/create", post(photo2s::create))
        .routes(routes!(admin::coupons::offer))
        .layer(DefaultBodyLimit::disable())
        .routes(routes!(user_logos::show))
        .routes(routes!(user_logos::change_all_position))
        .route(
            "/user_logos/position",
            post(user_logos::change_all_position),
        )
        .routes(routes!(user_logos::delete))
        .routes(routes!(photos::show))
        .routes(routes!(photo2s::show))
        .routes(routes!(coupons::img))
        .routes(routes!(coupons::spend))
        .route("/blobs/{*key}", get(blobs::get))
}
