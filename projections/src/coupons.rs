//! What shops offer, and how many copies of each coupon were given out and used.
//!
//! Which copies a person has is not known here.

use crate::Error;
use crate::cells::{id, number, odd};
use crate::sql::{Refusal, Rows, SqlProjection, Table};
use crate::store::stored;
use domain::coupon::{CouponOffered, Rule};
use domain::{CouponId, Event, EventKind, Millis, Position, ShopId};
use eventlog::RecordedEvent;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row};
use std::collections::BTreeMap;

const COLUMNS: &str = "coupon_id, shop_id, name, description, rule, valid_until, image, withdrawn, \
                       offered_ms, granted, used";

/// A coupon of a shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coupon {
    /// Which coupon.
    pub coupon_id: CouponId,
    /// Whose.
    pub shop_id: ShopId,
    /// On one line.
    pub name: String,
    /// May be empty.
    pub desc: String,
    /// Who gets a copy, and how often.
    pub rule: Rule,
    /// The last day on which it is given out and can be used, `YYYY-MM-DD`; none: for ever.
    pub valid_until: Option<String>,
    /// The shop's own picture lies in the blob store.
    pub image: bool,
    /// It is given out no longer.
    pub withdrawn: bool,
    /// When it was offered.
    pub offered_at: Millis,
    /// How many copies were given out.
    pub granted: u64,
    /// How many of them were used.
    pub used: u64,
}

/// Every shop's coupons.
#[derive(Clone, Debug)]
pub struct Coupons {
    reads: AnyPool,
}

impl Coupons {
    pub(crate) fn new(reads: AnyPool) -> Self {
        Self { reads }
    }

    /// One coupon, withdrawn or not; `None` when there is none of this id.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn get(&self, coupon: CouponId) -> Result<Option<Coupon>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM coupons WHERE coupon_id = $1");
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(coupon.to_string())
            .fetch_optional(&self.reads)
            .await?;
        Ok(row.as_ref().map(self::coupon).transpose()?)
    }

    /// What `shop` had offered before the event at `before` and has not withdrawn until now,
    /// oldest first. Whether a coupon's last day is over is for the caller to say.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn open_at(&self, shop: ShopId, before: Position) -> Result<Vec<Coupon>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM coupons WHERE shop_id = $1 AND position < $2 AND withdrawn = 0 \
             ORDER BY position"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(shop_number(shop))
            .bind(stored(before))
            .fetch_all(&self.reads)
            .await?;
        Ok(rows.iter().map(coupon).collect::<Result<_, _>>()?)
    }

    /// A page of the coupons of `shop`, or of all shops, newest first, withdrawn ones too.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn page(
        &self,
        shop: Option<ShopId>,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Coupon>, Error> {
        let chosen = if shop.is_some() {
            "WHERE shop_id = $3"
        } else {
            ""
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM coupons {chosen} ORDER BY position DESC LIMIT $1 OFFSET $2"
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(i64::try_from(skip).unwrap_or(i64::MAX));
        let query = match shop {
            Some(shop) => query.bind(shop_number(shop)),
            None => query,
        };
        let rows = query.fetch_all(&self.reads).await?;
        Ok(rows.iter().map(coupon).collect::<Result<_, _>>()?)
    }
}

fn shop_number(shop: ShopId) -> i64 {
    i64::try_from(shop.get()).unwrap_or(i64::MAX)
}

fn coupon(row: &AnyRow) -> Result<Coupon, sqlx::Error> {
    let flag = |column| row.try_get::<i64, _>(column).map(|flag| flag != 0);
    let rule: u8 = number(row, "rule")?;
    Ok(Coupon {
        coupon_id: id(row, "coupon_id")?,
        shop_id: ShopId::new(number(row, "shop_id")?).map_err(|error| odd("shop_id", error))?,
        name: row.try_get("name")?,
        desc: row.try_get("description")?,
        rule: Rule::try_from(rule).map_err(|error| odd("rule", error))?,
        valid_until: row.try_get("valid_until")?,
        image: flag("image")?,
        withdrawn: flag("withdrawn")?,
        offered_at: Millis(row.try_get("offered_ms")?),
        granted: number(row, "granted")?,
        used: number(row, "used")?,
    })
}

#[async_trait::async_trait]
impl SqlProjection for Coupons {
    fn name(&self) -> &'static str {
        "coupons"
    }

    fn version(&self) -> u32 {
        1
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[
            EventKind::CouponOffered,
            EventKind::CouponWithdrawn,
            EventKind::CouponGranted,
            EventKind::CouponUsed,
        ]
    }

    fn shape(&self) -> &'static [Table] {
        &[Table {
            name: "coupons",
            columns: "coupon_id TEXT NOT NULL PRIMARY KEY, \
                      position BIGINT NOT NULL UNIQUE, \
                      shop_id BIGINT NOT NULL, \
                      name TEXT NOT NULL, \
                      description TEXT NOT NULL, \
                      rule BIGINT NOT NULL, \
                      valid_until TEXT, \
                      image BIGINT NOT NULL, \
                      withdrawn BIGINT NOT NULL, \
                      offered_ms BIGINT NOT NULL, \
                      granted BIGINT NOT NULL, \
                      used BIGINT NOT NULL, \
                      UNIQUE (shop_id, position)",
        }]
    }

    /// A popular coupon is granted many times in a batch: its row is written once.
    async fn apply(&self, rows: &mut Rows<'_>, events: &[&RecordedEvent]) -> Result<(), Refusal> {
        let mut copies = Copies::new();
        for event in events {
            match &event.event {
                Event::CouponOffered(new) => {
                    // What happened to it before it was offered does not count.
                    count(rows, std::mem::take(&mut copies)).await?;
                    offer(rows, new, event.position, event.time).await?;
                }
                Event::CouponWithdrawn(gone) => {
                    rows.statement(
                        "UPDATE {} SET withdrawn = 1 WHERE coupon_id = $1",
                        "coupons",
                    )
                    .bind(gone.coupon_id.to_string())
                    .execute(&mut *rows.connection)
                    .await?;
                }
                Event::CouponGranted(copy) => copies.entry(copy.coupon_id).or_default().0 += 1,
                Event::CouponUsed(copy) => copies.entry(copy.coupon_id).or_default().1 += 1,
                _ => {}
            }
        }
        count(rows, copies).await?;
        Ok(())
    }
}

/// How many copies of each coupon were granted and used.
type Copies = BTreeMap<CouponId, (i64, i64)>;

async fn offer(
    rows: &mut Rows<'_>,
    new: &CouponOffered,
    position: Position,
    at: Millis,
) -> Result<(), sqlx::Error> {
    rows.statement(
        "INSERT INTO {} (coupon_id, position, shop_id, name, description, rule, valid_until, \
         image, withdrawn, offered_ms, granted, used) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, 0, 0) ON CONFLICT DO NOTHING",
        "coupons",
    )
    .bind(new.coupon_id.to_string())
    .bind(stored(position))
    .bind(shop_number(new.shop_id))
    .bind(new.name.clone())
    .bind(new.desc.clone())
    .bind(i64::from(u8::from(new.rule)))
    .bind(new.valid_until.clone())
    .bind(i64::from(new.image))
    .bind(at.0)
    .execute(&mut *rows.connection)
    .await
    .map(drop)
}

async fn count(rows: &mut Rows<'_>, copies: Copies) -> Result<(), sqlx::Error> {
    for (coupon, (granted, used)) in copies {
        rows.statement(
            "UPDATE {} SET granted = granted + $2, used = used + $3 WHERE coupon_id = $1",
            "coupons",
        )
        .bind(coupon.to_string())
        .bind(granted)
        .bind(used)
        .execute(&mut *rows.connection)
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
