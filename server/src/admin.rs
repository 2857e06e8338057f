//! `lianlian admin`: the admin HTTP API from a shell. Prints the server's JSON answer.

use crate::client::{AdminClient, Target};
use crate::config::Settings;
use anyhow::{Context, Result};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::Write;

/// The admin API.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Admin {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    order: Order,
}

/// What to do.
#[derive(clap::Subcommand, Clone, Debug)]
enum Order {
    /// Register, revise and close shops
    #[command(subcommand)]
    Shops(Shops),
    /// Say who works for a shop
    #[command(subcommand)]
    Staff(Staff),
    /// Post a shop's notice
    Notice {
        /// The shop's id
        shop: u64,
        /// The text; empty takes the notice down
        title: String,
    },
    /// Look after accounts
    #[command(subcommand)]
    Users(Users),
}

#[derive(clap::Subcommand, Clone, Debug)]
enum Shops {
    /// Register a shop
    Add {
        /// Its id [default: the first free one]
        #[arg(long)]
        id: Option<u64>,
        /// Its name, up to 255 characters
        #[arg(long)]
        name: String,
        /// Latitude in degrees, WGS-84
        #[arg(long, allow_negative_numbers = true)]
        lat: f64,
        /// Longitude in degrees, WGS-84
        #[arg(long, allow_negative_numbers = true)]
        lng: f64,
        /// Category: 1 bar, 2 café, 3 restaurant or hotel, 4 leisure, 5 shopping, 6 building
        #[arg(long, value_name = "1..6")]
        t: u8,
        #[command(flatten)]
        contact: Contact,
    },
    /// Change some details of a shop
    Revise {
        /// The shop's id
        shop: u64,
        #[command(flatten)]
        edit: Edit,
    },
    /// Close a shop for good
    Close {
        /// The shop's id
        shop: u64,
    },
}

#[derive(clap::Subcommand, Clone, Debug)]
enum Staff {
    /// Somebody works for a shop
    Add {
        /// The shop's id
        shop: u64,
        /// The person's id
        user: String,
    },
    /// Somebody no longer works for a shop
    Remove {
        /// The shop's id
        shop: u64,
        /// The person's id
        user: String,
    },
}

#[derive(clap::Subcommand, Clone, Debug)]
enum Users {
    /// Give a person a new XMPP password
    ResetPassword {
        /// The person's id
        user: String,
    },
}

#[derive(clap::Args, Clone, Debug, Serialize)]
struct Contact {
    /// Its address
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// Its phone number
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
}

#[derive(clap::Args, Clone, Debug, Serialize)]
#[group(required = true, multiple = true)]
struct Edit {
    /// A new name
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// A new latitude, together with --lng
    #[arg(long, requires = "lng", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    lat: Option<f64>,
    /// A new longitude, together with --lat
    #[arg(long, requires = "lat", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    lng: Option<f64>,
    /// A new category, 1 to 6
    #[arg(long, value_name = "1..6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    t: Option<u8>,
    /// A new address
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// A new phone number
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
}

/// A call of the admin API: method, segments of the path after `/admin`, body.
type Call = (Method, Vec<String>, Option<Value>);

/// `lianlian admin`.
///
/// # Errors
/// What the server refuses, or that it cannot be reached.
pub(crate) async fn run(settings: &Settings, admin: Admin) -> Result<()> {
    let client = AdminClient::new(settings, &admin.target)?;
    let (method, path, body) = admin.order.call()?;
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let answer = client.call(method, &path, body).await?;
    writeln!(std::io::stdout(), "{answer}")?;
    Ok(())
}

impl Order {
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
                contact,
            } => {
                let mut body = json!({ "name": name, "lat": lat, "lng": lng, "t": t });
                merge(&mut body, &json!({ "id": id }));
                merge(
                    &mut body,
                    &serde_json::to_value(contact).context("the contact")?,
                );
                (Method::POST, path(["shops"]), Some(body))
            }
            Self::Revise { shop, edit } => {
                let body = serde_json::to_value(edit).context("the details")?;
                (
                    Method::PATCH,
                    path(["shops", &shop.to_string()]),
                    Some(body),
                )
            }
            Self::Close { shop } => (Method::DELETE, path(["shops", &shop.to_string()]), None),
        })
    }
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
        calls("shops close 7", (Method::DELETE, "shops/7", Value::Null));
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
    fn half_a_place_and_an_empty_revision_are_refused() {
        for line in ["admin shops revise 7", "admin shops revise 7 --lat 60"] {
            assert!(Line::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
