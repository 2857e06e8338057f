//! `lianlian admin`: the admin HTTP API from a shell. Prints the server's JSON answer.

mod line;

use crate::client::{AdminClient, Target};
use crate::config::Settings;
use anyhow::{Context, Result};
use line::{Coupons, Order, Shops, Staff, Users};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

/// The admin API.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Admin {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    order: Order,
}

/// A call of the admin API: method, segments of the path after `/admin`, parameters.
type Call = (Method, Vec<String>, Option<Value>);

/// `lianlian admin`.
///
/// # Errors
/// What the server refuses, or that it cannot be reached.
pub(crate) async fn run(settings: &Settings, admin: Admin) -> Result<()> {
    let client = AdminClient::new(settings, &admin.target)?;
    let file = admin.order.file().map(Path::to_owned);
    let (method, path, parameters) = admin.order.call()?;
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let answer = match file {
        Some(file) => client.send("image", &file, &path, parameters).await?,
        None => client.call(method, &path, parameters).await?,
    };
    writeln!(std::io::stdout(), "{answer}")?;
    Ok(())
}

impl Order {
    /// The file that comes along.
    fn file(&self) -> Option<&Path> {
        match self {
            Self::Coupons(Coupons::Add { image, .. }) => image.as_deref(),
            _ => None,
        }
    }

    fn call(self) -> Result<Call> {
        Ok(match self {
            Self::Shops(shops) => shops.call()?,
            Self::Staff(Staff::Add { shop, user }) => (
                Method::POST,
                path(["shops", &shop.to_string(), "staffs"]),
                Some(json!({ "user_id": user })),
            ),
            Self::Staff(Staff::Remove { shop, user }) => (
                Method::DELETE,
                path(["shops", &shop.to_string(), "staffs", &user]),
                None,
            ),
            Self::Notice { shop, title } => (
                Method::PUT,
                path(["shops", &shop.to_string(), "notice"]),
                Some(json!({ "title": title })),
            ),
            Self::Coupons(coupons) => coupons.call()?,
            Self::Users(Users::ResetPassword { user }) => {
                (Method::POST, path(["users", &user, "reset_password"]), None)
            }
        })
    }
}

impl Shops {
    fn call(self) -> Result<Call> {
        Ok(match self {
            Self::Add {
                id,
                name,
                lat,
                lng,
                t,
                points,
                contact,
            } => {
                let mut body = json!({ "name": name, "lat": lat, "lng": lng, "t": t });
                merge(&mut body, &json!({ "id": id }));
                if !points.is_empty() {
                    body["points"] = json!(points);
                }
                merge(
                    &mut body,
                    &serde_json::to_value(contact).context("the contact")?,
                );
                (Method::POST, path(["shops"]), Some(body))
            }
            Self::Revise { shop, edit } => {
                let mut body = serde_json::to_value(&edit).context("the details")?;
                if edit.no_points {
                    body["points"] = json!([]);
                }
                (
                    Method::PATCH,
                    path(["shops", &shop.to_string()]),
                    Some(body),
                )
            }
            Self::Close { shop } => (Method::DELETE, path(["shops", &shop.to_string()]), None),
            Self::IssueSecret { shop } => (Method::POST, secret(shop), None),
            Self::RevokeSecret { shop } => (Method::DELETE, secret(shop), None),
        })
    }
}

impl Coupons {
    fn call(self) -> Result<Call> {
        Ok(match self {
            Self::Add { shop, coupon, .. } => {
                let mut body = serde_json::to_value(coupon).context("the coupon")?;
                body["shop_id"] = shop.into();
                (Method::POST, path(["coupons"]), Some(body))
            }
            Self::Withdraw { coupon } => (Method::DELETE, path(["coupons", &coupon]), None),
            Self::List { shop, page } => {
                let mut query = json!({ "page": page });
                merge(&mut query, &json!({ "shop_id": shop }));
                (Method::GET, path(["coupons"]), Some(query))
            }
        })
    }
}

/// Where a shop's XMPP password is given and taken.
fn secret(shop: u64) -> Vec<String> {
    path(["shops", &shop.to_string(), "xmpp_secret"])
}

fn path<const N: usize>(segments: [&str; N]) -> Vec<String> {
    segments.map(str::to_owned).into()
}

/// Adds the fields of `more` that are not null.
fn merge(body: &mut Value, more: &Value) {
    for (key, value) in more
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
    {
        body[key] = value.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        admin: Admin,
    }

    #[track_caller]
    fn calls(line: &str, expected: (Method, &str, Value)) {
        let line = Line::try_parse_from(format!("admin {line}").split(' ')).expect("an order");
        let (method, path, body) = line.admin.order.call().expect("a call");
        assert_eq!(
            (method, path.join("/").as_str(), body.unwrap_or_default()),
            expected
        );
    }

    #[test]
    fn orders_become_calls() {
        calls(
            "shops add --name Ekberg --lat -60.1 --lng 24.9 --t 2 --phone 09",
            (
                Method::POST,
                "shops",
                json!({"name": "Ekberg", "lat": -60.1, "lng": 24.9, "t": 2, "phone": "09"}),
            ),
        );
        calls(
            "shops revise 7 --name Fazer",
            (Method::PATCH, "shops/7", json!({"name": "Fazer"})),
        );
        calls(
            "shops add --name a --lat 1 --lng 2 --t 2 --point -60.1,24.9 --point 60.2,-24.8",
            (
                Method::POST,
                "shops",
                json!({"name": "a", "lat": 1.0, "lng": 2.0, "t": 2, "points": [
                    {"lat": -60.1, "lng": 24.9}, {"lat": 60.2, "lng": -24.8},
                ]}),
            ),
        );
        calls(
            "shops revise 7 --point=60,24.5",
            (
                Method::PATCH,
                "shops/7",
                json!({"points": [{"lat": 60.0, "lng": 24.5}]}),
            ),
        );
        calls(
            "shops revise 7 --no-points",
            (Method::PATCH, "shops/7", json!({"points": []})),
        );
        calls("shops close 7", (Method::DELETE, "shops/7", Value::Null));
        calls(
            "shops issue-secret 7",
            (Method::POST, "shops/7/xmpp_secret", Value::Null),
        );
        calls(
            "shops revoke-secret 7",
            (Method::DELETE, "shops/7/xmpp_secret", Value::Null),
        );
        calls(
            "staff add 7 u",
            (Method::POST, "shops/7/staffs", json!({"user_id": "u"})),
        );
        calls(
            "staff remove 7 u",
            (Method::DELETE, "shops/7/staffs/u", Value::Null),
        );
        calls(
            "notice 7 hi",
            (Method::PUT, "shops/7/notice", json!({"title": "hi"})),
        );
        calls(
            "coupons add 7 --name 半价 --rule 2 --image a.jpg",
            (
                Method::POST,
                "coupons",
                json!({"shop_id": 7, "name": "半价", "desc": "", "rule": 2}),
            ),
        );
        calls(
            "coupons withdraw c",
            (Method::DELETE, "coupons/c", Value::Null),
        );
        calls(
            "coupons list --shop 7",
            (Method::GET, "coupons", json!({"shop_id": 7, "page": 1})),
        );
        calls(
            "users reset-password u",
            (Method::POST, "users/u/reset_password", Value::Null),
        );
    }

    #[test]
    fn the_server_may_be_named_behind_the_order() {
        let line = "admin notice 7 hi --url https://chat.example.com --ca ca.pem";
        let line = Line::try_parse_from(line.split(' ')).expect("an order");
        assert_eq!(
            line.admin.target.url.as_deref(),
            Some("https://chat.example.com")
        );
    }

    #[test]
    fn half_a_place_and_an_empty_or_contradictory_revision_are_refused() {
        for line in [
            "admin shops revise 7",
            "admin shops revise 7 --lat 60",
            "admin shops revise 7 --point 60",
            "admin shops revise 7 --point 60,x",
            "admin shops revise 7 --point 60,inf",
            "admin shops revise 7 --point --no-points",
            "admin shops revise 7 --point 60,24 --no-points",
        ] {
            assert!(Line::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
