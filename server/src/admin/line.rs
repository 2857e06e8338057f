//! What can be typed behind `lianlian admin`.

use serde::Serialize;
use std::path::PathBuf;
use std::str::FromStr;

/// What to do.
#[derive(clap::Subcommand, Clone, Debug)]
pub(super) enum Order {
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
    /// Offer, withdraw and list coupons
    #[command(subcommand)]
    Coupons(Coupons),
    /// Look after accounts
    #[command(subcommand)]
    Users(Users),
}

#[derive(clap::Subcommand, Clone, Debug)]
pub(super) enum Shops {
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
        /// Where else it is; once for each further point, at most 64
        #[arg(long = "point", value_name = "LAT,LNG", allow_hyphen_values = true)]
        points: Vec<FurtherPoint>,
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
    /// Give the staff of a shop a new password, with which they log in to XMPP as the shop
    IssueSecret {
        /// The shop's id
        shop: u64,
    },
    /// Let nobody log in to XMPP as a shop any more
    RevokeSecret {
        /// The shop's id
        shop: u64,
    },
}

#[derive(clap::Subcommand, Clone, Debug)]
pub(super) enum Staff {
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
pub(super) enum Coupons {
    /// Offer a coupon to the guests of a shop
    Add {
        /// The shop's id
        shop: u64,
        #[command(flatten)]
        coupon: NewCoupon,
        /// The merchant's own picture: a JPEG, PNG or GIF
        #[arg(long, value_name = "FILE")]
        image: Option<PathBuf>,
    },
    /// Give a coupon out no longer; the copies that people have stay good
    Withdraw {
        /// The coupon's id
        coupon: String,
    },
    /// Show what is and was offered, and how it is taken up
    List {
        /// Only of this shop
        #[arg(long)]
        shop: Option<u64>,
        /// Which page of 20
        #[arg(long, default_value_t = 1)]
        page: u32,
    },
}

#[derive(clap::Args, Clone, Debug, Serialize)]
pub(super) struct NewCoupon {
    /// Its name, up to 63 characters
    #[arg(long)]
    name: String,
    /// What it promises, up to 500 characters
    #[arg(long, default_value = "")]
    desc: String,
    /// 0 once a person, 1 one unused copy at a time, 2 at every check-in
    #[arg(long, value_name = "0..2")]
    rule: u8,
    /// The last day on which it can be used, like 2013-12-31
    #[arg(long, value_name = "DAY")]
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<String>,
}

#[derive(clap::Subcommand, Clone, Debug)]
pub(super) enum Users {
    /// Give a person a new XMPP password
    ResetPassword {
        /// The person's id
        user: String,
    },
}

#[derive(clap::Args, Clone, Debug, Serialize)]
pub(super) struct Contact {
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
pub(super) struct Edit {
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
    /// Where else it is, in the place of its former further points; once for each
    #[arg(long = "point", value_name = "LAT,LNG", allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    points: Vec<FurtherPoint>,
    /// It is nowhere else any more
    #[arg(long, conflicts_with = "points")]
    #[serde(skip)]
    pub(super) no_points: bool,
}

/// Where else a shop is, in degrees of WGS-84, like `60.1646,24.9374`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct FurtherPoint {
    lat: f64,
    lng: f64,
}

impl FromStr for FurtherPoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (lat, lng) = text.split_once(',').ok_or("two numbers with a comma")?;
        let degrees = |text: &str| {
            let number: f64 = text.trim().parse().ok()?;
            // JSON has no others.
            number.is_finite().then_some(number)
        };
        match (degrees(lat), degrees(lng)) {
            (Some(lat), Some(lng)) => Ok(Self { lat, lng }),
            _ => Err("not two numbers of degrees"),
        }
    }
}
