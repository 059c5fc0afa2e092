//! In words.

use crate::ui::clock::Clock;
use crate::ui::time::{Day, LocalTime};
use kafkatalk_protocol::presence::Presence;

/// How things stand with somebody, for a line below their name; none where nobody knows.
pub(crate) fn words(presence: Presence, clock: Clock) -> Option<String> {
    if presence.online {
        return Some("online".into());
    }
    presence.last_seen_at.map(|at| last_seen(clock.at(at), clock.today()))
}

/// `last seen today at 14:05`, `last seen Monday at 09:30`, `last seen 12 March`.
fn last_seen(at: LocalTime, today: Day) -> String {
    let day = match today.0 - at.day.0 {
        // Clocks differ: nobody was seen in the future.
        ..=0 => "today".into(),
        1 => "yesterday".into(),
        2..=6 => at.day.label(today),
        _ => return format!("last seen {}", at.day.label(today)),
    };
    format!("last seen {day} at {}", at.clock())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::time::Zone;

    #[test]
    fn the_longer_ago_somebody_was_seen_the_less_exactly_it_is_said() {
        let moment = |text: &str| Zone::default().at(text.parse().unwrap());
        let today = moment("2026-01-31T18:00:00.000Z").day;
        for (at, said) in [
            ("2026-02-01T00:01:00.000Z", "last seen today at 00:01"),
            ("2026-01-31T14:05:30.000Z", "last seen today at 14:05"),
            ("2026-01-30T23:59:00.000Z", "last seen yesterday at 23:59"),
            ("2026-01-27T09:30:00.000Z", "last seen Tuesday at 09:30"),
            ("2026-01-02T09:30:00.000Z", "last seen 2 January"),
        ] {
            assert_eq!(last_seen(moment(at), today), said);
        }
    }
}
