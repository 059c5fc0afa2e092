//! The API's description, generated from the handlers: a route that is not described cannot be added here.

use super::state::State;
use crate::features;
use axum::Router;
use kafkatalk_protocol::problem::PROBLEM_JSON;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Ref,
        content::ContentBuilder,
        path::Operation,
        response::ResponseBuilder,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "KafkaTalk",
        description = "Private conversations on a log. Live delivery is on the WebSocket `GET /api/v1/ws`, \
                       subprotocol `kafkatalk.v1`; see the project's docs/protocol.md.",
        version = "1",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    security(("cookie" = []), ("bearer" = [])),
    modifiers(&Schemes),
)]
struct Document;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let cookie = ApiKey::Cookie(ApiKeyValue::new(kafkatalk_protocol::http::SESSION_COOKIE));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    }
}

/// The routes under `/api/v1`, and their description.
pub fn api() -> (Router<State>, utoipa::openapi::OpenApi) {
    let (routes, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .nest(kafkatalk_protocol::http::BASE, features::routes())
        .split_for_parts();
    for item in document.paths.paths.values_mut() {
        // Reading by cookie needs no origin.
        for operation in
            [&mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
        {
            describe(operation, "403", "`forbidden`: by the cookie, from another origin");
        }
        let all = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for operation in all.into_iter().flatten() {
            if operation.request_body.is_some() {
                describe(operation, "400", "`malformed_json`: the body is not the expected JSON");
                describe(operation, "413", "`too_large`");
            }
            describe(operation, "429", "`rate_limited`");
            describe(operation, "500", "`internal`");
            describe(operation, "503", "`log_unavailable`: try again");
        }
    }
    (routes, document)
}

/// Adds an answer that any operation of its kind may give, unless it has its own words for it.
fn describe(operation: &mut Operation, status: &str, words: &str) {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let answer = ResponseBuilder::new().description(words).content(PROBLEM_JSON, problem).build();
    operation.responses.responses.entry(status.into()).or_insert_with(|| answer.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkatalk_protocol::limits::{
        BODY_CHARS_MAX, PAGE_MAX, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, SEARCH_CHARS_MAX,
        USERNAME_CHARS_MAX, USERNAME_CHARS_MIN,
    };
    use serde_json::{Value, json};

    fn description() -> Value {
        serde_json::to_value(api().1).unwrap()
    }

    fn operations(description: &Value) -> Vec<(String, &Value)> {
        let paths = description["paths"].as_object().unwrap();
        let of_path = |(path, item): (&String, &'_ Value)| {
            let item = item.as_object().unwrap().clone();
            item.keys().map(|method| format!("{method} {path}")).collect::<Vec<_>>()
        };
        let names: Vec<String> = paths.iter().flat_map(of_path).collect();
        let of_name = |name: String| {
            let (method, path) = name.split_once(' ').unwrap();
            let operation = &description["paths"][path][method];
            (name, operation)
        };
        names.into_iter().map(of_name).collect()
    }

    #[test]
    fn the_schemas_have_the_limits_of_what_people_type() {
        let description = description();
        let schemas = &description["components"]["schemas"];
        let password = &schemas["Credentials"]["properties"]["password"];
        let username = &schemas["Credentials"]["properties"]["username"];
        for (schema, min, max) in [
            (password, PASSWORD_CHARS_MIN, PASSWORD_CHARS_MAX),
            (username, USERNAME_CHARS_MIN, USERNAME_CHARS_MAX),
            (&schemas["Username"], USERNAME_CHARS_MIN, USERNAME_CHARS_MAX),
            (&schemas["Say"]["properties"]["body"], 1, BODY_CHARS_MAX),
            (&schemas["Edit"]["properties"]["body"], 1, BODY_CHARS_MAX),
        ] {
            assert_eq!((&schema["minLength"], &schema["maxLength"]), (&json!(min), &json!(max)), "{schema}");
        }
        for schema in [username, &schemas["Username"]] {
            assert_eq!(schema["pattern"], "^[A-Za-z0-9][A-Za-z0-9._-]*$");
        }
        for of in ["Open", "Add"] {
            let members = &schemas[of]["properties"]["members"];
            assert_eq!((&members["minItems"], &members["maxItems"]), (&json!(1), &json!(PAGE_MAX)), "{of}");
            assert_eq!(members["items"]["$ref"], "#/components/schemas/Username", "{of}");
        }
    }

    #[test]
    fn every_page_has_the_range_of_its_limit_and_the_search_the_length_of_its_words() {
        let description = description();
        let mut pages = 0;
        for (name, operation) in operations(&description) {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let schema = &parameter["schema"];
                match parameter["name"].as_str().unwrap() {
                    "limit" => {
                        pages += 1;
                        let range = (&schema["minimum"], &schema["maximum"]);
                        assert_eq!(range, (&json!(1), &json!(PAGE_MAX)), "{name}");
                    }
                    "q" => assert_eq!(
                        (&schema["minLength"], &schema["maxLength"]),
                        (&json!(1), &json!(SEARCH_CHARS_MAX))
                    ),
                    "after" => assert_eq!(schema["minimum"], -1),
                    _ => {}
                }
            }
        }
        assert_eq!(pages, 4);
    }

    #[test]
    fn every_operation_names_the_statuses_that_any_of_its_kind_may_have() {
        let description = description();
        for (name, operation) in operations(&description) {
            let mut expected = vec!["429", "500", "503"];
            if !operation["requestBody"].is_null() {
                expected.extend(["400", "413", "422"]);
            }
            if !name.starts_with("get") {
                expected.push("403");
            }
            if operation["security"].is_null() {
                expected.push("401");
            }
            for status in expected {
                let answer = &operation["responses"][status];
                let schema = &answer["content"][PROBLEM_JSON]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{name}: {status}");
            }
        }
    }
}
