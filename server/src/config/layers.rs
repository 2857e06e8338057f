//! Where settings come from: defaults, then a file, then the environment, then flags.
//!
//! A key that nobody knows is an error that says where it stands; in the environment, which serves
//! other versions and programs too, it is only warned of. Values are never repeated in a message,
//! because any of them may be a secret in the wrong place.

use super::Settings;
use anyhow::{Context, Result, anyhow, bail};
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use std::ffi::OsString;
use std::path::Path;

/// The file that is read when it is there and no other is named.
const FILE: &str = "lianlian.toml";

/// What the names of environment variables begin with.
const PREFIX: &str = "LIANLIAN_";

/// The settings from `file` (or `lianlian.toml` of the current folder), then `environment`, then
/// `flags` (names with dots, and values).
///
/// # Errors
/// An unknown key, a value of the wrong type, or one that [`Settings::check`] refuses.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    flags: &[(String, String)],
) -> Result<Settings> {
    let defaults = Value::serialize(Settings::default()).context("the defaults")?;
    let figment = Figment::from(Serialized::defaults(Settings::default()))
        .merge(from_file(file)?)
        .merge(from_environment(environment, &defaults)?)
        .merge(from_flags(flags, &defaults));
    let merged: Value = figment.extract().map_err(|error| explain(&error))?;
    let mut unknown = Vec::new();
    find_unknown(&merged, &defaults, "", &mut unknown);
    if let Some(key) = unknown.first() {
        let origin = figment
            .find_metadata(key)
            .map_or_else(String::new, |meta| origin(meta, key));
        bail!("unknown setting {key}{origin}");
    }
    let settings: Settings = figment.extract().map_err(|error| explain(&error))?;
    settings.check()?;
    Ok(settings)
}

/// Values that were put together here, with a name for messages.
struct Layer {
    name: &'static str,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

fn from_file(file: Option<&Path>) -> Result<Figment> {
    let Some(path) = file.or_else(|| Some(Path::new(FILE)).filter(|path| path.exists())) else {
        return Ok(Figment::new());
    };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the settings in {}", path.display()))?;
    // The parser would print the line that it stumbled over, which may hold a token.
    if let Err(error) = toml::from_str::<toml::Table>(&text) {
        let before = error
            .span()
            .map_or("", |span| text.get(..span.start).unwrap_or(""));
        let line = before.matches('\n').count() + 1;
        bail!("{}, line {line}: {}", path.display(), error.message());
    }
    Ok(Figment::from(Toml::file_exact(path)))
}

fn from_environment(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    defaults: &Value,
) -> Result<Layer> {
    let mut values = Dict::new();
    for (name, value) in environment {
        let Some(key) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
            continue;
        };
        let key = key.to_lowercase().replace("__", ".");
        let value = value
            .into_string()
            .map_err(|_| anyhow!("the environment variable {PREFIX}{key} is not valid UTF-8"))?;
        // An empty variable is how container files say "not set".
        if value.is_empty() {
            continue;
        }
        let path: Vec<&str> = key.split('.').collect();
        if is_known(&path, defaults) {
            insert(&mut values, &key, typed(&key, &value, defaults));
        } else {
            // Logging is a setting itself and not there yet.
            eprintln!("warning: {} is no setting of this version", name.display());
        }
    }
    Ok(Layer {
        name: "environment",
        values,
    })
}

fn from_flags(flags: &[(String, String)], defaults: &Value) -> Layer {
    let mut values = Dict::new();
    for (key, value) in flags {
        insert(&mut values, key, typed(key, value, defaults));
    }
    Layer {
        name: "command line",
        values,
    }
}

/// A value that was given as text, with the type of its default. Optional settings have none and
/// are texts all of them, so a token of digits stays a text.
fn typed(key: &str, text: &str, defaults: &Value) -> Value {
    match defaults.find_ref(key) {
        Some(Value::Num(..) | Value::Bool(..)) => {
            text.parse::<Value>().unwrap_or_else(|_| text.into())
        }
        // Tables, as TOML writes them on one line.
        Some(Value::Array(..)) if text.contains('{') => {
            text.parse::<Value>().unwrap_or_else(|_| text.into())
        }
        Some(Value::Array(..)) => {
            let list = text.trim().trim_start_matches('[').trim_end_matches(']');
            let items = list
                .split(',')
                .map(|item| item.trim().trim_matches(['"', '\'']));
            items
                .filter(|item| !item.is_empty())
                .collect::<Vec<_>>()
                .into()
        }
        _ => text.into(),
    }
}

fn insert(values: &mut Dict, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            values.insert(key.to_owned(), value);
        }
        Some((table, rest)) => {
            let inner = values
                .entry(table.to_owned())
                .or_insert_with(|| Dict::new().into());
            // Where a table was given as a plain value, the type check will say so.
            if let Value::Dict(_, inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

fn is_known(path: &[&str], known: &Value) -> bool {
    match (path, known) {
        ([], _) => true,
        ([key, rest @ ..], Value::Dict(_, entries)) => {
            entries.get(*key).is_some_and(|known| is_known(rest, known))
        }
        _ => false,
    }
}

fn find_unknown(value: &Value, known: &Value, path: &str, unknown: &mut Vec<String>) {
    let (Value::Dict(_, entries), Value::Dict(_, known)) = (value, known) else {
        return;
    };
    for (key, value) in entries {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        match known.get(key) {
            Some(known) => find_unknown(value, known, &path, unknown),
            None => unknown.push(path),
        }
    }
}

/// Which setting is wrong, what it must be, and where it stands.
fn explain(error: &figment::Error) -> anyhow::Error {
    use figment::error::Kind;
    let key = error.path.join(".");
    let origin = error
        .metadata
        .as_ref()
        .map_or_else(String::new, |meta| origin(meta, &key));
    let must = match &error.kind {
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            format!("must be {expected}")
        }
        Kind::UnknownVariant(_, variants) => format!("must be one of {}", variants.join(", ")),
        Kind::MissingField(field) => format!("misses {field}"),
        Kind::UnknownField(_, known) => format!("knows only {}", known.join(", ")),
        _ => "has a value that does not fit".to_owned(),
    };
    anyhow!("the setting {key} {must}{origin}")
}

fn origin(metadata: &Metadata, key: &str) -> String {
    let file = metadata
        .source
        .as_ref()
        .and_then(|source| source.file_path());
    match (file, &*metadata.name) {
        (Some(path), _) => format!(" (in {})", path.display()),
        (None, "environment") => {
            format!(
                " (in the environment: {PREFIX}{})",
                key.to_uppercase().replace('.', "__")
            )
        }
        (None, name) => format!(" (on the {name})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs<T: From<String>>(all: &[(&str, &str)]) -> Vec<(T, T)> {
        all.iter()
            .map(|(k, v)| (k.to_string().into(), v.to_string().into()))
            .collect()
    }

    /// Loads a file's text, variables without their prefix, and flags.
    fn with(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Settings> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, file).expect("a file");
        let environment: Vec<(OsString, OsString)> = pairs(environment);
        let named = environment.into_iter().map(|(name, value)| {
            let mut full = OsString::from(PREFIX);
            full.push(name);
            (full, value)
        });
        load(Some(&path), named, &pairs::<String>(flags))
    }

    #[track_caller]
    fn refused(result: Result<Settings>, says: &[&str]) {
        let error = format!("{:#}", result.expect_err("must be refused"));
        for part in says {
            assert!(error.contains(part), "{error:?} lacks {part:?}");
        }
        assert!(!error.contains("hush"), "{error}");
    }

    #[test]
    fn flags_beat_the_environment_beats_the_file_beats_the_defaults() {
        let file = "http_addr = 'a:1'\ntimezone = 'UTC'\nlog = 'warn'\n[limits]\nbody_bytes = 7";
        let environment = [("HTTP_ADDR", "b:2"), ("TIMEZONE", "Europe/Helsinki")];
        let settings = with(file, &environment, &[("http_addr", "c:3")]).expect("settings");
        assert_eq!(settings.http_addr, "c:3");
        assert_eq!(settings.timezone, "Europe/Helsinki");
        assert_eq!(settings.log, "warn");
        assert_eq!(settings.limits.body_bytes, 7);
        assert_eq!(
            settings.limits.request_ms,
            Settings::default().limits.request_ms
        );
    }

    #[test]
    fn the_environment_reaches_nested_numbers_lists_and_words() {
        let environment = [
            ("LIMITS__BODY_BYTES", "1024"),
            ("API__ERROR_STATUS", "ok"),
            ("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1"),
            ("PRESENCE_WINDOW_HOURS", "6"),
            ("APP_VERSION", "1.1"),
        ];
        let settings = with("", &environment, &[]).expect("settings");
        assert_eq!(settings.limits.body_bytes, 1024);
        assert_eq!(settings.api.error_status, api::ErrorStatus::Ok);
        assert_eq!(settings.trusted_proxies, ["10.0.0.0/8", "192.0.2.1"]);
        assert_eq!(settings.presence_window_ms(), 6 * 3_600_000);
        assert!((settings.app_version - 1.1).abs() < 1e-9);
    }

    #[test]
    fn regions_are_tables_in_a_file_and_one_list_in_the_environment() {
        let file = "[[regions]]\nhost = 'hz.example.com'\nnetworks = ['60.191.0.0/16', '::1']\n\
                    [[regions]]\nhost = 'sh.example.com'\nxmpp = '192.0.2.7'\n\
                    networks = ['10.0.0.0/8']";
        let list = "[{host=\"hz.example.com\", networks=[\"60.191.0.0/16\", \"::1\"]}, \
                    {host=\"sh.example.com\", xmpp=\"192.0.2.7\", networks=[\"10.0.0.0/8\"]}]";
        let in_file = with(file, &[], &[]).expect("settings");
        let listed = with("", &[("REGIONS", list)], &[]).expect("settings");
        assert_eq!(in_file.regions, listed.regions);
        assert_eq!(in_file.regions[0].networks, ["60.191.0.0/16", "::1"]);
        assert_eq!(in_file.regions[1].xmpp.as_deref(), Some("192.0.2.7"));
        // And what is printed can be read again.
        let printed = in_file.to_toml().expect("TOML");
        let again = with(&printed, &[], &[]).expect("settings");
        assert_eq!(again.regions, in_file.regions);
        let odd = "[[regions]]\nhost = 'a'\nnetworks = ['::1']\ncolour = 'hush'";
        refused(
            with(odd, &[], &[]),
            &["regions", "networks", "settings.toml"],
        );
        refused(with("regions = 'hush'", &[], &[]), &["regions"]);
        refused(
            with("", &[("REGIONS", "[{hush")], &[]),
            &["LIANLIAN_REGIONS"],
        );
    }

    #[test]
    fn a_token_that_looks_like_a_number_stays_as_it_was_typed() {
        for token in ["0123", "1e5", "true", "[x]", "\"q\""] {
            let settings = with("", &[("ADMIN_TOKEN", token)], &[]).expect("settings");
            assert_eq!(settings.admin_token.expect("a token").get(), token);
        }
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        let settings = with("", &[("ADMIN_TOKEN", ""), ("SECRET", "")], &[]).expect("settings");
        assert!(settings.admin_token.is_none() && settings.secret.is_none());
    }

    #[test]
    fn an_unknown_key_is_refused_and_located() {
        refused(
            with("htp_addr = 'hush'", &[], &[]),
            &["htp_addr", "settings.toml"],
        );
        refused(
            with("[limits]\nbody = 1", &[], &[]),
            &["limits.body", "settings.toml"],
        );
        refused(
            with("", &[], &[("htp_addr", "hush")]),
            &["htp_addr", "command line"],
        );
    }

    #[test]
    fn a_variable_that_names_no_setting_is_passed_over() {
        let of_others = [("LIMITS__BODY", "1"), ("XMPP_ADDR", "127.0.0.1:5222")];
        let settings = with("", &of_others, &[]).expect("settings");
        assert_eq!(
            settings.limits.body_bytes,
            Settings::default().limits.body_bytes
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_without_being_shown() {
        refused(
            with("[limits]\nbody_bytes = 'hush'", &[], &[]),
            &["limits.body_bytes", "must be"],
        );
        refused(
            with("", &[("LIMITS__BODY_BYTES", "hush")], &[]),
            &["LIANLIAN_LIMITS__BODY_BYTES"],
        );
        refused(with("admin_token = ['hush']", &[], &[]), &["admin_token"]);
        refused(
            with("[api]\nerror_status = 'hush'", &[], &[]),
            &["api.error_status", "http, ok"],
        );
        refused(
            with(
                "limits = 'hush'",
                &[("LIMITS__BODY_BYTES", "1")],
                &[("limits", "hush")],
            ),
            &["limits"],
        );
    }

    #[test]
    fn a_broken_file_is_located_but_not_quoted() {
        refused(
            with("log = 'info'\nadmin_token = 'hush", &[], &[]),
            &["settings.toml, line 2"],
        );
    }

    #[test]
    fn a_named_file_must_be_there() {
        let missing = load(Some(Path::new("/nowhere/lianlian.toml")), [], &[]);
        refused(missing, &["/nowhere/lianlian.toml"]);
    }
}
