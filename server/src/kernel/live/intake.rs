//! What a client may say on its socket.

use kafkatalk_protocol::{
    ClientFrame, CloseCode, ErrorCode, MessageId, ServerFrame, limits::FRAME_BYTES_MAX,
};
use serde::Deserialize;

/// A frame that was not what it should be.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// So wrong that the socket closes.
    Close(CloseCode),
    /// Told to the client; the socket stays open.
    Tell(Box<ServerFrame>),
}

/// Parses a text frame.
pub fn parse(text: &str) -> Result<ClientFrame, Refused> {
    if text.len() > FRAME_BYTES_MAX {
        return Err(Refused::Close(CloseCode::TooLarge));
    }
    ClientFrame::from_json(text).map_err(|error| explain(text, &error))
}

/// What of a frame can be told even when the whole is wrong.
#[derive(Deserialize)]
struct Outline {
    r#type: String,
    #[serde(default)]
    id: serde_json::Value,
    #[serde(default)]
    body: serde_json::Value,
}

/// Only for frames that did not parse: finds out how much of them made sense.
fn explain(text: &str, error: &serde_json::Error) -> Refused {
    let Ok(outline) = serde_json::from_str::<Outline>(text) else {
        return Refused::Close(CloseCode::Malformed);
    };
    let id = outline.id.as_str().and_then(|id| id.parse::<MessageId>().ok());
    let detail = match (outline.r#type.as_str(), outline.body.as_str()) {
        ("send" | "edit", Some(body)) => match body.parse::<kafkatalk_protocol::Body>() {
            Err(reason) => reason.to_string(),
            Ok(_) => format!("This {} frame is not complete: {error}.", outline.r#type),
        },
        (known, _) if ClientFrame::TAGS.contains(&known) => {
            format!("This {known} frame is not as the protocol has it: {error}.")
        }
        (unknown, _) => format!("This server does not know frames of type {unknown:?}."),
    };
    Refused::Tell(Box::new(ServerFrame::Error { code: ErrorCode::InvalidInput, detail, id }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_list_is_no_frame() {
        assert_eq!(told(&json!(["ping"])), (ErrorCode::InvalidInput, None));
    }

    fn told(frame: &serde_json::Value) -> (ErrorCode, Option<MessageId>) {
        match parse(&frame.to_string()) {
            Err(Refused::Tell(frame)) => match *frame {
                ServerFrame::Error { code, id, .. } => (code, id),
                other => panic!("expected an error frame, got {other:?}"),
            },
            other => panic!("expected a frame, got {other:?}"),
        }
    }

    #[test]
    fn what_is_no_json_object_with_a_type_closes_the_socket() {
        for text in ["", "hello", "[]", "{}", r#"{"type":7}"#, "\u{0}"] {
            assert_eq!(parse(text), Err(Refused::Close(CloseCode::Malformed)), "{text:?}");
        }
    }

    #[test]
    fn a_frame_that_is_too_large_closes_the_socket() {
        let text = json!({"type": "send", "body": "a".repeat(FRAME_BYTES_MAX)}).to_string();
        assert_eq!(parse(&text), Err(Refused::Close(CloseCode::TooLarge)));
    }

    #[test]
    fn a_bad_body_is_told_with_the_id_of_its_message() {
        let id = MessageId(uuid::Uuid::from_u128(7));
        let frame = |body: &str| json!({"type": "send", "conversation": id, "id": id, "body": body});
        assert_eq!(told(&frame("  ")), (ErrorCode::InvalidInput, Some(id)));
        assert_eq!(told(&frame(&"a".repeat(8_001))), (ErrorCode::InvalidInput, Some(id)));
    }

    #[test]
    fn a_frame_of_a_newer_client_is_told_and_the_socket_stays() {
        assert_eq!(told(&json!({"type": "sing"})), (ErrorCode::InvalidInput, None));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}") {
            let _ = parse(&text);
        }
    }
}
