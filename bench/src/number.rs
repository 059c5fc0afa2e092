//! Conversions for values that people read, where the last bits do not matter.

use std::time::Duration;

/// A count as a float. Exact below 2^53, which nothing counted here reaches.
#[expect(clippy::cast_precision_loss, reason = "counts here stay far below 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// A length as a count.
pub(crate) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Nanoseconds of a duration; 584 years are enough.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A number with as many digits as tell something: `0.142`, `1.42`, `14.2`, `142`, `1,420`.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1_000.0 => grouped(&format!("{value:.0}")),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 || v == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A count with a comma between thousands.
pub(crate) fn thousands(count: u64) -> String {
    grouped(&count.to_string())
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut text = String::from(sign);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_keeps_about_three_digits() {
        let values = [0.0421, 0.142, 1.423, 14.23, 142.3, 1_423.4, 1_234_567.0].map(short);
        assert_eq!(values, ["0.042", "0.142", "1.42", "14.2", "142", "1,423", "1,234,567"]);
    }
}
