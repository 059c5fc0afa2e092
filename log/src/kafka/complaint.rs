//! Why librdkafka gets no connection to the brokers, in its own words: what it answers to a request is a code alone.

use super::{limits, locks::lock};
use rdkafka::{error::KafkaError, types::RDKafkaErrorCode};
use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

/// After these words follows how long it took, which is different each time.
const HOW_LONG: &str = " (after ";

/// What was last said, and when.
#[derive(Default)]
pub(super) struct Complaint(Mutex<Option<Said>>);

struct Said {
    at: Instant,
    code: RDKafkaErrorCode,
    reason: String,
}

impl Said {
    fn is_recent(&self, lasts: Duration) -> bool {
        self.at.elapsed() < lasts
    }
}

impl Complaint {
    pub(super) fn heard(&self, error: &KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code().filter(|code| is_of_a_connection(*code)) else { return };
        let mut said = lock(&self.0);
        // Of several brokers each says it of itself: the first will do, for a while. That a connection broke says less than
        // why there was none.
        let stands = |said: &Said| said.code == code || code == RDKafkaErrorCode::BrokerTransportFailure;
        if said.as_ref().is_none_or(|said| !stands(said) || !said.is_recent(limits::COMPLAINT_LASTS / 2)) {
            let reason = reason.split_once(HOW_LONG).map_or(reason, |(reason, _)| reason).to_owned();
            *said = Some(Said { at: Instant::now(), code, reason });
        }
    }

    /// There are connections: what was said before explains nothing any more.
    pub(super) fn clear(&self) {
        *lock(&self.0) = None;
    }

    /// What was said, unless that is long ago. To follow another reason.
    pub(super) fn recent(&self) -> Option<String> {
        let said = lock(&self.0);
        said.as_ref().filter(|said| said.is_recent(limits::COMPLAINT_LASTS)).map(|said| said.reason.clone())
    }
}

fn is_of_a_connection(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{Authentication, BrokerTransportFailure, Resolve, SSL, SaslAuthenticationFailed};
    matches!(code, SSL | Authentication | SaslAuthenticationFailed | Resolve | BrokerTransportFailure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: RDKafkaErrorCode, reason: &str, complaint: &Complaint) {
        complaint.heard(&KafkaError::Global(code), reason);
    }

    #[test]
    fn the_first_reason_of_a_kind_stands_without_how_long_it_took() {
        let complaint = Complaint::default();
        said(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down", &complaint);
        assert_eq!(complaint.recent(), None);
        said(RDKafkaErrorCode::Resolve, "a: no such host (after 3ms in state CONNECT)", &complaint);
        said(RDKafkaErrorCode::Resolve, "b: no such host (after 4ms in state CONNECT)", &complaint);
        assert_eq!(complaint.recent().as_deref(), Some("a: no such host"));
        said(RDKafkaErrorCode::SSL, "a: verify that ssl.ca.location is correct", &complaint);
        said(RDKafkaErrorCode::BrokerTransportFailure, "b: disconnected", &complaint);
        assert_eq!(complaint.recent().as_deref(), Some("a: verify that ssl.ca.location is correct"));
        complaint.clear();
        assert_eq!(complaint.recent(), None);
        said(RDKafkaErrorCode::BrokerTransportFailure, "b: disconnected", &complaint);
        assert_eq!(complaint.recent().as_deref(), Some("b: disconnected"));
    }
}
