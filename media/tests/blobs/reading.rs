//! Reading for an answer: parts, and only what changed.

use crate::fixture::{Fixture, thumb};
use futures_util::TryStreamExt;
use media::blobs::{ByteRange, Conditions, Content, Reading};

const TEXT: &str = "0123456789";

fn part(range: ByteRange) -> Conditions {
    Conditions {
        range: Some(range),
        if_none_match: None,
    }
}

fn unless(tags: &str) -> Conditions {
    Conditions {
        range: None,
        if_none_match: Some(tags.to_owned()),
    }
}

impl Fixture {
    async fn read(&self, conditions: Conditions) -> Reading {
        let read = self.blobs.read(&thumb(1), conditions).await;
        read.expect("the store is there")
    }

    async fn content(&self, conditions: Conditions) -> Content {
        match self.read(conditions).await {
            Reading::Found(content) => content,
            other => panic!("{other:?}"),
        }
    }
}

async fn text(content: Content) -> String {
    let parts: Vec<_> = content.body.try_collect().await.expect("read");
    String::from_utf8(parts.concat()).expect("text")
}

pub(crate) async fn parts_of_a_blob_can_be_read(store: Fixture) {
    store.put(&thumb(1), TEXT).await;
    for (range, expected) in [
        (ByteRange::Between(0, 3), 0..4),
        (ByteRange::Between(3, 3), 3..4),
        (ByteRange::Between(7, 99), 7..10),
        (ByteRange::From(0), 0..10),
        (ByteRange::From(9), 9..10),
        (ByteRange::Last(3), 7..10),
        (ByteRange::Last(99), 0..10),
    ] {
        let content = store.content(part(range)).await;
        assert_eq!(
            (content.bytes, &content.range),
            (10, &expected),
            "{range:?}"
        );
        let expected = &TEXT[expected.start as usize..expected.end as usize];
        assert_eq!(text(content).await, expected, "{range:?}");
    }
    let whole = store.content(Conditions::default()).await;
    assert_eq!((whole.bytes, &whole.range), (10, &(0..10)));
    assert_eq!(text(whole).await, TEXT);
}

pub(crate) async fn a_part_beyond_the_end_is_refused_with_the_length(store: Fixture) {
    store.put(&thumb(1), TEXT).await;
    for range in [
        ByteRange::From(10),
        ByteRange::Between(10, 11),
        ByteRange::Last(0),
        ByteRange::Between(u64::MAX, u64::MAX),
    ] {
        let read = store.read(part(range)).await;
        assert!(
            matches!(read, Reading::OutOfRange { bytes: 10 }),
            "{range:?}: {read:?}"
        );
    }
}

pub(crate) async fn what_the_caller_has_is_not_sent_again(store: Fixture) {
    store.put(&thumb(1), TEXT).await;
    let content = store.content(Conditions::default()).await;
    assert!(content.modified.0 > 1_700_000_000_000);
    let tag = content.etag.expect("a tag");
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    for tags in [&tag, "*", &format!("\"other\", {tag}"), &format!("W/{tag}")] {
        let read = store.read(unless(tags)).await;
        assert!(matches!(read, Reading::Unchanged), "{tags}: {read:?}");
    }
    store.put(&thumb(1), "something else").await;
    let changed = store.content(unless(&tag)).await;
    assert_ne!(changed.etag.as_ref(), Some(&tag));
    assert_eq!(text(changed).await, "something else");
}

pub(crate) async fn an_absent_blob_is_absent(store: Fixture) {
    for conditions in [
        Conditions::default(),
        part(ByteRange::From(0)),
        unless("\"x\""),
    ] {
        let read = store.read(conditions).await;
        assert!(matches!(read, Reading::Absent), "{read:?}");
    }
}
