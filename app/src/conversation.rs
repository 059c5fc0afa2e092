//! One conversation: its messages, the composer, details.

mod bubble;
mod composer;
mod header;
mod log;
mod state;
pub mod text;
pub mod timeline;

use crate::conversations::Desk;
use crate::ui::icon::Logo;
use crate::ui::person::conversation_name;
use composer::Composer;
use header::Header;
use leptos::prelude::*;
use log::MessageLog;

/// The pane beside the list: the open conversation, or how to open one.
#[component]
pub fn ConversationPane() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let id = Memo::new(move |_| desk.route.read().conversation());
    move || match (id.get(), desk.open.get()) {
        (None, _) => view! { <NothingOpen /> }.into_any(),
        (Some(_), Some(conversation)) => {
            let name = conversation_name(&conversation.members, desk.viewer_id());
            view! {
                <section class="conversation-pane" aria-label=format!("Conversation with {name}")>
                    <Header conversation />
                    <MessageLog />
                    <Composer />
                </section>
            }
            .into_any()
        }
        (Some(_), None) => view! { <NoSuchConversation /> }.into_any(),
    }
}

#[component]
fn NothingOpen() -> impl IntoView {
    view! {
        <section class="conversation-pane blank" aria-label="No conversation open">
            <Logo />
            <p>"Choose a conversation, or start a new one."</p>
        </section>
    }
}

#[component]
fn NoSuchConversation() -> impl IntoView {
    view! {
        <section class="conversation-pane blank" aria-label="Conversation not found">
            <Logo />
            <h1>"Conversation not found"</h1>
            <p>"It is not there, or you are not in it."</p>
            <a class="button button-primary" href="/conversations">"Go to your conversations"</a>
        </section>
    }
}
