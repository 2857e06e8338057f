//! Pictures and where they lie: decoding what strangers send, thumbnails, the art of coupons, the
//! blob store.
//!
//! Who may see which picture is not known here, nor what happens to it when.

pub mod blobs;
pub mod coupon_art;
pub mod keys;
pub mod links;
pub mod picture;
