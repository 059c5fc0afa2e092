//! The panel: the group's name, who is in it, and what one can do about that.

use super::add::AddPeople;
use super::requests;
use super::rights::{may_give, may_remove, title};
use super::shared::{Panel, Side, count};
use crate::chat::Chat;
use crate::client::People;
use crate::conversation::keep_place;
use crate::route::Route;
use crate::ui::avatar::Avatar;
use crate::ui::escape::keep_from_form;
use crate::ui::event::handler;
use crate::ui::focus::focus_soon;
use crate::ui::follow::{text, words};
use crate::ui::icon::Icon;
use crate::ui::person::Picture;
use kafkatalk_protocol::{
    User, UserId,
    member::{GROUP_NAME_CHARS_MAX, GroupName, Role},
};
use leptos::{
    ev::{Event, KeyboardEvent, SubmitEvent},
    prelude::*,
};

/// The panel that slides over from the end side.
#[component]
pub(super) fn MembersPanel() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let side = Side::of_context();
    let panel = Panel { chat, busy: RwSignal::new(false), refusal: RwSignal::new(None) };
    provide_context(panel);
    Effect::new(move |_| focus_soon("#members-close".into()));
    keep_place(chat);
    let title = move || count(&panel.people());
    view! {
        <section class="details group-panel" tabindex="-1" aria-labelledby="members-title">
            <header class="pane-head">
                <h2 id="members-title">{words(title)}</h2>
                <button
                    class="button-icon"
                    type="button"
                    id="members-close"
                    aria-label="Close members"
                    title="Close members"
                    on:click=handler(move |_| side.close())
                >
                    {Icon::Close.view()}
                </button>
            </header>
            <NameForm />
            <AddPeople />
            <p
                class="group-refusal"
                role="alert"
                prop:textContent=text(move || panel.refusal.get().unwrap_or_default())
            ></p>
            <MemberList />
            <button
                class="button button-danger"
                type="button"
                disabled=move || panel.busy.get()
                on:click=handler(move |_| leave(&panel))
            >
                {Icon::SignOut.view()}
                <span>"Leave group"</span>
            </button>
        </section>
    }
}

fn confirmed(question: &str) -> bool {
    window().confirm_with_message(question).unwrap_or(false)
}

fn leave(panel: &Panel) {
    if !confirmed("Leave this group? You will not see its messages any more.") {
        return;
    }
    let desk = panel.chat.desk;
    panel.ask(requests::remove(desk.live, panel.chat.id, desk.viewer().id), move |()| {
        desk.go(Route::Conversations { to: None });
    });
}

/// The group's name, to be read and changed.
#[component]
fn NameForm() -> impl IntoView {
    let panel = expect_context::<Panel>();
    let known = Memo::new(move |_| {
        let group = panel.people().group;
        group.and_then(|group| group.name.as_ref().map(ToString::to_string)).unwrap_or_default()
    });
    let typed = RwSignal::new(known.get_untracked());
    // Somebody else named it meanwhile; what one is typing stays.
    Effect::new(move |before: Option<String>| {
        let known = known.get();
        if before.is_none_or(|before| typed.get_untracked().trim() == before) {
            typed.set(known.clone());
        }
        known
    });
    let wrong = RwSignal::new(None::<String>);
    let changed = move || typed.with(|typed| known.with(|known| typed.trim() != known));
    let save = move |event: SubmitEvent| {
        event.prevent_default();
        let text = typed.get_untracked();
        let name = if text.trim().is_empty() { Ok(None) } else { GroupName::parse(&text).map(Some) };
        match name {
            Ok(name) => panel.change(requests::name(panel.chat.desk.live, panel.chat.id, name), || ()),
            Err(error) => wrong.set(Some(error.to_string())),
        }
    };
    view! {
        <form class="group-name" on:submit=handler(save)>
            <label for="group-name">"Group name"</label>
            <div class="group-line">
                <input
                    id="group-name"
                    type="text"
                    autocomplete="off"
                    dir="auto"
                    // In units of UTF-16, of which a character has two at most.
                    maxlength=2 * GROUP_NAME_CHARS_MAX
                    placeholder="No name"
                    aria-describedby="group-name-wrong"
                    prop:value=typed
                    on:input=handler(move |event: Event| {
                        wrong.set(None);
                        typed.set(event_target_value(&event));
                    })
                    on:keydown=handler(|event: KeyboardEvent| keep_from_form(&event))
                />
                <Show when=changed>
                    <button class="button button-primary" type="submit" disabled=move || panel.busy.get()>
                        "Save"
                    </button>
                </Show>
            </div>
            <p
                id="group-name-wrong"
                class="group-refusal"
                role="alert"
                prop:textContent=text(move || wrong.get().unwrap_or_default())
            ></p>
        </form>
    }
}

/// Everyone, the viewer first.
fn everyone(viewer: User, people: &People) -> Vec<User> {
    std::iter::once(viewer).chain(people.others.iter().cloned()).collect()
}

#[component]
fn MemberList() -> impl IntoView {
    let panel = expect_context::<Panel>();
    let viewer = panel.chat.desk.viewer();
    let members = Memo::new(move |_| everyone(viewer.clone(), &panel.people()));
    view! {
        <ul class="group-members" role="list" aria-label="Members">
            <For each=move || members.get() key=|user| user.id let:user>
                <Member user />
            </For>
        </ul>
    }
}

#[component]
fn Member(user: User) -> impl IntoView {
    let panel = expect_context::<Panel>();
    let viewer = panel.chat.desk.viewer().id;
    let (id, name) = (user.id, user.username.to_string());
    let is_viewer = id == viewer;
    let shown = if is_viewer { "You".to_owned() } else { name.clone() };
    // The viewer's role, and the member's.
    let roles = Memo::new(move |_| {
        let group = panel.people().group.unwrap_or_default();
        (group.role(viewer), group.role(id))
    });
    let gives = Memo::new(move |_| !may_give(roles.get().0).is_empty());
    let label = if is_viewer { "Your role".to_owned() } else { format!("Role of {name}") };
    let standing = move || {
        if gives.get() {
            return view! { <RoleChoice label=label.clone() id roles /> }.into_any();
        }
        let role = move || Some(roles.get().1).filter(|role| *role > Role::Member).map(title);
        view! { <span class="group-role">{role}</span> }.into_any()
    };
    let removable = Memo::new(move |_| !is_viewer && may_remove(roles.get().0, roles.get().1));
    let label = format!("Remove {name}");
    let question = format!("Remove {name} from this group?");
    let remove = Callback::new(move |()| {
        if confirmed(&question) {
            panel.ask(requests::remove(panel.chat.desk.live, panel.chat.id, id), |()| {
                focus_soon("#members-close".into());
            });
        }
    });
    let removal = move || {
        removable.get().then(|| {
            view! {
                <button
                    class="button-icon"
                    type="button"
                    aria-label=label.clone()
                    title=label.clone()
                    disabled=move || panel.busy.get()
                    on:click=handler(move |_| remove.run(()))
                >
                    {Icon::Close.view()}
                </button>
            }
        })
    };
    view! {
        <li class="group-member">
            <Avatar picture=Picture::of(&user) small=true />
            <span class="group-member-name" dir="auto">{shown}</span>
            {standing}
            {removal}
        </li>
    }
}

/// An owner chooses what a member may do.
#[component]
fn RoleChoice(label: String, id: UserId, roles: Memo<(Role, Role)>) -> impl IntoView {
    let panel = expect_context::<Panel>();
    let choose = move |event: Event| {
        if let Ok(chosen) = event_target_value(&event).parse::<Role>() {
            panel.change(requests::set_role(panel.chat.desk.live, panel.chat.id, id, chosen), || ());
        }
    };
    let option = |role: &Role| view! { <option value=role.as_str()>{title(*role)}</option> };
    // What was refused is shown as it is.
    let value = move || {
        panel.busy.track();
        roles.get().1.as_str()
    };
    view! {
        <select class="group-role" aria-label=label prop:value=value on:change=handler(choose)>
            {may_give(Role::Owner).iter().map(option).collect_view()}
        </select>
    }
}
