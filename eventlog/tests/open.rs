//! Which URLs open which log, and what is said about those that open none.

use eventlog::{Error, open};

#[tokio::test]
async fn a_file_is_named_with_or_without_slashes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.db");
    for url in [
        format!("sqlite:{}", path.display()),
        format!("sqlite://{}", path.display()),
    ] {
        open(&url).await.expect("opened").close().await;
    }
    let files = folder.path().read_dir().expect("readable").count();
    assert_eq!(files, 1);
}

#[tokio::test]
async fn a_url_of_another_kind_is_invalid_and_never_quoted() {
    let urls = [
        "",
        "sqlite:",
        "sqlite://",
        "sqlite::memory:",
        "mysql://user:secret@localhost/db",
        "user:secret@localhost",
        "postgres://user:secret@localhost:port/db",
    ];
    for url in urls {
        match open(url).await {
            Err(Error::Invalid(reason)) => assert!(!reason.contains("secret"), "{reason}"),
            Err(error) => panic!("{url}: {error}"),
            Ok(_) => panic!("{url} opened a log"),
        }
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_unavailable_and_its_password_is_not_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let no_folder = format!("sqlite:{}", folder.path().join("none/log.db").display());
    for url in ["postgres://user:secret@127.0.0.1:1/db", &no_folder] {
        match open(url).await {
            Err(Error::Unavailable(reason)) => assert!(!reason.contains("secret"), "{reason}"),
            Err(error) => panic!("{url}: {error}"),
            Ok(_) => panic!("{url} opened a log"),
        }
    }
}
