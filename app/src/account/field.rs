//! A labelled field with its hint and what is wrong with it.

use crate::ui::icon::Icon;
use leptos::{html::Input, prelude::*};

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
    error: Memo<Option<String>>,
    autocomplete: &'static str,
    /// Whether the keyboard goes here first.
    focus: bool,
    field: NodeRef<Input>,
) -> impl IntoView {
    let (hint_id, error_id) = (format!("{name}-hint"), format!("{name}-error"));
    let invalid = move || error.with(Option::is_some);
    let described_by = {
        let (hint_id, error_id) = (hint_id.clone(), error_id.clone());
        move || match (invalid(), hint) {
            (true, _) => Some(error_id.clone()),
            (false, Some(_)) => Some(hint_id.clone()),
            (false, None) => None,
        }
    };
    let below = move || match (error.get(), hint) {
        (Some(detail), _) => Some(
            view! {
                <p class="field-error" id=error_id.clone()>
                    {Icon::Alert.view()}
                    <span>{detail}</span>
                </p>
            }
            .into_any(),
        ),
        (None, Some(hint)) => Some(view! { <p class="field-hint" id=hint_id.clone()>{hint}</p> }.into_any()),
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
                aria-invalid=move || invalid().then_some("true")
                aria-describedby=move || described_by()
                node_ref=field
            />
            {move || below()}
        </div>
    }
}
