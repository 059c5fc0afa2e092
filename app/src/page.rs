//! What the server gives a page before it is rendered, and the browser draws it from again.
//!
//! The server gathers a [`PageModel`] first and renders without waiting for anything; the page carries the model along,
//! so that the browser starts from the very same state. Afterwards the client's own state takes over.
//!
//! To render, the server provides three things by context: the [`PageModel`], the [`AssetPath`], and leptos' `Nonce`;
//! then it renders [`crate::shell()`]. Nothing else is read, the request's address included.

use crate::route::Route;
use kafkatalk_protocol::{Conversation, FieldError, Message, Offset, Timestamp, User};
use serde::{Deserialize, Serialize};

/// Everything that a page needs at first paint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageModel {
    /// Which page: the request's address, or [`Route::NotFound`].
    pub route: Route,
    /// Who is signed in.
    pub viewer: Option<User>,
    /// The newest conversations, latest activity first. Empty where nobody is signed in.
    pub conversations: Vec<Conversation>,
    /// Cursor of the following page of conversations.
    pub conversations_next: Option<String>,
    /// The conversation in the address, where there is one that the viewer may see.
    pub open: Option<OpenModel>,
    /// What came of a form that was posted. For the server alone.
    #[serde(skip)]
    pub form: Option<FormModel>,
    /// The server's clock at rendering, so that the times do not change their words when the browser draws the page.
    pub now: Timestamp,
    /// The viewer's offset from UTC in minutes east, as the browser last told in the cookie `kafkatalk_tz`.
    pub utc_offset_minutes: i32,
}

/// The open conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenModel {
    /// The conversation itself; it need not be among the newest.
    pub conversation: Conversation,
    /// Its newest messages, in offset order.
    pub messages: Vec<Message>,
    /// `before` of the page of history above, none where these begin at the beginning.
    pub earlier: Option<Offset>,
}

/// A form that was refused: shown again with what was typed (never the password) and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormModel {
    /// The username as typed.
    pub username: String,
    /// Under which field, what. A field `form` stands for the form as a whole.
    pub errors: Vec<FieldError>,
}

/// The path under which the built front end is served, without a slash at the end: `kafkatalk.js`, `kafkatalk_bg.wasm`
/// and `kafkatalk.css` lie there and never change, since the path names their content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetPath(pub String);

/// Id of the element that carries the model to the browser.
pub const MODEL_ELEMENT_ID: &str = "page-model";

/// Name of the cookie in which the browser tells its offset from UTC, in minutes east.
pub const UTC_OFFSET_COOKIE: &str = "kafkatalk_tz";

impl PageModel {
    /// Whether the page goes on living in the browser. All others are the server's alone.
    pub fn is_live(&self) -> bool {
        self.route.is_signed_in_page() && self.viewer.is_some()
    }

    /// As JSON that may stand inside a `script` element: no character of it can end the element or open a comment.
    pub fn to_script_json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string(self)?
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026"))
    }

    /// Reads what [`Self::to_script_json`] wrote.
    pub fn from_script_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_survives_the_page_and_cannot_break_out_of_it() {
        let to = Some("</script><!--<script>&\u{2028}".to_owned());
        let model = PageModel { route: Route::Conversations { to }, ..PageModel::default() };
        let json = model.to_script_json().unwrap();
        assert!(!json.contains(['<', '>', '&']), "{json}");
        assert_eq!(PageModel::from_script_json(&json).unwrap(), model);
    }
}
