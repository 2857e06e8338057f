//! The floor plan in ARCHITECTURE.md: which file of which room belongs to which feature.

use super::{read, root, rust_files};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The rooms that the plan shows.
const ROOMS: [&str; 4] = ["domain", "commands", "projections", "api"];

/// Stems of files by room.
type Stems = BTreeMap<String, BTreeSet<String>>;

/// The lines between a heading and the next one.
fn section<'a>(text: &'a str, heading: &str) -> impl Iterator<Item = &'a str> {
    let mut lines = text.lines();
    let found = lines.by_ref().any(|line| line == heading);
    assert!(found, "there is no {heading:?}");
    lines.take_while(|line| !line.starts_with("## "))
}

fn plain(cell: &str) -> String {
    cell.trim().trim_matches('`').to_owned()
}

fn names(cell: &str) -> impl Iterator<Item = String> {
    cell.split(',').map(plain).filter(|name| !name.is_empty())
}

/// The files in the table under `## Floor plan`.
fn floor_plan(text: &str) -> Stems {
    let mut rows = section(text, "## Floor plan")
        .filter(|line| line.starts_with('|'))
        .map(|line| {
            let cells = line
                .trim()
                .trim_start_matches('|')
                .trim_end_matches('|')
                .split('|');
            cells.map(plain).collect::<Vec<String>>()
        });
    let header = rows.next().expect("a header");
    assert_eq!(header[1..], ROOMS, "the columns of the floor plan");
    let mut stems = Stems::new();
    for row in rows.filter(|row| !row[0].chars().all(|c| c == '-' || c == ':')) {
        assert_eq!(row.len(), header.len(), "{row:?}");
        for (room, cell) in header.iter().zip(&row).skip(1) {
            stems.entry(room.clone()).or_default().extend(names(cell));
        }
    }
    stems
}

/// The files in the list under `## Infrastructure files`, where a line may go on below.
fn infrastructure(text: &str) -> Stems {
    let lines: Vec<&str> = section(text, "## Infrastructure files").collect();
    let mut stems = Stems::new();
    for bullet in lines.join(" ").split("- ").skip(1) {
        let (room, files) = bullet.split_once(':').expect("`- room: file, file`");
        stems.entry(plain(room)).or_default().extend(names(files));
    }
    stems
}

/// The files that are there, as `checkin` or `identity/local`.
fn present(room: &str) -> BTreeSet<String> {
    let folder = root().join(room).join("src");
    let named = |path: &Path| {
        let path = path
            .strip_prefix(&folder)
            .expect("below it")
            .with_extension("");
        path.to_str().expect("a name").to_owned()
    };
    rust_files(&folder)
        .iter()
        .map(|path| named(path))
        .filter(|name| name != "lib")
        .collect()
}

/// What the text tells of files that are not there, and what is there that it does not tell of: a
/// file belongs to what the one above it belongs to.
fn mistakes(text: &str, present: impl Fn(&str) -> BTreeSet<String>) -> Vec<String> {
    let (plan, others) = (floor_plan(text), infrastructure(text));
    let mut mistakes = Vec::new();
    for room in ROOMS {
        let there = present(room);
        let of = |stems: &Stems| stems.get(room).cloned().unwrap_or_default();
        let told: BTreeSet<String> = of(&plan).union(&of(&others)).cloned().collect();
        for name in told.difference(&there) {
            mistakes.push(format!("{room}/src/{name}.rs is not there"));
        }
        for name in of(&plan).intersection(&of(&others)) {
            mistakes.push(format!("{room}/src/{name}.rs is told of twice"));
        }
        let belongs = |name: &str| {
            told.iter()
                .any(|told| name == told || name.starts_with(&format!("{told}/")))
        };
        for name in there.iter().filter(|name| !belongs(name)) {
            mistakes.push(format!("{room}/src/{name}.rs is not told of"));
        }
    }
    for room in others.keys().filter(|room| !ROOMS.contains(&room.as_str())) {
        mistakes.push(format!("there is no room {room}"));
    }
    mistakes
}

#[test]
fn the_floor_plan_shows_what_is_there() {
    let text = read(&root().join("ARCHITECTURE.md"));
    let mistakes = mistakes(&text, present);
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

#[test]
fn mistakes_in_a_floor_plan_are_found() {
    let text = "\
## Floor plan

| feature | `domain` | `commands` | `projections` | `api` |
| --- | --- | --- | --- | --- |
| check-ins | checkin | `checkin` | occupancy, traces | |
| people | user | user | | user_info |

## Infrastructure files

- domain: event,
  ids
- `api`: error, user_info

## Invariants

| checkin | not | a | room | |
";
    let files = |room: &str| -> BTreeSet<String> {
        let names: &[&str] = match room {
            "domain" => &["checkin", "user", "event", "ids"],
            "commands" => &["checkin", "checkin/deep", "user", "attic", "userx"],
            "projections" => &["occupancy", "occupancy/tests"],
            _ => &["error", "user_info"],
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    };
    assert_eq!(
        mistakes(text, files),
        [
            "commands/src/attic.rs is not told of",
            "commands/src/userx.rs is not told of",
            "projections/src/traces.rs is not there",
            "api/src/user_info.rs is told of twice",
        ]
    );
}
