//! Why the brokers do not create a topic, for an operator: all that they say is a code.

use super::settings::{Settings, UNCLEAN_ELECTIONS};
use crate::kafka::{client::Admin, limits};
use rdkafka::{error::RDKafkaErrorCode, metadata::Metadata};

/// The settings without the one that policies forbid most, if they have it. Brokers have it so by default.
pub(super) fn without_unclean_elections(settings: &Settings) -> Option<Settings> {
    let left: Settings = settings.iter().filter(|(key, _)| *key != UNCLEAN_ELECTIONS).cloned().collect();
    (left.len() < settings.len()).then_some(left)
}

/// The names of all topics; none where the brokers do not tell.
pub(super) fn names(admin: &Admin) -> Vec<String> {
    let metadata = admin.inner().fetch_metadata(None, limits::REQUEST_TIMEOUT);
    metadata.iter().flat_map(Metadata::topics).map(|topic| topic.name().to_owned()).collect()
}

/// What to do about a code. `names` are those of all topics, which are asked for only where they matter.
pub(super) fn why<'a>(
    names: impl FnOnce() -> &'a [String],
    topic: &str,
    settings: &Settings,
    code: RDKafkaErrorCode,
) -> String {
    let advice = match code {
        RDKafkaErrorCode::InvalidTopic => {
            colliding(topic, names().iter().map(String::as_str)).map_or_else(String::new, |other| {
                format!(
                    "; it collides with the topic {other}, since brokers take `.` and `_` for the same: remove that topic, \
                     or choose another prefix"
                )
            })
        }
        RDKafkaErrorCode::PolicyViolation | RDKafkaErrorCode::InvalidConfig => {
            let asked: Vec<_> = settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!(
                "; it was to have {}, and the brokers' log says what of that they refuse",
                asked.join(", ")
            )
        }
        _ => String::new(),
    };
    format!("cannot create the topic {topic}: {code}{advice}")
}

/// A topic whose name the brokers take for the same.
fn colliding<'a>(topic: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let as_metrics = |name: &str| name.replace('.', "_");
    let wanted = as_metrics(topic);
    let mut others = names.filter(|name| *name != topic);
    others.find(|name| as_metrics(name) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_collides_is_found_and_others_are_not() {
        let names = ["kafkatalk.users", "kafkatalk_sessions", "kafkatalk_users", "kafkatalk-users"];
        assert_eq!(colliding("kafkatalk.users", names.into_iter()), Some("kafkatalk_users"));
        assert_eq!(colliding("kafkatalk.feed", names.into_iter()), None);
        assert_eq!(colliding("a.b_c", ["a_b.c"].into_iter()), Some("a_b.c"));
    }

    #[test]
    fn only_what_brokers_have_by_default_is_left_out() {
        let settings: Settings =
            vec![("cleanup.policy", "compact".into()), (UNCLEAN_ELECTIONS, "false".into())];
        assert_eq!(without_unclean_elections(&settings), Some(vec![("cleanup.policy", "compact".into())]));
        assert_eq!(without_unclean_elections(&vec![("cleanup.policy", "compact".into())]), None);
    }
}
