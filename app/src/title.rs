//! The title of the document.

use crate::client::ChatView;
use crate::page::PageModel;
use crate::route::Route;
use crate::ui::person::{conversation_name, names};

const PRODUCT: &str = "KafkaTalk";

/// The title of a page: what is unread first, then where one is.
pub fn title(place: &str, unread: u64) -> String {
    match (unread, place) {
        (0, "") => PRODUCT.to_owned(),
        (0, place) => format!("{place} · {PRODUCT}"),
        (unread, "") => format!("({unread}) {PRODUCT}"),
        (unread, place) => format!("({unread}) {place} · {PRODUCT}"),
    }
}

/// What a route is called, given the name of its conversation.
pub fn place(route: &Route, conversation: Option<&str>) -> String {
    match route {
        Route::Welcome => String::new(),
        Route::SignIn { .. } => "Sign in".into(),
        Route::Conversations { .. } => "Conversations".into(),
        Route::Conversation(_) => conversation.unwrap_or("Conversation not found").into(),
        Route::NotFound => "Page not found".into(),
    }
}

/// What an open conversation is called, once that is known.
pub fn chat_name(chat: &ChatView) -> Option<String> {
    (!chat.others.is_empty()).then(|| names(&chat.others))
}

/// The title with which a page is rendered.
pub fn document_title(model: &PageModel) -> String {
    let name = model.open.as_ref().zip(model.viewer.as_ref());
    let name = name.map(|(open, viewer)| conversation_name(&open.conversation.members, viewer.id));
    let unread = model.conversations.iter().map(|conversation| conversation.unread).sum();
    title(&place(&model.route, name.as_deref()), unread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_says_what_is_unread_and_where_one_is() {
        assert_eq!(title("bob", 3), "(3) bob · KafkaTalk");
        assert_eq!(title("bob", 0), "bob · KafkaTalk");
        assert_eq!(title("", 0), "KafkaTalk");
    }
}
