//! Where one writes.

use super::scroll::Scroll;
use crate::chat::Chat;
use crate::client::{Action, Command, Link, NotTaken};
use crate::features::edit::{BegunEdits, Edit, EditBar, Editing, last_editable};
use crate::features::reply::{ReplyBar, Replying};
use crate::ui::escape::is_taken_by_input_method;
use crate::ui::event::handler;
use crate::ui::focus::is_touched;
use crate::ui::follow::text;
use crate::ui::icon::Icon;
use kafkatalk_protocol::{
    Body, Offset,
    limits::BODY_CHARS_MAX,
    text::{TextError, tidy},
};
use leptos::{
    ev::{ClipboardEvent, KeyboardEvent, MouseEvent},
    html::Textarea,
    prelude::*,
};
use std::sync::Arc;

/// How many characters before the limit the composer begins to count.
const COUNT_FROM: usize = 500;

/// What is left of the limit, where that matters.
fn count_words(text: &str) -> Option<String> {
    // Fewer bytes than that cannot be more characters.
    if text.len() + COUNT_FROM < BODY_CHARS_MAX {
        return None;
    }
    let chars = tidy(text).chars().count();
    match BODY_CHARS_MAX.checked_sub(chars) {
        Some(left) if left >= COUNT_FROM => None,
        Some(left) => Some(format!("{left} characters left")),
        None => Some(format!("{} characters too many", chars - BODY_CHARS_MAX)),
    }
}

/// Most units of UTF-16 that the field takes: of these a character has two at most. More would make each key slow.
const FIELD_UNITS_MAX: usize = 2 * BODY_CHARS_MAX;

/// Whether a key press sends. On a screen that is touched Enter breaks the line, since such keyboards have no Shift+Enter.
fn sends(event: &KeyboardEvent) -> bool {
    let breaks = event.shift_key() || event.alt_key() || event.repeat() || is_taken_by_input_method(event);
    event.key() == "Enter" && !breaks && (!is_touched() || event.ctrl_key() || event.meta_key())
}

/// What is wrong with pasting a text where so many units stand already; none where it fits. It is refused as a whole: a part
/// of a text is not what somebody meant to send.
fn paste_problem(units: usize, pasted: &str) -> Option<String> {
    let fits = units + pasted.encode_utf16().count() <= FIELD_UNITS_MAX;
    (!fits).then(|| format!("That is too long to paste: a message has at most {BODY_CHARS_MAX} characters."))
}

#[derive(Clone, Copy)]
struct Writing {
    chat: Chat,
    scroll: Scroll,
    editing: Editing,
    replying: Replying,
    field: NodeRef<Textarea>,
    /// The text, for what depends on it. The field itself is the truth.
    text: RwSignal<String>,
    problem: RwSignal<Option<String>>,
}

impl Writing {
    /// Takes up what was begun earlier, and what was typed before the script ran.
    fn begin(self) {
        let Some(field) = self.field.get() else { return };
        let typed = field.value();
        if !typed.is_empty() {
            let draft = self.chat.desk.live.draft(self.chat.id);
            if !draft.is_empty() && *draft != *typed {
                field.set_value(&[&*draft, &*typed].join("\n"));
            }
            self.typed();
        } else if let Some((message, text)) = BegunEdits::of(self.chat) {
            self.editing.set(Some(message));
            field.set_value(&text);
            self.text.set(text);
        } else {
            field.set_value(&self.chat.desk.live.draft(self.chat.id));
            self.text.set(field.value());
        }
    }

    fn typed(self) {
        let Some(field) = self.field.get_untracked() else { return };
        let text = field.value();
        self.problem.set(None);
        match untrack(|| self.editing.message()) {
            Some(message) => BegunEdits::keep(self.chat, message, text.clone()),
            None => self.chat.desk.act(Action::Draft(self.chat.id, text.clone())),
        }
        self.text.set(text);
    }

    /// Another tab changed the draft, or sent it: a field that holds only that follows.
    fn follow(self, (before, now): &(Arc<str>, Arc<str>)) {
        if let Some(field) = self.field.get_untracked()
            && !self.edits()
            && field.value() == **before
        {
            field.set_value(now);
            self.text.set(now.to_string());
        }
    }

    fn follow_other_tabs(self) {
        let change = Memo::new(move |_| self.chat.read(|chat| chat.drafted_elsewhere.clone()).flatten());
        Effect::new(move |_| {
            if let Some(change) = change.get() {
                self.follow(&change);
            }
        });
    }

    fn paste(self, event: &ClipboardEvent) {
        let (field, pasted) = (self.field.get_untracked(), event.clipboard_data());
        let pasted = pasted.and_then(|data| data.get_data("text/plain").ok()).unwrap_or_default();
        let units = field.map_or(0, |field| {
            let (start, end) = (field.selection_start().ok().flatten(), field.selection_end().ok().flatten());
            // What is selected makes room.
            let replaced = end.zip(start).map_or(0, |(end, start)| end.saturating_sub(start));
            field.text_length().saturating_sub(replaced) as usize
        });
        if let Some(problem) = paste_problem(units, &pasted) {
            event.prevent_default();
            self.problem.set(Some(problem));
        }
    }

    fn edits(self) -> bool {
        untrack(|| self.editing.message()).is_some()
    }

    fn put(self, text: &str) {
        if let Some(field) = self.field.get_untracked() {
            field.set_value(text);
            self.text.set(text.to_owned());
            self.problem.set(None);
            let _ = field.focus();
        }
    }

    fn press(self, event: &KeyboardEvent) {
        let done = match event.key().as_str() {
            "ArrowUp" => self.edit_last(),
            "Escape" => !is_taken_by_input_method(event) && self.cancel(),
            _ if sends(event) => {
                self.send();
                true
            }
            _ => false,
        };
        if done {
            event.prevent_default();
        }
    }

    /// A message is edited from now on, or none any more: then what was begun before is back.
    fn show(self, editing: Option<(Offset, String)>) {
        if let Some((message, text)) = editing {
            self.replying.set(None);
            let begun = BegunEdits::of(self.chat).filter(|((begun, _), _)| *begun == message);
            self.put(&begun.map_or(text, |(_, begun)| begun));
        } else {
            BegunEdits::forget(self.chat);
            self.put(&self.chat.desk.live.draft(self.chat.id));
        }
    }

    /// Takes the last own message up again, where nothing is being written.
    fn edit_last(self) -> bool {
        let writes = self.field.get_untracked().is_none_or(|field| !field.value().is_empty());
        if writes || self.edits() {
            return false;
        }
        let last = untrack(|| self.chat.read(last_editable)).flatten();
        let found = last.is_some();
        if found {
            self.editing.set(last);
        }
        found
    }

    fn cancel(self) -> bool {
        let edits = self.edits();
        if edits {
            self.editing.set(None);
        }
        let replies = untrack(|| self.replying.to()).is_some();
        if replies {
            self.replying.set(None);
        }
        edits || replies
    }

    /// Sends what was written; a text that is not changed after all is left as it is.
    fn submit(self, body: Body) -> Result<(), NotTaken> {
        let (live, id) = (self.chat.desk.live, self.chat.id);
        let Some((message, before)) = untrack(|| self.editing.message()) else {
            live.send(id, body, untrack(|| self.replying.to()))?;
            self.replying.set(None);
            self.put("");
            self.scroll.to_end();
            return Ok(());
        };
        if before != body.as_str() {
            live.submit(id, Command::change(Edit { message, body }))?;
        }
        self.editing.set(None);
        Ok(())
    }

    fn send(self) {
        let Some(field) = self.field.get_untracked() else { return };
        let _ = field.focus();
        let problem = match Body::typed(&field.value()) {
            Ok(body) => match self.submit(body) {
                Ok(()) => None,
                Err(NotTaken::SignedOut) => Some("You are signed out.".into()),
                Err(NotTaken::Stopped) => Some("Reload the page first.".into()),
                Err(NotTaken::OutboxFull) => {
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

/// Whether what is sent has to wait for the connection.
fn is_offline(chat: Chat) -> Memo<bool> {
    Memo::new(move |_| {
        chat.desk.live.link.with(|view| match view.link {
            Link::Offline | Link::Waiting(_) => true,
            Link::Connecting => view.was_tried,
            Link::Live | Link::Ended => false,
        })
    })
}

#[component]
pub(super) fn Composer() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let writing = Writing {
        chat,
        scroll: expect_context::<Scroll>(),
        editing: Editing::of_context(),
        replying: Replying::of_context(),
        field: NodeRef::new(),
        text: RwSignal::new(String::new()),
        problem: RwSignal::new(None),
    };
    Effect::new(move |_| writing.begin());
    writing.follow_other_tabs();
    Effect::new(move |before: Option<()>| {
        let editing = writing.editing.message();
        // Not at first: then the field has what was typed before the script ran.
        if before.is_some() {
            writing.show(editing);
        }
    });
    let offline = is_offline(chat);
    let placeholder =
        move || if offline.get() { "Message (will be sent when you're back online)" } else { "Message" };
    let count = move || writing.text.with(|text| count_words(text));
    let invalid = move || writing.problem.with(Option::is_some).then_some("true");
    view! {
        <footer class="composer">
            <p
                class="composer-problem"
                id="composer-problem"
                role="alert"
                prop:textContent=text(move || writing.problem.get().unwrap_or_default())
            ></p>
            <EditBar on_cancel=Callback::new(move |()| {
                writing.cancel();
            }) />
            <ReplyBar />
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
                        // What a browser restores by itself would count as typed.
                        autocomplete="off"
                        dir="auto"
                        maxlength=FIELD_UNITS_MAX
                        node_ref=writing.field
                        on:paste=handler(move |event: ClipboardEvent| writing.paste(&event))
                        on:input=handler(move |_| writing.typed())
                        on:keydown=handler(move |event: KeyboardEvent| writing.press(&event))
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
            <p class="composer-count" prop:textContent=text(move || count().unwrap_or_default())></p>
        </footer>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_can_never_be_sent_is_not_pasted() {
        assert_eq!(paste_problem(0, &"x".repeat(BODY_CHARS_MAX)), None);
        assert_eq!(paste_problem(0, &"🙂".repeat(BODY_CHARS_MAX)), None);
        assert!(paste_problem(0, &"x".repeat(200_000)).is_some());
        assert!(paste_problem(FIELD_UNITS_MAX, "x").is_some());
    }

    #[test]
    fn characters_are_counted_only_near_the_limit() {
        assert_eq!(count_words("hello"), None);
        assert_eq!(count_words(&"é".repeat(BODY_CHARS_MAX / 2)), None);
        assert_eq!(count_words(&"é".repeat(BODY_CHARS_MAX - 10)).unwrap(), "10 characters left");
        assert_eq!(count_words(&"é".repeat(BODY_CHARS_MAX + 3)).unwrap(), "3 characters too many");
        // As it is sent: the first line keeps its indentation.
        let indented = format!("\n    {}\n\n", "x".repeat(BODY_CHARS_MAX));
        assert_eq!(count_words(&indented).unwrap(), "4 characters too many");
    }
}
