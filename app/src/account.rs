//! Registering and signing in: plain forms, which work without any script. They are the server's alone and not in the
//! wasm, which a first page need not wait for; `account.js` adds what a form cannot do by itself.

mod field;
mod picture;

use crate::page::FormModel;
use crate::ui::icon::{Icon, Logo};
use field::Field;
use leptos::prelude::*;
use picture::Picture;

/// The script of these pages. It also fetches what the next page needs, once this one stands.
pub(crate) const SCRIPT: &str = include_str!("account/account.js");

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
                    "For two people or a group, on a server you choose. Whoever runs that server can read them."
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

#[component]
fn AccountForm(
    purpose: Purpose,
    form: Option<FormModel>,
    #[prop(optional_no_strip)] next: Option<String>,
) -> impl IntoView {
    let FormModel { username, errors } =
        form.unwrap_or(FormModel { username: String::new(), errors: Vec::new() });
    let error_of =
        |field: &str| errors.iter().find(|error| error.field == field).map(|error| error.detail.clone());
    // The keyboard goes to the first field that needs it; on a fresh page to the first field.
    let password_first = error_of("username").is_none() && !username.is_empty();
    let register = purpose == Purpose::Register;
    let whole = error_of("form").map(|detail| {
        view! {
            <p class="form-error" role="alert">
                {Icon::Alert.view()}
                <span>{detail}</span>
            </p>
        }
    });
    view! {
        <form class="account-form" method="post" action=purpose.action() novalidate>
            {whole}
            <Field
                name="username"
                label="Username"
                value=username
                hint=register.then_some("3 to 32 letters, digits, dots, underscores or hyphens.")
                error=error_of("username")
                autocomplete="username"
                focus=!password_first
            />
            <Field
                name="password"
                label="Password"
                secret=true
                hint=register.then_some("At least 8 characters.")
                error=error_of("password")
                autocomplete=purpose.password_autocomplete()
                focus=password_first
            />
            {next.map(|next| view! { <input type="hidden" name="next" value=next /> })}
            <button class="button button-primary" type="submit">
                {purpose.button()}
            </button>
        </form>
    }
}
