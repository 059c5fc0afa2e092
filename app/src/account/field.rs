//! A labelled field with its hint and what is wrong with it.

use crate::ui::icon::Icon;
use leptos::prelude::*;

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
    /// What is wrong with it.
    error: Option<String>,
    autocomplete: &'static str,
    /// Whether the keyboard goes here first.
    focus: bool,
) -> impl IntoView {
    let (hint_id, error_id) = (format!("{name}-hint"), format!("{name}-error"));
    let invalid = error.is_some().then_some("true");
    let described_by = match (&error, hint) {
        (Some(_), _) => Some(error_id.clone()),
        (None, Some(_)) => Some(hint_id.clone()),
        (None, None) => None,
    };
    let below = match (error, hint) {
        (Some(detail), _) => Some(
            view! {
                <p class="field-error" id=error_id>
                    {Icon::Alert.view()}
                    <span>{detail}</span>
                </p>
            }
            .into_any(),
        ),
        (None, Some(hint)) => Some(view! { <p class="field-hint" id=hint_id>{hint}</p> }.into_any()),
        (None, None) => None,
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
                aria-invalid=invalid
                aria-describedby=described_by
            />
            {below}
        </div>
    }
}
