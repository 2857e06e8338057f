//! The manifests: which crate imports which.

use super::{read, root};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// Who may import whom of the house; `server` and `tests` may import everyone.
const MAY_IMPORT: [(&str, &[&str]); 13] = [
    ("domain", &[]),
    ("eventlog", &["domain"]),
    ("media", &["domain"]),
    ("commands", &["domain", "eventlog"]),
    ("projections", &["domain", "eventlog"]),
    ("delivery", &["domain", "eventlog"]),
    (
        "policies",
        &["domain", "eventlog", "commands", "projections", "media"],
    ),
    // `eventlog` is for `api/admin` alone, which another test looks after.
    (
        "api",
        &[
            "domain",
            "commands",
            "projections",
            "delivery",
            "media",
            "eventlog",
        ],
    ),
    (
        "xmpp",
        &["domain", "commands", "projections", "delivery", "media"],
    ),
    // A house with one door, for bytes that nobody meant.
    (
        "fuzz",
        &[
            "domain",
            "eventlog",
            "commands",
            "projections",
            "delivery",
            "media",
            "xmpp",
        ],
    ),
    ("test-apns", &[]),
    ("test-postgres", &[]),
    ("test-s3", &[]),
];

/// What only tests may import, in any crate.
const FOR_TESTS: [&str; 3] = ["test-apns", "test-postgres", "test-s3"];

/// A member of the workspace.
struct Member {
    name: String,
    manifest: Table,
}

fn members() -> Vec<Member> {
    let workspace: Table = read(&root().join("Cargo.toml")).parse().expect("TOML");
    let members = workspace["workspace"]["members"]
        .as_array()
        .expect("members");
    members
        .iter()
        .map(|folder| {
            let path = root()
                .join(folder.as_str().expect("a folder"))
                .join("Cargo.toml");
            let manifest: Table = read(&path).parse().expect("TOML");
            let name = manifest["package"]["name"]
                .as_str()
                .expect("a name")
                .to_owned();
            Member { name, manifest }
        })
        .collect()
}

/// The names in the sections whose name ends so, also in those of single platforms.
fn dependencies(manifest: &Table, section: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let platforms = manifest
        .get("target")
        .and_then(Value::as_table)
        .into_iter()
        .flatten();
    let tables = platforms.filter_map(|(_, platform)| platform.as_table());
    for table in tables.chain([manifest]) {
        let section = table.get(section).and_then(Value::as_table);
        found.extend(
            section
                .into_iter()
                .flatten()
                .map(|(k, v)| (k.clone(), v.clone())),
        );
    }
    found
}

/// The edges of a member that the rules forbid.
fn forbidden(member: &str, manifest: &Table, house: &BTreeSet<String>) -> Vec<String> {
    if matches!(member, "server" | "tests") {
        let all = dependencies(manifest, "dependencies");
        let wrong = all
            .keys()
            .filter(|name| FOR_TESTS.contains(&name.as_str()) || *name == member);
        return wrong.map(|name| format!("{member} -> {name}")).collect();
    }
    let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == member) else {
        return vec![format!("nothing is said about {member}")];
    };
    let mut wrong = Vec::new();
    for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
        for name in dependencies(manifest, section)
            .keys()
            .filter(|name| house.contains(*name))
        {
            let for_tests = section == "dev-dependencies" && FOR_TESTS.contains(&name.as_str());
            if !allowed.contains(&name.as_str()) && !for_tests {
                wrong.push(format!("{member} -> {name} ({section})"));
            }
        }
    }
    wrong
}

#[test]
fn nobody_imports_whom_they_may_not() {
    let members = members();
    let house: BTreeSet<String> = members.iter().map(|member| member.name.clone()).collect();
    assert!(house.len() >= 8, "{house:?}");
    let wrong: Vec<String> = members
        .iter()
        .flat_map(|member| forbidden(&member.name, &member.manifest, &house))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_forbidden_edge_is_found_in_every_section() {
    let house: BTreeSet<String> = [
        "domain",
        "eventlog",
        "commands",
        "projections",
        "server",
        "test-postgres",
        "test-s3",
    ]
    .map(str::to_owned)
    .into();
    for (member, manifest, expected) in [
        (
            "commands",
            "[dependencies]\ndomain.workspace = true\nserde = '1'",
            0,
        ),
        (
            "commands",
            "[dependencies]\nprojections.workspace = true",
            1,
        ),
        (
            "commands",
            "[dev-dependencies]\nprojections.workspace = true",
            1,
        ),
        (
            "commands",
            "[dev-dependencies]\ntest-postgres.workspace = true",
            0,
        ),
        (
            "commands",
            "[dependencies]\ntest-postgres.workspace = true",
            1,
        ),
        ("media", "[dev-dependencies]\ntest-s3.workspace = true", 0),
        ("media", "[dependencies]\ntest-s3.workspace = true", 1),
        (
            "domain",
            "[build-dependencies]\neventlog.workspace = true",
            1,
        ),
        (
            "domain",
            "[target.'cfg(unix)'.dependencies]\neventlog.workspace = true",
            1,
        ),
        ("projections", "[dependencies]\nserver.workspace = true", 1),
        ("server", "[dependencies]\ncommands.workspace = true", 0),
        (
            "server",
            "[dependencies]\ntest-postgres.workspace = true",
            1,
        ),
        ("attic", "[dependencies]", 1),
    ] {
        let table: Table = manifest.parse().expect("TOML");
        let found = forbidden(member, &table, &house);
        assert_eq!(found.len(), expected, "{member}: {manifest}: {found:?}");
    }
}

#[test]
fn every_crate_keeps_the_lints_of_the_house() {
    for Member { name, manifest } in members() {
        let lints = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"));
        assert_eq!(lints.and_then(Value::as_bool), Some(true), "{name}");
    }
}

#[test]
fn every_dependency_is_declared_once_for_all() {
    for Member { name, manifest } in members() {
        for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
            for (dependency, value) in dependencies(&manifest, section) {
                let shared = value.get("workspace").and_then(Value::as_bool);
                assert_eq!(shared, Some(true), "{name}: {dependency}");
            }
        }
    }
}
