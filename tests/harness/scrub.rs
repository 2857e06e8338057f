//! Ids are random: here they get names, so that a whole body can be compared.

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Ids and what to write in their place.
#[derive(Clone, Default)]
pub(crate) struct Scrub(Arc<Mutex<BTreeMap<String, String>>>);

impl Scrub {
    /// From now on `id` is shown as `<name>`.
    pub(crate) fn name(&self, id: &str, name: &str) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(id.to_owned(), format!("<{name}>"));
    }

    /// `value` with every id replaced: those without a name are `<id>`.
    pub(crate) fn tidy(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.tidy(item)).collect(),
            Value::Object(fields) => {
                let tidy = fields
                    .iter()
                    .map(|(key, field)| (key.clone(), self.tidy(field)));
                Value::Object(tidy.collect())
            }
            other => other.clone(),
        }
    }

    fn text(&self, text: &str) -> String {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tidy = String::new();
        // Ids stand in names of streams and in links too.
        for piece in text.split_inclusive(['-', '/', '?', '&', '=']) {
            let id = piece.trim_end_matches(['-', '/', '?', '&', '=']);
            tidy.push_str(match names.get(id) {
                Some(name) => name,
                None if is_id(id) => "<id>",
                None => id,
            });
            tidy.push_str(&piece[id.len()..]);
        }
        tidy
    }
}

/// 24 hex digits are the id of a person or a check-in, 32 a digest or the seal of a link.
fn is_id(text: &str) -> bool {
    matches!(text.len(), 24 | 32) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
