//! The title of the document.

use crate::client::{ChatStatus, ChatView, People};
use crate::page::PageModel;
use crate::route::Route;
use crate::ui::person::conversation_name;

const PRODUCT: &str = "KafkaTalk";
const NOT_FOUND: &str = "Conversation not found";

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
        Route::Conversation(_) => conversation.unwrap_or("Conversation").into(),
        Route::NotFound => "Page not found".into(),
    }
}

/// What an open conversation is called, once that is known.
pub fn chat_name(chat: &ChatView) -> Option<String> {
    match chat.status {
        ChatStatus::NotFound => Some(NOT_FOUND.to_owned()),
        ChatStatus::Left => Some("No longer a member".to_owned()),
        _ => Some(chat.people()).filter(People::is_known).map(|people| conversation_name(&people)),
    }
}

/// The title with which a page is rendered.
pub fn document_title(model: &PageModel) -> String {
    let name = model.open.as_ref().zip(model.viewer.as_ref());
    let name = name.map(|(open, viewer)| conversation_name(&People::of(&open.conversation, viewer.id)));
    let unread = model.conversations.iter().map(|conversation| conversation.unread).sum();
    // The server has looked for it already.
    title(&place(&model.route, Some(name.as_deref().unwrap_or(NOT_FOUND))), unread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Client, Features};
    use kafkatalk_protocol::{ConversationId, User, UserId};

    #[test]
    fn the_title_says_what_is_unread_and_where_one_is() {
        assert_eq!(title("bob", 3), "(3) bob · KafkaTalk");
        assert_eq!(title("bob", 0), "bob · KafkaTalk");
        assert_eq!(title("", 0), "KafkaTalk");
    }

    #[test]
    fn a_conversation_counts_as_not_found_only_once_that_is_known() {
        let (page, id) = (PageModel::default(), ConversationId(uuid::Uuid::nil()));
        let viewer = Some(User { id: UserId(uuid::Uuid::nil()), username: "ada".parse().unwrap() });
        let loading = Client::new(&PageModel { viewer: viewer.clone(), ..page.clone() }, 0, Features::NONE)
            .unwrap()
            .chat(id);
        assert_eq!(place(&Route::Conversation(id), chat_name(&loading).as_deref()), "Conversation");
        let page = PageModel { viewer, route: Route::Conversation(id), ..page };
        let missing = Client::new(&page, 0, Features::NONE).unwrap().chat(id);
        assert_eq!(place(&page.route, chat_name(&missing).as_deref()), "Conversation not found");
        assert_eq!(document_title(&page), "Conversation not found · KafkaTalk");
    }
}
