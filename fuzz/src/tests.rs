use std::path::Path;

/// Runs `target` over all files of its corpus.
fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("a corpus") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a file");
        let outcome = std::panic::catch_unwind(|| target(&bytes));
        assert!(outcome.is_ok(), "{}", path.display());
        count += 1;
    }
    assert!(count > 10, "only {count} files");
}

#[test]
fn the_reader_withstands_the_corpus() {
    replay("reader", crate::reader::run);
}

#[test]
fn the_router_withstands_the_corpus() {
    replay("router", crate::router::run);
}
