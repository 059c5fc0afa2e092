//! How moments are worded. Plain arithmetic, so that the words do not change when the browser draws the page.

use kafkatalk_protocol::Timestamp;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// Days back that are called by the name of the weekday.
const WEEKDAY_DAYS: i64 = 6;

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Where the reader's clock stands against UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// The same number of minutes east at all times: what the server knows.
    Fixed {
        /// Minutes east of UTC.
        offset_minutes: i32,
    },
    /// As the browser says, which knows about summer time.
    Browser {
        /// Minutes east now and half a year ago: by these a device that has moved to another zone is noticed.
        minutes: [i32; 2],
    },
}

impl Default for Zone {
    fn default() -> Self {
        Self::Fixed { offset_minutes: 0 }
    }
}

impl Zone {
    fn offset_minutes_at(self, moment: Timestamp) -> i32 {
        match self {
            Self::Fixed { offset_minutes } => offset_minutes,
            Self::Browser { .. } => browser_offset_minutes(moment),
        }
    }

    /// The browser's zone at a moment.
    pub fn of_browser(now: Timestamp) -> Self {
        const HALF_A_YEAR_MS: i64 = 182 * DAY_MS;
        let earlier = Timestamp::from_millis(now.as_millis() - HALF_A_YEAR_MS);
        Self::Browser { minutes: [now, earlier].map(browser_offset_minutes) }
    }

    /// Breaks a moment down as a clock and a calendar here show it.
    pub fn at(self, moment: Timestamp) -> LocalTime {
        let millis = moment.as_millis() + i64::from(self.offset_minutes_at(moment)) * MINUTE_MS;
        LocalTime { day: Day(millis.div_euclid(DAY_MS)), millis_of_day: millis.rem_euclid(DAY_MS) }
    }
}

/// Minutes east of UTC at that moment, by the browser's clock.
#[cfg(feature = "hydrate")]
pub fn browser_offset_minutes(moment: Timestamp) -> i32 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds up to the year 9999 are exact in a double")]
    let date = js_sys::Date::new(&js_sys::wasm_bindgen::JsValue::from_f64(moment.as_millis() as f64));
    #[expect(clippy::cast_possible_truncation, reason = "an offset is at most a day in minutes")]
    let west = date.get_timezone_offset() as i32;
    -west
}

/// Minutes east of UTC; there is no browser here.
#[cfg(not(feature = "hydrate"))]
pub fn browser_offset_minutes(_moment: Timestamp) -> i32 {
    0
}

/// A day of the calendar, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

/// A moment on a clock and a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// The calendar day.
    pub day: Day,
    millis_of_day: i64,
}

impl Day {
    /// Year, month (1 to 12) and day of the month, after Howard Hinnant's `civil_from_days`.
    pub fn civil(self) -> (i64, usize, i64) {
        let shifted = self.0 + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year, usize::try_from(month).unwrap_or(1), day)
    }

    fn weekday(self) -> &'static str {
        // Day 0 was a Thursday.
        WEEKDAYS[usize::try_from((self.0 + 3).rem_euclid(7)).unwrap_or(0)]
    }

    fn month(self) -> &'static str {
        MONTHS[self.civil().1 - 1]
    }

    /// The heading over a day's messages: `Today`, `Yesterday`, `Monday`, `12 March`, `12 March 2025`.
    pub fn label(self, today: Self) -> String {
        let (year, _, day) = self.civil();
        match today.0 - self.0 {
            0 => "Today".into(),
            1 => "Yesterday".into(),
            2..=WEEKDAY_DAYS => self.weekday().into(),
            _ if year == today.civil().0 => format!("{day} {}", self.month()),
            _ => format!("{day} {} {year}", self.month()),
        }
    }

    /// For programs: `2026-01-31`.
    pub fn iso(self) -> String {
        let (year, month, day) = self.civil();
        format!("{year:04}-{month:02}-{day:02}")
    }
}

impl LocalTime {
    /// `14:02`.
    pub fn clock(self) -> String {
        let minutes = self.millis_of_day / MINUTE_MS;
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }

    /// In a list, short: `14:02` today, `Yesterday`, `Mon`, `12 Mar`, `12 Mar 2025`.
    pub fn short(self, today: Day) -> String {
        let (year, _, day) = self.day.civil();
        let month = &self.day.month()[..3];
        match today.0 - self.day.0 {
            0 => self.clock(),
            1 => "Yesterday".into(),
            2..=WEEKDAY_DAYS => self.day.weekday()[..3].into(),
            _ if year == today.civil().0 => format!("{day} {month}"),
            _ => format!("{day} {month} {year}"),
        }
    }

    /// In full: `Tuesday 3 March 2026, 14:02:11`.
    pub fn full(self) -> String {
        let (year, _, day) = self.day.civil();
        let seconds = self.millis_of_day / 1_000 % 60;
        format!("{} {day} {} {year}, {}:{seconds:02}", self.day.weekday(), self.day.month(), self.clock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UTC: Zone = Zone::Fixed { offset_minutes: 0 };

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_called_by_what_is_shortest_and_clear() {
        let today = UTC.at(moment("2026-01-31T09:15:00.000Z")).day;
        for (when, label) in [
            ("2026-01-31T23:59:59.999Z", "Today"),
            ("2026-01-30T00:00:00.000Z", "Yesterday"),
            ("2026-01-29T12:00:00.000Z", "Thursday"),
            ("2026-01-25T12:00:00.000Z", "Sunday"),
            ("2026-01-24T12:00:00.000Z", "24 January"),
            ("2025-12-31T12:00:00.000Z", "31 December 2025"),
            ("2026-02-01T12:00:00.000Z", "1 February"),
        ] {
            assert_eq!(UTC.at(moment(when)).day.label(today), label, "{when}");
        }
    }

    #[test]
    fn a_list_words_times_short() {
        let today = UTC.at(moment("2026-01-31T09:15:00.000Z")).day;
        for (when, label) in [
            ("2026-01-31T09:05:00.000Z", "09:05"),
            ("2026-01-30T23:00:00.000Z", "Yesterday"),
            ("2026-01-27T12:00:00.000Z", "Tue"),
            ("2026-01-02T12:00:00.000Z", "2 Jan"),
            ("2024-02-29T12:00:00.000Z", "29 Feb 2024"),
        ] {
            assert_eq!(UTC.at(moment(when)).short(today), label, "{when}");
        }
    }

    #[test]
    fn the_full_time_has_everything() {
        assert_eq!(UTC.at(moment("2026-03-03T14:02:11.500Z")).full(), "Tuesday 3 March 2026, 14:02:11");
    }

    #[test]
    fn a_zone_moves_midnight() {
        let late = moment("2026-01-31T23:30:00.000Z");
        let east = Zone::Fixed { offset_minutes: 60 }.at(late);
        assert_eq!((east.clock().as_str(), east.day.iso().as_str()), ("00:30", "2026-02-01"));
        let west = Zone::Fixed { offset_minutes: -330 }.at(late);
        assert_eq!((west.clock().as_str(), west.day.iso().as_str()), ("18:00", "2026-01-31"));
    }

    proptest! {
        #[test]
        fn the_calendar_agrees_with_rfc_3339(millis in 0..=253_402_300_799_999_i64) {
            let moment = Timestamp::from_millis(millis);
            let local = UTC.at(moment);
            let written = format!("{}T{}", local.day.iso(), local.clock());
            prop_assert!(moment.to_string().starts_with(&written), "{} {}", moment, written);
        }
    }
}
