//! The ways in which a call can be written: its parameters good, one of them bad, missing, twice,
//! or of another shape, in every encoding that it takes.

use super::kinds::Kind;
use super::routes::{Place, Route};
use super::world::World;
use crate::harness::{Call, Form, JPEG, PNG, Phone, encoded, multipart, picture};
use serde_json::{Map, Value, json};

impl Route {
    /// The call with all parameters good.
    pub(super) fn good(&self, world: &World) -> Call {
        self.authorized(world, self.unauthorized_good(world))
    }

    /// The same by nobody.
    pub(super) fn unauthorized_good(&self, world: &World) -> Call {
        let call = Call::new(self.method.as_str(), self.target(world, None));
        let fields = self.fields(world);
        let pairs: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        if self.takes_file {
            self.form(&pairs).to(&self.path)
        } else if self.has_body() {
            call.form(&pairs)
        } else {
            call.query(&pairs)
        }
    }

    /// As the one who may do it.
    pub(super) fn authorized(&self, world: &World, call: Call) -> Call {
        if self.is_admin() {
            call.admin()
        } else {
            Phone::signed(&world.ana, call)
        }
    }

    /// A form with these texts and a good file.
    fn form(&self, pairs: &[(&str, &str)]) -> Form {
        self.files().fold(texts(pairs), |form, name| {
            form.file(name, JPEG, &good_file())
        })
    }

    /// The names of the files that come with the call.
    fn files(&self) -> impl Iterator<Item = &str> {
        let files = self.parameters.iter().filter(|it| it.place == Place::File);
        files.map(|file| file.name.as_str())
    }

    /// The call with its file missing, twice there, or none that anybody could take.
    pub(super) fn with_bad_files(&self, world: &World, name: &str) -> Vec<Call> {
        let fields = self.fields(world);
        let pairs: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let none = || texts(&pairs);
        let file = |kind, bytes: &[u8]| none().file(name, kind, bytes);
        let good = good_file();
        let forms = [
            none(),
            none().text(name, "a text"),
            none().file("another", JPEG, &good),
            file(JPEG, &good).file(name, JPEG, &good),
            file(JPEG, &good).text(name, "a text"),
            file(JPEG, b""),
            file(PNG, b"a text"),
            file("text/plain", &good),
            file(PNG, &picture::png_of_size(30_000, 30_000)),
        ];
        let calls = forms.into_iter().map(|form| form.to(&self.path));
        calls.map(|call| self.authorized(world, call)).collect()
    }

    /// The parameters that do not stand in the path and are no files, all good.
    fn fields(&self, world: &World) -> Vec<(&str, String)> {
        self.parameters
            .iter()
            .filter(|parameter| !matches!(parameter.place, Place::Path | Place::File))
            .map(|parameter| {
                let good = Kind::of(self, &parameter.name).good(world);
                (parameter.name.as_str(), good)
            })
            .collect()
    }

    /// The path, with `bad` in the place of one of its parameters.
    pub(super) fn target(&self, world: &World, bad: Option<(&str, &str)>) -> String {
        let mut target = self.path.clone();
        for parameter in self
            .parameters
            .iter()
            .filter(|parameter| parameter.place == Place::Path)
        {
            let value = match bad {
                Some((name, value)) if name == parameter.name => value.to_owned(),
                _ => Kind::of(self, &parameter.name).good(world),
            };
            target = target.replace(&format!("{{{}}}", parameter.name), &escaped(&value));
        }
        target
    }

    /// In every encoding that the call takes, with these parameters.
    fn in_every_way(&self, world: &World, fields: &[(&str, String)]) -> Vec<Call> {
        let call = || Call::new(self.method.as_str(), self.target(world, None));
        let pairs: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let mut calls = Vec::new();
        if self.takes_file {
            calls.push(self.form(&pairs).to(&self.path));
            calls.push(self.form(&[]).to(&self.path).query(&pairs));
        } else {
            calls.push(call().query(&pairs));
        }
        if self.has_body() && !self.takes_file {
            let (kind, body) = multipart(&pairs);
            let object: Map<String, Value> = pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), json!(v)))
                .collect();
            let bodies = [
                call().form(&pairs),
                call().body(&kind, body),
                call().json(&Value::Object(object)),
            ];
            calls.extend(bodies);
        }
        calls
            .into_iter()
            .map(|call| self.authorized(world, call))
            .collect()
    }

    /// In every encoding, with one parameter that has this value.
    pub(super) fn with(&self, world: &World, name: &str, value: &str) -> Vec<Call> {
        if self
            .parameters
            .iter()
            .any(|it| it.name == name && it.place == Place::Path)
        {
            let fields = self.fields(world);
            let pairs: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
            let call = Call::new(
                self.method.as_str(),
                self.target(world, Some((name, value))),
            );
            let call = if self.has_body() {
                call.form(&pairs)
            } else {
                call
            };
            return vec![self.authorized(world, call)];
        }
        let mut fields = self.fields(world);
        for field in fields.iter_mut().filter(|field| field.0 == name) {
            field.1 = value.to_owned();
        }
        self.in_every_way(world, &fields)
    }

    /// In every encoding, without one parameter.
    pub(super) fn without(&self, world: &World, name: &str) -> Vec<Call> {
        let fields: Vec<_> = self
            .fields(world)
            .into_iter()
            .filter(|it| it.0 != name)
            .collect();
        let mut calls = self.in_every_way(world, &fields);
        if self.has_body() && !self.takes_file {
            // In JSON, null is missing.
            let mut object: Map<String, Value> = fields
                .iter()
                .map(|(k, v)| ((*k).to_owned(), json!(v)))
                .collect();
            object.insert(name.to_owned(), Value::Null);
            let call = Call::new(self.method.as_str(), self.target(world, None));
            calls.push(self.authorized(world, call.json(&Value::Object(object))));
        }
        calls
    }

    /// In every encoding that can, with one parameter given twice.
    pub(super) fn twice(&self, world: &World, name: &str) -> Vec<Call> {
        let mut fields = self.fields(world);
        let again = fields
            .iter()
            .find(|field| field.0 == name)
            .expect("a parameter")
            .clone();
        fields.push(again.clone());
        // An object of JSON cannot hold a name twice once it is read; the rest can.
        let mut calls = self.in_every_way(world, &fields);
        calls.truncate(3);
        if self.has_body() {
            let mut call = self.good(world);
            call = call.query(&[(again.0, again.1.as_str())]);
            calls.push(call);
        }
        calls
    }

    /// With bytes that are no text, percent-encoded.
    pub(super) fn with_raw(&self, world: &World, name: &str, values: &[&str]) -> Vec<Call> {
        let fields: Vec<_> = self
            .fields(world)
            .into_iter()
            .filter(|it| it.0 != name)
            .collect();
        let pairs: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let calls = values.iter().flat_map(|value| {
            let target = format!("{}?{name}={value}", self.target(world, None));
            if self.takes_file {
                return [Some(self.form(&pairs).to(&target)), None]
                    .into_iter()
                    .flatten();
            }
            let query = Call::new(self.method.as_str(), target).query(&pairs);
            let form = self.has_body().then(|| {
                let body = format!("{}&{name}={value}", encoded(&pairs));
                let call = Call::new(self.method.as_str(), self.target(world, None));
                call.body("application/x-www-form-urlencoded", body)
            });
            [Some(query), form].into_iter().flatten()
        });
        calls.map(|call| self.authorized(world, call)).collect()
    }

    /// With bytes that are no text in a segment of the path, percent-encoded.
    pub(super) fn with_raw_segment(&self, world: &World, name: &str, values: &[&str]) -> Vec<Call> {
        let good = self.good(world);
        let target = self.target(world, Some((name, "raw-bytes")));
        let calls = values.iter().map(|value| {
            let mut call = good.clone();
            call.target = target.replace("raw-bytes", value);
            call
        });
        calls.collect()
    }

    /// In JSON, with an array and an object in the place of a plain value.
    pub(super) fn with_structures(&self, world: &World, name: &str, kind: Kind) -> Vec<Call> {
        if !self.has_body() || self.takes_file {
            return Vec::new();
        }
        let fields = self.fields(world);
        let good = fields
            .iter()
            .find(|field| field.0 == name)
            .expect("a parameter")
            .1
            .clone();
        let mut values = vec![json!([good]), json!({}), json!({"value": good})];
        if kind != Kind::Points {
            values.push(json!([]));
        }
        if !kind.is_text() {
            values.extend([json!(true), json!(false), json!(1e300)]);
        }
        let calls = values.into_iter().map(|value| {
            let mut object: Map<String, Value> = fields
                .iter()
                .map(|(k, v)| ((*k).to_owned(), json!(v)))
                .collect();
            object.insert(name.to_owned(), value);
            let call = Call::new(self.method.as_str(), self.target(world, None));
            self.authorized(world, call.json(&Value::Object(object)))
        });
        calls.collect()
    }
}

/// A form with these texts.
fn texts(pairs: &[(&str, &str)]) -> Form {
    pairs
        .iter()
        .fold(Form::new(), |form, (name, value)| form.text(name, value))
}

fn good_file() -> Vec<u8> {
    picture::jpeg(9, 9)
}

/// A segment of a path.
fn escaped(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}
