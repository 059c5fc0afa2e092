//! What nodes tell each other.

use kafkatalk_protocol::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// People that one note names, so that it fits into a signal.
const PEOPLE_MAX: usize = 12;

/// The payload of a `presence` signal. A note that names nobody says that its node is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// Which run of which node.
    pub(super) node: Uuid,
    /// Who has a socket there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) on: Vec<UserId>,
    /// Who has none there any more, and when they last had one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) off: Vec<(UserId, Timestamp)>,
    /// The node stops.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) leaves: bool,
}

/// As few notes as it takes.
pub(super) fn notes(node: Uuid, on: &[UserId], off: &[(UserId, Timestamp)]) -> Vec<Note> {
    let bare = || Note { node, ..Note::default() };
    let on = on.chunks(PEOPLE_MAX).map(|on| Note { on: on.into(), ..bare() });
    let off = off.chunks(PEOPLE_MAX).map(|off| Note { off: off.into(), ..bare() });
    on.chain(off).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkatalk_log::limits::SIGNAL_BYTES_MAX;

    #[test]
    fn every_note_fits_into_a_signal_and_is_read_as_it_was_written() {
        let user = |number| UserId(Uuid::from_u128(u128::MAX - number));
        let at = Timestamp::from_millis(253_402_300_799_999);
        let (on, off): (Vec<_>, Vec<_>) = (0..30).map(|number| (user(number), (user(number), at))).unzip();
        let notes = notes(Uuid::max(), &on, &off);
        for note in &notes {
            let json = serde_json::to_string(note).unwrap();
            assert!(json.len() + "presence".len() <= SIGNAL_BYTES_MAX, "{} bytes", json.len());
            assert_eq!(serde_json::from_str::<Note>(&json).unwrap(), *note);
        }
        assert_eq!(notes.iter().flat_map(|note| note.on.clone()).collect::<Vec<_>>(), on);
        assert_eq!(notes.iter().flat_map(|note| note.off.clone()).collect::<Vec<_>>(), off);
    }
}
