//! In words.

use crate::ui::time::{Day, LocalTime};

/// When somebody was last seen: `last seen today at 14:05`, `last seen Monday at 09:30`, `last seen 12 March`.
pub(crate) fn words(at: LocalTime, today: Day) -> String {
    let (day, clock) = (at.day.label(today), at.clock());
    match today.0 - at.day.0 {
        ..=1 => format!("last seen {} at {clock}", day.to_lowercase()),
        2..=6 => format!("last seen {day} at {clock}"),
        _ => format!("last seen {day}"),
    }
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
            ("2026-01-31T14:05:30.000Z", "last seen today at 14:05"),
            ("2026-01-30T23:59:00.000Z", "last seen yesterday at 23:59"),
            ("2026-01-27T09:30:00.000Z", "last seen Tuesday at 09:30"),
            ("2026-01-02T09:30:00.000Z", "last seen 2 January"),
        ] {
            assert_eq!(words(moment(at), today), said);
        }
    }
}
