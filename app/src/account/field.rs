//! A labelled field with its hint and what is wrong with it.

use crate::ui::icon::Icon;
use kafkatalk_protocol::FieldError;
use leptos::prelude::*;

/// What is wrong with a field, if anything.
pub(super) fn error_of(errors: &[FieldError], field: &str) -> Option<String> {
    errors.iter().find(|error| error.field == field).map(|error| error.detail.clone())
}

#[component]
pub(super) fn Field(
    /// Its name in the form, and its id.
    name: &'static str,
    label: &'static str,
    #[prop(optional)] value: String,
    /// Whether it is a password.
    #[prop(optional)]
    secret: bool,
    hint: Option<&'static str>,
    error: Option<String>,
    autocomplete: &'static str,
    /// Whether the keyboard goes here first.
    focus: bool,
) -> impl IntoView {
    let (hint_id, error_id) = (format!("{name}-hint"), format!("{name}-error"));
    let invalid = error.is_some();
    let described_by = match (hint.is_some() && !invalid, invalid) {
        (_, true) => Some(error_id.clone()),
        (true, false) => Some(hint_id.clone()),
        (false, false) => None,
    };
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <input
                id=name
                name=name
                type=if secret { "password" } else { "text" }
                value=value
                dir=if secret { None } else { Some("auto") }
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                required
                autofocus=focus
                aria-invalid=invalid.then_some("true")
                aria-describedby=described_by
            />
            {error
                .map(|detail| {
                    view! {
                        <p class="field-error" id=error_id>
                            {Icon::Alert.view()}
                            <span>{detail}</span>
                        </p>
                    }
                })}
            {hint.filter(|_| !invalid).map(|hint| view! { <p class="field-hint" id=hint_id>{hint}</p> })}
        </div>
    }
}
