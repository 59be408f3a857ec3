//! The forms that change one user in the directory: standing, assignments, attributes.

use maud::{Markup, html};

use crate::directory::user::Standing;
use crate::server::console::activity::links;
use crate::server::console::users::person::Person;
use crate::text::printable;

/// All forms, folded away until they are wanted.
pub fn forms(context: &Person) -> Markup {
    let user = &context.answer.user;
    html! {
        details .edits id="edit" {
            summary { "Change this user" }
            p .hint { "What is set here lies over the source and survives imports until it is lifted. Apps follow with their next cycle." }
            @if user.manual.standing.is_some() {
                (form(context, "restore", &html! {
                    p { "He stands as the source says again." }
                    button type="submit" { "Restore" }
                }))
            }
            @if user.effective_standing() == Standing::Active {
                (form(context, "suspend", &html! {
                    p { "His accounts are deactivated, or what each app's leaving policy says." }
                    button .danger type="submit" { "Suspend" }
                }))
            }
            (assign(context))
            (attribute(context))
        }
    }
}

/// A form that says what it does.
fn form(context: &Person, act: &str, body: &Markup) -> Markup {
    html! {
        form method="post" action=(format!("{}/edit", links::user(context.answer.user.id))) {
            (context.viewer.token())
            input type="hidden" name="act" value=(act);
            (body)
        }
    }
}

fn assign(context: &Person) -> Markup {
    let direct = &context.answer.user.direct;
    let free: Vec<_> = context.apps.keys().filter(|app| !direct.contains_key(*app)).collect();
    let mut roles: Vec<&String> = context.apps.values().flatten().collect();
    roles.sort();
    roles.dedup();
    html! {
        @for app in direct.keys() {
            (form(context, "unassign", &html! {
                input type="hidden" name="app" value=(app);
                p { (app) " is assigned directly." }
                button type="submit" { "Unassign " (app) }
            }))
        }
        @if !free.is_empty() {
            (form(context, "assign", &html! {
                label for="assign-app" { "Assign an app" }
                select #assign-app name="app" { @for app in free { option value=(app) { (app) } } }
                @if !roles.is_empty() {
                    label for="assign-role" { "as" }
                    select #assign-role name="role" { option value="" { "as the rules say" } @for role in roles { option value=(role) { (role) } } }
                }
                button type="submit" { "Assign" }
            }))
        }
    }
}

fn attribute(context: &Person) -> Markup {
    let user = &context.answer.user;
    html! {
        @for name in user.manual.attributes.keys() {
            (form(context, "lift", &html! {
                input type="hidden" name="attribute" value=(name);
                p { code { (printable(name)) } " is set by hand." }
                button type="submit" { "Lift " (printable(name)) }
            }))
        }
        (form(context, "set", &html! {
            label for="set-name" { "Set an attribute" }
            input #set-name name="attribute" list="attributes" required autocomplete="off" placeholder="title";
            datalist #attributes { @for name in crate::directory::source::STANDARD_ATTRIBUTES { option value=(name) {} } }
            label for="set-value" { "to" }
            input #set-value name="value" maxlength="2000" placeholder="empty = no value" autocomplete="off";
            button type="submit" { "Set" }
        }))
    }
}
