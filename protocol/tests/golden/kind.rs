//! One kind of text, and the comparison of texts.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Something that is written as JSON.
pub(super) struct Kind {
    /// The name of its golden files, such as `server.ack`.
    pub(super) name: String,
    /// Samples as they are written now.
    pub(super) samples: Vec<Value>,
    /// Reads a text and writes it again.
    pub(super) again: fn(&Value) -> serde_json::Result<Value>,
}

impl Kind {
    /// Of these samples.
    pub(super) fn of<T: Serialize + DeserializeOwned>(name: impl Into<String>, samples: &[T]) -> Self {
        let samples = samples.iter().map(|sample| serde_json::to_value(sample).unwrap()).collect();
        Self { name: name.into(), samples, again: again::<T> }
    }
}

/// Through text, as it comes from the log or the network.
fn again<T: Serialize + DeserializeOwned>(text: &Value) -> serde_json::Result<Value> {
    serde_json::to_value(serde_json::from_str::<T>(&text.to_string())?)
}

/// The first part of `old` that is missing from `new` or differs there; fields may be added.
pub(super) fn lost(old: &Value, new: &Value) -> Option<String> {
    lost_at("", old, new)
}

fn lost_at(at: &str, old: &Value, new: &Value) -> Option<String> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => old.iter().find_map(|(name, old)| {
            let at = format!("{at}.{name}");
            match new.get(name) {
                Some(new) => lost_at(&at, old, new),
                None => Some(at),
            }
        }),
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            let mut pairs = old.iter().zip(new).enumerate();
            pairs.find_map(|(index, (old, new))| lost_at(&format!("{at}[{index}]"), old, new))
        }
        _ => (old != new).then(|| at.to_owned()),
    }
}

#[test]
fn a_field_that_is_missing_or_changed_is_found_and_one_that_is_added_is_not() {
    let old = serde_json::json!({"a": [{"b": 1}], "c": null});
    let found = |new| lost(&old, &new);
    assert_eq!(found(serde_json::json!({"a": [{"b": 1, "d": 2}], "c": null, "e": 3})), None);
    assert_eq!(found(serde_json::json!({"a": [{"b": 2}], "c": null})).unwrap(), ".a[0].b");
    assert_eq!(found(serde_json::json!({"a": [{"b": 1}]})).unwrap(), ".c");
    assert_eq!(found(serde_json::json!({"a": [], "c": null})).unwrap(), ".a");
}
