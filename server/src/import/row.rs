//! A shop as a row of texts, the way CSV and NDJSON files tell it.

use commands::shop::ShopRecord;
use domain::ShopId;
use domain::geo::Point;
use domain::shop::{Category, ShopDetails};

/// The fields of a row: `id` a whole number from 1 to 2^53 - 1, `name`, `lat` and `lng` in WGS-84
/// degrees, `t` the category from 1 to 6, and, where known, `address` and `phone`.
#[derive(Default)]
pub(super) struct Row {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) lat: Option<String>,
    pub(super) lng: Option<String>,
    pub(super) t: Option<String>,
    pub(super) address: Option<String>,
    pub(super) phone: Option<String>,
}

impl Row {
    /// The shop that the row tells of, from a source that is called `source`; or what is wrong
    /// with the row.
    pub(super) fn shop(self, source: &str) -> Result<ShopRecord, String> {
        // What is wrong is told in the order of the columns, and the id comes first.
        self.shop_id()?;
        let point = Point::new(degrees(&self.lat, "lat")?, degrees(&self.lng, "lng")?)
            .map_err(|error| error.to_string())?;
        self.shop_at(source, point, Vec::new())
    }

    /// Likewise, for a shop that is at `point`, and at others too.
    pub(super) fn shop_at(
        self,
        source: &str,
        point: Point,
        points: Vec<Point>,
    ) -> Result<ShopRecord, String> {
        let shop_id = self.shop_id()?;
        let category = required(&self.t, "t")?
            .parse::<u8>()
            .ok()
            .and_then(|number| Category::try_from(number).ok())
            .ok_or("t must be a number from 1 to 6")?;
        let text = |field: &Option<String>| field.as_deref().unwrap_or("").trim().to_owned();
        let name = required(&self.name, "name")?.to_owned();
        let details = ShopDetails {
            name,
            point,
            category,
            address: text(&self.address),
            phone: text(&self.phone),
            points,
        };
        details.check().map_err(|rejection| rejection.to_string())?;
        Ok(ShopRecord {
            shop_id,
            source: format!("{source}:{shop_id}"),
            details,
        })
    }

    fn shop_id(&self) -> Result<ShopId, String> {
        required(&self.id, "id")?
            .parse()
            .map_err(|_| "id must be a whole number from 1 to 9007199254740991".to_owned())
    }
}

fn required<'a>(field: &'a Option<String>, name: &str) -> Result<&'a str, String> {
    let text = field.as_deref().unwrap_or("").trim();
    if text.is_empty() {
        Err(format!("{name} is missing"))
    } else {
        Ok(text)
    }
}

fn degrees(field: &Option<String>, name: &str) -> Result<f64, String> {
    required(field, name)?
        .parse()
        .map_err(|_| format!("{name} must be a number of degrees"))
}
