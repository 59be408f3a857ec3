//! Pages as a browser reads them, far enough to check them: tags in order, each with its attributes. Whatever is wrong is a line.

use std::collections::BTreeSet;

/// Tags that have no end.
const VOID: [&str; 8] = ["area", "br", "hr", "img", "input", "link", "meta", "source"];

/// One tag.
#[derive(Debug, Clone)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) is_end: bool,
    pub(crate) attributes: Vec<(String, String)>,
}

impl Tag {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// All tags of a page.
pub(crate) fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if rest.starts_with('!') {
            continue;
        }
        let is_end = rest.starts_with('/');
        rest = rest.trim_start_matches('/');
        let end = rest.find(|char: char| char.is_whitespace() || char == '>').unwrap_or(rest.len());
        let mut tag = Tag { name: rest[..end].to_owned(), is_end, attributes: Vec::new() };
        rest = &rest[end..];
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break;
            }
            let end = rest.find(|char: char| char.is_whitespace() || char == '>' || char == '=').unwrap_or(rest.len());
            if end == 0 {
                break;
            }
            let name = rest[..end].to_owned();
            rest = &rest[end..];
            let value = match rest.strip_prefix("=\"") {
                Some(quoted) => {
                    let end = quoted.find('"').unwrap_or(quoted.len());
                    rest = quoted.get(end + 1..).unwrap_or_default();
                    quoted[..end].to_owned()
                }
                None => String::new(),
            };
            tag.attributes.push((name, value));
        }
        tags.push(tag);
    }
    tags
}

/// What is wrong with a page; `signed_in` = its forms must carry the session's token.
pub(crate) fn wrong(html: &str, signed_in: bool) -> Vec<String> {
    let tags = tags(html);
    let mut wrong = nested(&tags);
    wrong.extend(harmless(&tags));
    wrong.extend(identified(&tags));
    wrong.extend(labelled(&tags));
    wrong.extend(headed(&tags));
    if signed_in {
        wrong.extend(tokens(&tags));
    }
    for (what, least) in [("title", 1), ("h1", 1), ("main", 1)] {
        if tags.iter().filter(|tag| tag.name == what && !tag.is_end).count() != least {
            wrong.push(format!("there is not exactly one <{what}>"));
        }
    }
    wrong
}

/// Every tag ends where it should.
fn nested(tags: &[Tag]) -> Vec<String> {
    let (mut open, mut wrong) = (Vec::new(), Vec::new());
    for tag in tags.iter().filter(|tag| !VOID.contains(&tag.name.as_str())) {
        if !tag.is_end {
            open.push(tag.name.as_str());
        } else if open.pop() != Some(tag.name.as_str()) {
            wrong.push(format!("</{}> ends nothing that is open", tag.name));
        }
    }
    wrong.extend(open.iter().map(|name| format!("<{name}> never ends")));
    wrong
}

/// No inline script, no inline style, nothing from elsewhere, no images without words.
fn harmless(tags: &[Tag]) -> Vec<String> {
    let mut wrong = Vec::new();
    for tag in tags.iter().filter(|tag| !tag.is_end) {
        if tag.name == "style" || (tag.name == "script" && tag.get("src").is_none()) {
            wrong.push(format!("<{}> in the page", tag.name));
        }
        if tag.name == "img" && tag.get("alt").is_none() {
            wrong.push("<img> without alt".to_owned());
        }
        for (name, value) in &tag.attributes {
            if name == "style" || name.starts_with("on") {
                wrong.push(format!("{name} on <{}>", tag.name));
            }
            let leads = ["src", "href", "action"].contains(&name.as_str());
            if leads && !(value.starts_with('/') || value.starts_with('#') || value.starts_with("https://")) {
                wrong.push(format!("{name}=\"{value}\" on <{}>", tag.name));
            }
        }
    }
    wrong
}

/// No id twice, and what is referred to is there.
fn identified(tags: &[Tag]) -> Vec<String> {
    let (mut known, mut wrong) = (BTreeSet::new(), Vec::new());
    for id in tags.iter().filter_map(|tag| tag.get("id")) {
        if !known.insert(id) {
            wrong.push(format!("the id {id} is there twice"));
        }
    }
    for tag in tags {
        let referred =
            [tag.get("for").filter(|_| tag.name == "label"), tag.get("aria-labelledby"), tag.get("aria-describedby")];
        for id in referred.into_iter().flatten().flat_map(str::split_whitespace).filter(|id| !known.contains(id)) {
            wrong.push(format!("<{}> refers to {id}, which is not there", tag.name));
        }
    }
    wrong
}

/// Every field has a label.
fn labelled(tags: &[Tag]) -> Vec<String> {
    let labels: BTreeSet<&str> =
        tags.iter().filter(|tag| tag.name == "label").filter_map(|tag| tag.get("for")).collect();
    let (mut within, mut wrong) = (0_u32, Vec::new());
    for tag in tags {
        match (tag.name.as_str(), tag.is_end) {
            ("label", false) => within += 1,
            ("label", true) => within = within.saturating_sub(1),
            ("input" | "select" | "textarea", false) => {
                let kind = tag.get("type").unwrap_or_default();
                let said = ["aria-label", "aria-labelledby", "title"].iter().any(|name| tag.get(name).is_some());
                let named = tag.get("id").is_some_and(|id| labels.contains(id));
                if !["hidden", "submit"].contains(&kind) && !said && !named && within == 0 {
                    wrong.push(format!("<{} name=\"{}\"> has no label", tag.name, tag.get("name").unwrap_or_default()));
                }
            }
            _ => {}
        }
    }
    wrong
}

/// Headings go down one by one.
fn headed(tags: &[Tag]) -> Vec<String> {
    let (mut last, mut wrong) = (0, Vec::new());
    for tag in tags.iter().filter(|tag| !tag.is_end) {
        let Some(level) = tag.name.strip_prefix('h').and_then(|level| level.parse::<u32>().ok()) else { continue };
        if level > last + 1 {
            wrong.push(format!("<h{level}> follows <h{last}>"));
        }
        last = level;
    }
    wrong
}

/// Every form that changes something carries the session's token.
fn tokens(tags: &[Tag]) -> Vec<String> {
    let (mut form, mut wrong) = (None, Vec::new());
    for tag in tags {
        match (tag.name.as_str(), tag.is_end) {
            ("form", false) => {
                form = Some((tag.get("action").unwrap_or_default(), tag.get("method") == Some("post"), false));
            }
            ("form", true) => {
                if let Some((action, true, false)) = form.take() {
                    wrong.push(format!("the form for {action} carries no token"));
                }
            }
            ("input", false) if tag.get("name") == Some("csrf") => {
                if let Some((_, _, has)) = &mut form {
                    *has = true;
                }
            }
            _ => {}
        }
    }
    wrong
}

#[test]
fn a_page_with_every_mistake_is_told_all_of_them() {
    let page = "<html><head><title>x</title></head><body onload=\"x()\"><main><h1>a</h1><h3>b</h3><div id=\"a\"></div><p id=\"a\" style=\"x\">\
                <form method=\"post\" action=\"/x\"><input name=\"q\"></form><a href=\"javascript:x\">x</a><script>alert(1)</script></main></body></html>";
    let wrong = wrong(page, true).join("\n");
    for mistake in [
        "onload",
        "<h3> follows <h1>",
        "the id a is there twice",
        "style on <p>",
        "no label",
        "carries no token",
        "javascript:",
        "<script> in",
        "</main> ends",
    ] {
        assert!(wrong.contains(mistake), "{mistake} is not told:\n{wrong}");
    }
}
