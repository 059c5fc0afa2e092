//! Which required field an input lacks, by the description of the input: parsers tell it in words alone.

use axum::{extract::Query, http::Uri};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{RefOr, Required, schema::Schema},
};

/// The first required field that a JSON object has not.
pub(super) fn of_body<T: ToSchema>(body: &[u8]) -> Option<String> {
    let given: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
    let RefOr::T(Schema::Object(object)) = T::schema() else { return None };
    object.required.into_iter().find(|field| !given.contains_key(field))
}

/// The first required parameter that a query has not.
pub(super) fn of_query<T: IntoParams>(uri: &Uri) -> Option<String> {
    let Query(given) = Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    let mut required = T::into_params(|| None).into_iter().filter(|asked| asked.required == Required::True);
    required.find(|asked| given.iter().all(|(name, _)| *name != asked.name)).map(|asked| asked.name)
}
