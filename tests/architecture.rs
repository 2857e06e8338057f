//! The walls of the house: who may import whom, how files are named, and that the floor plan in
//! ARCHITECTURE.md shows what is there (DESIGN §2, STYLE §1).

mod manifests;
mod plan;

use std::path::{Path, PathBuf};

/// Stems that say nothing about what is in a file.
const MEANINGLESS: [&str; 6] = ["mod", "utils", "common", "helpers", "manager", "misc"];

/// A file past this length holds two things.
const LINES: usize = 800;

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the workspace").to_owned()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The path as it is told to people.
fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// All Rust files below `folder`.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("an entry").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The stem of a file, like `checkin`.
fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Whether a file holds, or helps, the tests of a module.
fn in_tests(path: &Path) -> bool {
    let folder = path.parent().and_then(Path::file_name);
    stem(path) == "tests" || folder.is_some_and(|folder| folder == "tests")
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    let files = rust_files(&root());
    assert!(files.len() > 100, "only {} files were found", files.len());
    let meaningless: Vec<String> = files
        .iter()
        .filter(|path| MEANINGLESS.contains(&stem(path).as_str()))
        .map(|path| shown(path))
        .collect();
    assert!(meaningless.is_empty(), "{meaningless:?}");
}

#[test]
fn no_file_is_so_long_that_it_holds_two_things() {
    let long: Vec<String> = rust_files(&root())
        .iter()
        .map(|path| (shown(path), read(path).lines().count()))
        .filter(|(_, lines)| *lines > LINES)
        .map(|(path, lines)| format!("{path}: {lines}"))
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn no_test_is_left_out() {
    let left_out = ["#[", "ignore"].concat();
    let ignoring: Vec<String> = rust_files(&root())
        .iter()
        .filter(|path| read(path).contains(&left_out))
        .map(|path| shown(path))
        .collect();
    assert!(ignoring.is_empty(), "{ignoring:?}");
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    // The tests of a module are for what the module is for.
    let of_a_module = |path: &Path| path.iter().any(|part| part == "src") && in_tests(path);
    let silent: Vec<String> = rust_files(&root())
        .iter()
        .filter(|path| !of_a_module(path) && !read(path).starts_with("//!"))
        .map(|path| shown(path))
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn only_the_operators_part_of_the_api_reads_the_event_log() {
    let api = root().join("api/src");
    let reading: Vec<String> = rust_files(&api)
        .iter()
        .filter(|path| !path.starts_with(api.join("admin")) && **path != api.join("admin.rs"))
        .filter(|path| read(path).contains("eventlog::"))
        .map(|path| shown(path))
        .collect();
    assert!(reading.is_empty(), "{reading:?}");
}

#[test]
fn the_rules_know_no_clock_disk_network_or_chance() {
    let forbidden = [
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "SystemTime",
        "Instant",
        "HashMap",
        "HashSet",
        "rand::",
        "tokio::",
    ];
    for path in rust_files(&root().join("domain/src")) {
        let text = read(&path);
        let (code, _) = text
            .split_once("#[cfg(test)]\nmod tests")
            .unwrap_or((&text, ""));
        let code: String = code
            .lines()
            .filter(|line| !line.trim().starts_with("//"))
            .collect();
        for name in forbidden {
            assert!(!code.contains(name), "{} mentions {name}", shown(&path));
        }
    }
}
