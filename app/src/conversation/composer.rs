//! Where one writes.

use super::Chat;
use super::scroll::Scroll;
use crate::client::{Action, Link};
use crate::ui::event::handler;
use crate::ui::icon::Icon;
use kafkatalk_protocol::{Body, limits::BODY_CHARS_MAX, text::TextError};
use leptos::{
    ev::{KeyboardEvent, MouseEvent},
    html::Textarea,
    prelude::*,
};

/// How many characters before the limit the composer begins to count.
const COUNT_FROM: usize = 500;
/// What the browser calls a key that an input method has taken.
const TAKEN_BY_INPUT_METHOD: u32 = 229;

/// What is left of the limit, where that matters.
fn count_words(text: &str) -> Option<String> {
    // Fewer bytes than that cannot be more characters.
    if text.len() + COUNT_FROM < BODY_CHARS_MAX {
        return None;
    }
    let chars = text.trim().chars().count();
    match BODY_CHARS_MAX.checked_sub(chars) {
        Some(left) if left >= COUNT_FROM => None,
        Some(left) => Some(format!("{left} characters left")),
        None => Some(format!("{} characters too many", chars - BODY_CHARS_MAX)),
    }
}

/// Whether a key press sends.
fn sends(event: &KeyboardEvent) -> bool {
    let composing = event.is_composing() || event.key_code() == TAKEN_BY_INPUT_METHOD;
    event.key() == "Enter" && !(event.shift_key() || event.alt_key() || composing || event.repeat())
}

#[derive(Clone, Copy)]
struct Writing {
    chat: Chat,
    scroll: Scroll,
    field: NodeRef<Textarea>,
    /// The text, for what depends on it. The field itself is the truth.
    text: RwSignal<String>,
    problem: RwSignal<Option<String>>,
}

impl Writing {
    /// Takes up what was typed before the script ran, or what was begun earlier.
    fn begin(self) {
        let Some(field) = self.field.get() else { return };
        if field.value().is_empty() {
            field.set_value(&self.chat.desk.live.draft(self.chat.id));
            self.text.set(field.value());
        } else {
            self.typed();
        }
    }

    fn typed(self) {
        let Some(field) = self.field.get_untracked() else { return };
        let text = field.value();
        self.problem.set(None);
        self.chat.desk.act(Action::Draft(self.chat.id, text.clone()));
        self.text.set(text);
    }

    fn send(self) {
        let Some(field) = self.field.get_untracked() else { return };
        let _ = field.focus();
        let problem = match Body::parse(field.value().trim()) {
            Ok(body) => match self.chat.desk.live.send(self.chat.id, body) {
                Ok(_) => {
                    field.set_value("");
                    self.text.set(String::new());
                    self.scroll.to_end();
                    None
                }
                Err(_) => {
                    Some("Too many messages wait to be sent. Send this one when some have gone.".into())
                }
            },
            // Nothing to send is no mistake.
            Err(TextError::BodyEmpty) => None,
            Err(error) => Some(error.to_string()),
        };
        self.problem.set(problem);
    }
}

#[component]
pub(super) fn Composer() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let writing = Writing {
        chat,
        scroll: expect_context::<Scroll>(),
        field: NodeRef::new(),
        text: RwSignal::new(String::new()),
        problem: RwSignal::new(None),
    };
    Effect::new(move |_| writing.begin());
    let on_key = move |event: KeyboardEvent| {
        if sends(&event) {
            event.prevent_default();
            writing.send();
        }
    };
    let offline = Memo::new(move |_| {
        chat.desk.live.link.with(|view| match view.link {
            Link::Offline | Link::Waiting(_) => true,
            Link::Connecting => view.was_tried,
            Link::Live | Link::Ended => false,
        })
    });
    let placeholder =
        move || if offline.get() { "Message (goes out when there is a connection)" } else { "Message" };
    let count = move || writing.text.with(|text| count_words(text));
    let invalid = move || writing.problem.with(Option::is_some).then_some("true");
    view! {
        <footer class="composer">
            <p class="composer-problem" id="composer-problem" role="alert">{move || writing.problem.get()}</p>
            <div class="composer-line">
                // The text once more in the stylesheet's hands: it is what makes the field grow.
                <div class="composer-field" data-text=move || writing.text.get()>
                    <textarea
                        id="composer"
                        aria-label="Message"
                        aria-describedby="composer-problem"
                        aria-invalid=move || invalid()
                        placeholder=move || placeholder()
                        rows="1"
                        dir="auto"
                        enterkeyhint="send"
                        node_ref=writing.field
                        on:input=handler(move |_| writing.typed())
                        on:keydown=handler(on_key)
                    ></textarea>
                </div>
                <button
                    class="button-send"
                    type="button"
                    aria-label="Send"
                    title="Send"
                    // The keyboard on the screen stays.
                    on:mousedown=handler(|event: MouseEvent| event.prevent_default())
                    on:click=handler(move |_| writing.send())
                >
                    {Icon::Send.view()}
                </button>
            </div>
            <p class="composer-count">{move || count()}</p>
        </footer>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_only_near_the_limit() {
        assert_eq!(count_words("hello"), None);
        assert_eq!(count_words(&"é".repeat(BODY_CHARS_MAX / 2)), None);
        assert_eq!(count_words(&"é".repeat(BODY_CHARS_MAX - 10)).unwrap(), "10 characters left");
        assert_eq!(count_words(&"é".repeat(BODY_CHARS_MAX + 3)).unwrap(), "3 characters too many");
    }
}
