//! The calls and their parameters, as `/openapi.json` tells them.

use serde_json::Value;

/// A method of a path.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) path: String,
    /// In capitals.
    pub(super) method: String,
    pub(super) parameters: Vec<Parameter>,
    /// Nothing but `multipart/form-data` will do.
    pub(super) takes_file: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) required: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
    Body,
    /// In the body too, as a file.
    File,
}

/// All calls of the document.
pub(super) fn routes(document: &Value) -> Vec<Route> {
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let mut parameters: Vec<Parameter> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .map(parameter)
                .collect();
            parameters.extend(body(document, operation));
            routes.push(Route {
                takes_file: parameters.iter().any(|it| it.place == Place::File),
                path: path.clone(),
                method: method.to_uppercase(),
                parameters,
            });
        }
    }
    routes
}

fn parameter(told: &Value) -> Parameter {
    Parameter {
        name: told["name"].as_str().expect("a name").to_owned(),
        place: if told["in"] == "path" {
            Place::Path
        } else {
            Place::Query
        },
        required: told["required"] == true,
    }
}

/// The fields of a body, whatever its type is.
fn body(document: &Value, operation: &Value) -> Vec<Parameter> {
    let content = operation["requestBody"]["content"].as_object();
    let Some(content) = content.and_then(|content| content.values().next()) else {
        return Vec::new();
    };
    let name = content["schema"]["$ref"].as_str().expect("a named schema");
    let name = name
        .strip_prefix("#/components/schemas/")
        .expect("a schema of ours");
    let schema = &document["components"]["schemas"][name];
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let fields = schema["properties"].as_object().expect("properties");
    fields
        .keys()
        .map(|field| Parameter {
            name: field.clone(),
            place: if schema["properties"][field]["format"] == "binary" {
                Place::File
            } else {
                Place::Body
            },
            required: required.iter().any(|name| name == field),
        })
        .collect()
}

impl Route {
    pub(super) fn has_body(&self) -> bool {
        self.parameters
            .iter()
            .any(|parameter| matches!(parameter.place, Place::Body | Place::File))
    }

    pub(super) fn is_admin(&self) -> bool {
        self.path.starts_with("/admin/")
    }

    /// Contract §0: login is required by 9 to 22, 25 to 27, 29, 30 and 31.3.
    pub(super) fn needs_login(&self) -> bool {
        [
            "/user_info/",
            "/checkins",
            "/follows",
            "/blacklists",
            "/user_logos",
            "/photos",
            "/photo2s",
            "/coupons/use",
        ]
        .iter()
        .any(|beginning| self.path.starts_with(beginning))
    }

    /// Without Weibo the call cannot go well.
    pub(super) fn asks_weibo(&self) -> bool {
        self.path.starts_with("/oauth2/sina") || self.path == "/oauth2/share"
    }

    /// The good call changes something each time.
    pub(super) fn records(&self) -> bool {
        matches!(
            self.path.as_str(),
            "/init/init" | "/oauth2/login" | "/oauth2/logout"
        )
    }
}
