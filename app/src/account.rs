//! Registering and signing in: plain forms, which work before and without any script.

mod field;
mod picture;

use crate::page::FormModel;
use crate::ui::event::handler;
use crate::ui::focus::focus_if_nowhere;
use crate::ui::icon::{Icon, Logo};
use field::Field;
use kafkatalk_protocol::{FieldError, Password, Username};
use leptos::{ev::SubmitEvent, html::Input, prelude::*};
use picture::Picture;

/// Within this time a form is not sent again, in milliseconds.
const SENT_TWICE_MS: f64 = 5_000.0;

/// What a form is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Register,
    SignIn,
}

impl Purpose {
    fn action(self) -> &'static str {
        match self {
            Self::Register => "/register",
            Self::SignIn => "/sign-in",
        }
    }

    fn button(self) -> &'static str {
        match self {
            Self::Register => "Register",
            Self::SignIn => "Sign in",
        }
    }

    fn password_autocomplete(self) -> &'static str {
        match self {
            Self::Register => "new-password",
            Self::SignIn => "current-password",
        }
    }
}

/// The first page: what this is, and one form.
#[component]
pub fn WelcomePage(
    /// What came of the form, if it was refused.
    form: Option<FormModel>,
) -> impl IntoView {
    view! {
        <main class="account">
            <div class="account-side">
                <header class="brand">
                    <Logo />
                    <span class="brand-name">"KafkaTalk"</span>
                </header>
                <h1>"Private messages, kept in order."</h1>
                <p class="lead">
                    "Write to one person at a time. What you send is kept on this server, in the order it was said, and nobody else sees it."
                </p>
                <AccountForm purpose=Purpose::Register form />
                <p class="aside">"Registered already? " <a href="/sign-in">"Sign in"</a></p>
            </div>
            <Picture />
        </main>
    }
}

/// Signing in.
#[component]
pub fn SignInPage(
    /// What came of the form, if it was refused.
    form: Option<FormModel>,
    /// The page to go on to.
    next: Option<String>,
) -> impl IntoView {
    view! {
        <main class="account">
            <div class="account-side">
                <header class="brand">
                    <Logo />
                    <a class="brand-name" href="/">"KafkaTalk"</a>
                </header>
                <h1>"Sign in"</h1>
                <p class="lead">"Your conversations are where you left them."</p>
                <AccountForm purpose=Purpose::SignIn form next />
                <p class="aside">"New here? " <a href="/">"Register"</a></p>
            </div>
            <Picture />
        </main>
    }
}

/// What can be said about a form before it is sent. The server says it too, in the same words.
fn mistakes(purpose: Purpose, username: &str, password: &str) -> Vec<FieldError> {
    let error = |field: &str, detail: String| FieldError { field: field.into(), detail };
    let mut errors = Vec::new();
    if username.is_empty() {
        errors.push(error("username", "Enter a username.".into()));
    } else if purpose == Purpose::Register
        && let Err(wrong) = Username::parse(username)
    {
        errors.push(error("username", wrong.to_string()));
    }
    if password.is_empty() {
        errors.push(error("password", "Enter a password.".into()));
    } else if purpose == Purpose::Register
        && let Err(wrong) = Password::parse(password)
    {
        errors.push(error("password", wrong.to_string()));
    }
    errors
}

#[component]
fn AccountForm(
    purpose: Purpose,
    form: Option<FormModel>,
    #[prop(optional_no_strip)] next: Option<String>,
) -> impl IntoView {
    let FormModel { username, errors } =
        form.unwrap_or(FormModel { username: String::new(), errors: Vec::new() });
    // The keyboard goes to the first field that needs it; on a fresh page to the first field.
    let username_wrong = errors.iter().any(|error| error.field == "username");
    let password_first = !username_wrong && !username.is_empty();
    let errors = RwSignal::new(errors);
    let (username_field, password_field) = (NodeRef::<Input>::new(), NodeRef::<Input>::new());
    let last_sent = StoredValue::new(None);
    let on_submit = move |event: SubmitEvent| {
        let (Some(username), Some(password)) = (username_field.get(), password_field.get()) else { return };
        // Keyboards on screens like to end a word with a space.
        username.set_value(username.value().trim());
        let wrong = mistakes(purpose, &username.value(), &password.value());
        // A second click while the first is on its way would find the name taken, by oneself.
        let again = last_sent.get_value().is_some_and(|at: f64| event.time_stamp() - at < SENT_TWICE_MS);
        if wrong.is_empty() {
            if again {
                event.prevent_default();
            } else {
                last_sent.set_value(Some(event.time_stamp()));
            }
            return;
        }
        event.prevent_default();
        let first = if wrong[0].field == "username" { username } else { password };
        errors.set(wrong);
        let _ = first.focus();
    };
    let error_of = move |field: &'static str| {
        Memo::new(move |_| {
            errors.with(|errors| {
                errors.iter().find(|error| error.field == field).map(|error| error.detail.clone())
            })
        })
    };
    let whole = error_of("form");
    let register = purpose == Purpose::Register;
    Effect::new(|_| focus_if_nowhere("[autofocus]"));
    view! {
        <form class="account-form" method="post" action=purpose.action() novalidate on:submit=handler(on_submit)>
            {move || {
                whole
                    .get()
                    .map(|detail| {
                        view! {
                            <p class="form-error" role="alert">
                                {Icon::Alert.view()}
                                <span>{detail}</span>
                            </p>
                        }
                    })
            }}
            <Field
                name="username"
                label="Username"
                value=username
                hint=register.then_some("3 to 32 letters, digits, dots, underscores or hyphens.")
                error=error_of("username")
                autocomplete="username"
                focus=!password_first
                field=username_field
            />
            <Field
                name="password"
                label="Password"
                secret=true
                hint=register.then_some("At least 8 characters.")
                error=error_of("password")
                autocomplete=purpose.password_autocomplete()
                focus=password_first
                field=password_field
            />
            {next.map(|next| view! { <input type="hidden" name="next" value=next /> })}
            <button class="button button-primary" type="submit">
                {purpose.button()}
            </button>
        </form>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(purpose: Purpose, username: &str, password: &str) -> Vec<String> {
        mistakes(purpose, username, password).into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_form_is_checked_by_the_rules_of_the_server_before_it_is_sent() {
        assert_eq!(fields(Purpose::Register, "ada", "correct horse"), [] as [&str; 0]);
        assert_eq!(fields(Purpose::Register, "a!", "short"), ["username", "password"]);
        assert_eq!(fields(Purpose::Register, "", ""), ["username", "password"]);
    }

    #[test]
    fn signing_in_asks_only_that_the_fields_are_filled() {
        assert_eq!(fields(Purpose::SignIn, "a!", "short"), [] as [&str; 0]);
        assert_eq!(fields(Purpose::SignIn, "ada", ""), ["password"]);
    }
}
