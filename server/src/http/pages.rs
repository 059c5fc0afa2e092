//! The pages, rendered on the server with everything in them, and the plain forms that work before any script.

use super::{
    auth::{self, Foreign, MaybeSignedIn},
    input::{From, user_agent},
    plain::{Offer, PlainPage, Trouble},
    state::State,
};
use crate::{
    features::accounts::{commands::Welcome, http::parse_credentials},
    kernel::{
        Caller,
        errors::Unavailable,
        views::{HistoryPage, Query, ViewsError},
    },
};
use axum::{
    Form, Router,
    body::Body,
    extract::{FromRequest, Request, State as Shared},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use axum_extra::extract::CookieJar;
use kafkatalk_app::{
    page::{AssetPath, FormModel, OpenModel, PageModel, UTC_OFFSET_COOKIE},
    route::{Route, safe_next},
};
use kafkatalk_protocol::{ConversationId, ErrorCode, FieldError, Problem, limits::PAGE_DEFAULT};
use leptos::prelude::{expect_context, provide_context, use_context};
use leptos_axum::{LeptosRoutes as _, ResponseOptions, generate_route_list};
use serde::Deserialize;

/// Furthest that any time zone is from UTC, in minutes.
const UTC_OFFSET_MINUTES_MAX: i32 = 14 * 60;
/// Field of a form problem that concerns no single field.
const WHOLE_FORM: &str = "form";
/// Where people land after signing in.
const HOME: &str = "/conversations";

/// The pages that the app has, and everything beside them that people may ask for.
pub fn routes(state: &State) -> Router<State> {
    let pages = generate_route_list(kafkatalk_app::shell);
    Router::new()
        .leptos_routes_with_context(state, pages, context(state), kafkatalk_app::shell)
        .route_layer(middleware::from_fn_with_state(state.clone(), prepare))
        .route("/register", post(register).get(registering))
        .route("/sign-out", post(sign_out).get(signing_out))
        .route("/sign-in", post(sign_in))
        .fallback(get(page).fallback(no_such_method))
        .method_not_allowed_fallback(no_such_method)
}

/// The address is there for people, but not for this method.
async fn no_such_method() -> Trouble {
    let mut problem = Problem::new(ErrorCode::NotFound, "This address takes no such request.");
    problem.status = StatusCode::METHOD_NOT_ALLOWED.as_u16();
    Trouble(problem)
}

/// What becomes of a request for a page.
enum Answer {
    /// Another page comes first, or instead.
    Elsewhere(String),
    /// This one, with that status.
    Page(Box<PageModel>, StatusCode),
}

/// Gathers a page's model, before the app renders the page.
async fn prepare(
    Shared(state): Shared<State>,
    MaybeSignedIn(caller): MaybeSignedIn,
    mut request: Request,
    next: Next,
) -> Result<Response, Trouble> {
    match answer(&state, caller, request.headers(), request.uri()).await? {
        Answer::Elsewhere(to) => Ok(Redirect::to(&to).into_response()),
        Answer::Page(model, status) => {
            request.extensions_mut().insert(*model);
            Ok(finished(next.run(request).await, status))
        }
    }
}

/// `GET` of an address that the app has no page for; it may still mean one, as with a slash at its end.
async fn page(
    Shared(state): Shared<State>,
    MaybeSignedIn(caller): MaybeSignedIn,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Trouble> {
    show(&state, caller, &headers, uri).await
}

async fn show(
    state: &State,
    caller: Option<Caller>,
    headers: &HeaderMap,
    uri: Uri,
) -> Result<Response, Trouble> {
    match answer(state, caller, headers, &uri).await? {
        Answer::Elsewhere(to) => Ok(Redirect::to(&to).into_response()),
        Answer::Page(model, status) => Ok(render(state, uri, *model, status).await),
    }
}

/// `GET /register`, as after a form that was refused: the page that has the form.
async fn registering(
    Shared(state): Shared<State>,
    MaybeSignedIn(caller): MaybeSignedIn,
    headers: HeaderMap,
) -> Result<Response, Trouble> {
    show(&state, caller, &headers, Uri::from_static("/")).await
}

/// `GET /sign-out`: signing out takes a form, so that no link or picture does it.
async fn signing_out(MaybeSignedIn(caller): MaybeSignedIn) -> Response {
    let Some(caller) = caller else { return Redirect::to("/sign-in").into_response() };
    let offers = vec![
        Offer::Post { to: "/sign-out", words: "Sign out" },
        Offer::Link { to: HOME.into(), words: "Back to your conversations" },
    ];
    let (heading, words) = ("Sign out?".into(), format!("You are signed in as {}.", caller.user.username));
    PlainPage { status: StatusCode::OK, heading, words, offers, again_after: None }.into_response()
}

async fn answer(
    state: &State,
    caller: Option<Caller>,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Answer, Unavailable> {
    let route = Route::parse(uri.path(), uri.query());
    let open = route.conversation();
    Ok(match (&route, caller) {
        (Route::Welcome, Some(_)) => Answer::Elsewhere(HOME.into()),
        (Route::SignIn { next }, Some(_)) => Answer::Elsewhere(next.clone().unwrap_or_else(|| HOME.into())),
        (_, None) if route.is_signed_in_page() => {
            Answer::Elsewhere(Route::SignIn { next: Some(route.to_string()) }.to_string())
        }
        (_, caller) => {
            let found = route != Route::NotFound;
            let mut model = model(state, headers, route);
            if let Some(caller) = caller {
                fill(state, caller, open, &mut model).await?;
            }
            let found = found && (open.is_none() || model.open.is_some());
            Answer::Page(Box::new(model), if found { StatusCode::OK } else { StatusCode::NOT_FOUND })
        }
    })
}

/// The model of a page with nobody and nothing in it yet.
fn model(state: &State, headers: &HeaderMap, route: Route) -> PageModel {
    let told = CookieJar::from_headers(headers)
        .get(UTC_OFFSET_COOKIE)
        .and_then(|cookie| cookie.value().parse().ok());
    PageModel {
        route,
        now: state.kernel().clock().now(),
        utc_offset_minutes: told.unwrap_or(0i32).clamp(-UTC_OFFSET_MINUTES_MAX, UTC_OFFSET_MINUTES_MAX),
        ..PageModel::default()
    }
}

/// Gathers, in one read, what the signed-in pages show.
async fn fill(
    state: &State,
    caller: Caller,
    open: Option<ConversationId>,
    model: &mut PageModel,
) -> Result<(), Unavailable> {
    let viewer = caller.user.id;
    if let Some(open) = open {
        // Another node may have opened it a moment ago.
        state.kernel().await_visible(viewer, open).await?;
    }
    let views = state.kernel().views();
    let (list, open) = views
        .read(move |views| {
            let list = views.conversations(viewer, None, PAGE_DEFAULT)?;
            let open = open.map(|id| open_model(views, viewer, id)).transpose()?.flatten();
            Ok((list, open))
        })
        .await?;
    model.viewer = Some(caller.user);
    model.conversations = list.conversations;
    model.conversations_next = list.next;
    model.open = open;
    Ok(())
}

fn open_model(
    views: &Query<'_>,
    viewer: kafkatalk_protocol::UserId,
    id: ConversationId,
) -> Result<Option<OpenModel>, ViewsError> {
    let Some(seen) = views.as_seen_by(viewer, id)? else { return Ok(None) };
    let (conversation, page) = (seen.conversation()?, seen.messages(HistoryPage::Latest, PAGE_DEFAULT)?);
    Ok(Some(OpenModel { conversation, messages: page.messages, earlier: page.next }))
}

/// Renders the page of an address as the app's routes have it.
async fn render(state: &State, uri: Uri, model: PageModel, status: StatusCode) -> Response {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri;
    request.extensions_mut().insert(model);
    let handler = leptos_axum::render_app_async_with_context(context(state), kafkatalk_app::shell);
    finished(handler(request).await, status)
}

/// What the app finds in its context: the model that the request carries, and where the front end lies.
fn context(state: &State) -> impl Fn() + Clone + Send + Sync + 'static {
    let assets = AssetPath(state.assets.path());
    move || {
        if let Some(model) =
            use_context::<Parts>().and_then(|mut parts| parts.extensions.remove::<PageModel>())
        {
            provide_context(model);
        }
        provide_context(assets.clone());
        let policy = content_security_policy(leptos::nonce::use_nonce().as_deref());
        expect_context::<ResponseOptions>().insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}

fn finished(mut response: Response, status: StatusCode) -> Response {
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn content_security_policy(nonce: Option<&str>) -> HeaderValue {
    let nonce = nonce.unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'strict-dynamic' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    );
    // A nonce is base64, so the header is always sound; were it not, no script would run.
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// What the register and the sign-in form post.
#[derive(Deserialize)]
struct CredentialsForm {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

/// Such a form, or a page that says why it cannot be read.
struct PageForm(CredentialsForm);

impl FromRequest<State> for PageForm {
    type Rejection = Trouble;

    async fn from_request(request: Request, state: &State) -> Result<Self, Trouble> {
        Form::<CredentialsForm>::from_request(request, state).await.map(|Form(form)| Self(form)).map_err(
            |error| {
                let status = error.status();
                let (code, words) = match status {
                    StatusCode::PAYLOAD_TOO_LARGE => {
                        (ErrorCode::TooLarge, "That is more than this form takes.")
                    }
                    _ => (ErrorCode::InvalidInput, "This form cannot be read. Go back and send it again."),
                };
                let mut problem = Problem::new(code, words);
                problem.status = status.as_u16();
                Trouble(problem)
            },
        )
    }
}

/// `POST /register`.
async fn register(
    Shared(state): Shared<State>,
    From(address): From,
    headers: HeaderMap,
    PageForm(form): PageForm,
) -> Result<Response, Foreign> {
    auth::refuse_foreign_form(&headers, &state.settings)?;
    let work = async {
        let (username, password) = parse_credentials(&form.username, &form.password)?;
        state.rates().registration(address)?;
        Ok(state.kernel().register(username, password, user_agent(&headers)).await?)
    };
    let outcome = work.await;
    Ok(finish(&state, &headers, form, outcome, |_| Route::Welcome).await)
}

/// `POST /sign-in`.
async fn sign_in(
    Shared(state): Shared<State>,
    From(address): From,
    headers: HeaderMap,
    PageForm(form): PageForm,
) -> Result<Response, Foreign> {
    auth::refuse_foreign_form(&headers, &state.settings)?;
    let work = async {
        let (username, password) = parse_credentials(&form.username, &form.password)?;
        state.rates().sign_in(address)?;
        Ok(state.kernel().sign_in(username, password, user_agent(&headers)).await?)
    };
    let outcome = work.await;
    Ok(finish(&state, &headers, form, outcome, |next| Route::SignIn { next }).await)
}

/// On to the conversations, or the same form again with what was typed and why it was refused.
async fn finish(
    state: &State,
    headers: &HeaderMap,
    form: CredentialsForm,
    outcome: Result<Welcome, Problem>,
    again: impl FnOnce(Option<String>) -> Route,
) -> Response {
    let next = safe_next(&form.next);
    match outcome {
        Ok(welcome) => {
            let cookie = auth::session_cookie(&welcome.token, state.is_secure(headers));
            let to = Redirect::to(next.as_deref().unwrap_or(HOME));
            ([(header::SET_COOKIE, cookie)], to).into_response()
        }
        Err(problem) => {
            let wait = problem.retry_after;
            let route = again(next);
            // Our own addresses are sound.
            let uri = route.to_string().parse().unwrap_or_default();
            let mut model = model(state, headers, route);
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            model.form = Some(FormModel { username: form.username, errors: field_errors(problem) });
            let mut response = render(state, uri, model, status).await;
            if let Some(seconds) = wait {
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            response
        }
    }
}

fn field_errors(problem: Problem) -> Vec<FieldError> {
    if problem.errors.is_empty() {
        return vec![FieldError { field: WHOLE_FORM.into(), detail: problem.detail }];
    }
    problem.errors
}

/// `POST /sign-out`. Somebody whose session has ended already is signed out as well.
async fn sign_out(
    Shared(state): Shared<State>,
    MaybeSignedIn(caller): MaybeSignedIn,
    headers: HeaderMap,
) -> Result<Response, Response> {
    if let Some(caller) = caller {
        auth::require_own_form(&headers, &state.settings).map_err(IntoResponse::into_response)?;
        let ended = state.kernel().end_session(&caller, caller.session).await;
        // The device keeps its session: whoever is told that they are signed out must be so.
        ended.map_err(|error| Trouble(error.into()).into_response())?;
    }
    let cookie = auth::no_cookie(state.is_secure(&headers));
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response())
}
