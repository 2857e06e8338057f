//! What a benchmark found: tables for people, or the same as JSON.

use crate::machine::Facts;
use serde_json::{Map, Value, json};

/// Tables, and whether the goals were met.
#[derive(Default)]
pub(crate) struct Report {
    tables: Vec<Table>,
    goals: Vec<Goal>,
}

/// A table; what it says about a number stands in the heading of its column, with its unit.
pub(crate) struct Table {
    title: String,
    headings: &'static [&'static str],
    rows: Vec<Vec<Cell>>,
}

/// One entry of a table.
#[derive(Clone)]
pub(crate) enum Cell {
    /// A name.
    Text(String),
    /// A measurement.
    Number(f64),
    /// Not measured here.
    Nothing,
}

/// What was hoped for.
struct Goal {
    what: String,
    at_least: f64,
    reached: f64,
}

impl Report {
    pub(crate) fn table(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// States that `what` should be at least this much.
    pub(crate) fn goal(&mut self, what: impl Into<String>, at_least: f64, reached: f64) {
        self.goals.push(Goal {
            what: what.into(),
            at_least,
            reached,
        });
    }

    pub(crate) fn print(&self, machine: &Facts, json: bool) {
        if json {
            println!("{:#}", self.json(machine));
        } else {
            print!("{}", self.text(machine));
        }
    }

    fn json(&self, machine: &Facts) -> Value {
        let goals: Vec<Value> = self.goals.iter().map(Goal::json).collect();
        let tables: Vec<Value> = self.tables.iter().map(Table::json).collect();
        json!({ "machine": machine.json(), "tables": tables, "goals": goals })
    }

    fn text(&self, machine: &Facts) -> String {
        let mut text = format!("{}\n", machine.text());
        for table in &self.tables {
            text += &format!("\n{}\n", table.text());
        }
        for goal in &self.goals {
            text += &format!("\n{}", goal.text());
        }
        text + if self.goals.is_empty() { "" } else { "\n" }
    }
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, headings: &'static [&'static str]) -> Self {
        Self {
            title: title.into(),
            headings,
            rows: Vec::new(),
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        debug_assert_eq!(N, self.headings.len(), "a cell for each heading");
        self.rows.push(cells.into());
    }

    fn json(&self) -> Value {
        let row = |cells: &Vec<Cell>| -> Value {
            let pairs = self.headings.iter().zip(cells);
            let pairs = pairs.map(|(heading, cell)| ((*heading).to_owned(), cell.json()));
            Value::Object(pairs.collect::<Map<_, _>>())
        };
        json!({ "title": self.title, "rows": self.rows.iter().map(row).collect::<Vec<_>>() })
    }

    /// As markdown, which is readable as it is.
    fn text(&self) -> String {
        let mut lines = vec![self.headings.iter().map(|&h| h.to_owned()).collect()];
        let cells = |row: &Vec<Cell>| row.iter().map(Cell::text).collect::<Vec<_>>();
        lines.extend(self.rows.iter().map(cells));
        let width = |column: usize| {
            let widths = lines.iter().map(|line| line[column].chars().count());
            widths.max().unwrap_or(0).max(3)
        };
        let widths: Vec<usize> = (0..self.headings.len()).map(width).collect();
        let mut text = format!("{}\n\n", self.title);
        for (at, line) in lines.iter().enumerate() {
            for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
                // Names to the left, numbers to the right.
                text += &match column {
                    0 => format!("| {cell:<width$} |"),
                    _ => format!(" {cell:>width$} |"),
                };
            }
            text += "\n";
            if at == 0 {
                for (column, &width) in widths.iter().enumerate() {
                    text += &match column {
                        0 => format!("| {} |", "-".repeat(width)),
                        _ => format!(" {}: |", "-".repeat(width - 1)),
                    };
                }
                text += "\n";
            }
        }
        text
    }
}

impl Cell {
    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(number) => json!(number),
            Self::Nothing => Value::Null,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => figure(*number),
            Self::Nothing => String::new(),
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<Option<f64>> for Cell {
    fn from(number: Option<f64>) -> Self {
        number.map_or(Self::Nothing, Self::Number)
    }
}

impl Goal {
    fn met(&self) -> bool {
        self.reached >= self.at_least
    }

    fn json(&self) -> Value {
        json!({ "goal": self.what, "at_least": self.at_least, "reached": self.reached,
                "met": self.met() })
    }

    fn text(&self) -> String {
        let (wanted, reached) = (figure(self.at_least), figure(self.reached));
        let met = if self.met() { "met" } else { "NOT MET" };
        format!("goal: {} at least {wanted}: {reached}, {met}", self.what)
    }
}

/// A number with three digits that count, and commas.
fn figure(number: f64) -> String {
    match number.abs() {
        size if size >= 99.95 => with_commas(&format!("{number:.0}")),
        size if size >= 9.995 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

fn with_commas(digits: &str) -> String {
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_that_count() {
        let figures = [0.0, 1.234, 12.34, 99.96, 123.4, 1_234_567.0].map(figure);
        assert_eq!(figures, ["0.00", "1.23", "12.3", "100", "123", "1,234,567"]);
    }

    #[test]
    fn a_table_lines_up() {
        let mut table = Table::new("Speed", &["what", "events/s"]);
        table.row(["log".into(), 1_234.0.into()]);
        let lines = "Speed\n\n| what | events/s |\n| ---- | -------: |\n| log  |    1,234 |\n";
        assert_eq!(table.text(), lines);
    }
}
