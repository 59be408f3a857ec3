//! The words of a rule: every function that may be called, and the ones for text and lists that rhai lacks or does not bound.
//!
//! Text functions take `()` (no value) and give it back, so that `lower(user.email)` needs no question first.

use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, ImmutableString, NativeCallContext};

use crate::rules::sandbox::{ITEMS_MAX, TEXT_BYTES_MAX};

/// Every function that a rule may call, with the number of values it takes (`x.f(y)` counts as two).
pub(super) const FUNCTIONS: &[(&str, &[usize])] = &[
    // Accounts and entitlements.
    ("create_only", &[1]),
    ("grant", &[2]),
    ("grant_matching", &[4]),
    ("ref", &[1]),
    ("has_role", &[2]),
    ("in_group", &[2]),
    // Texts.
    ("lower", &[1]),
    ("upper", &[1]),
    ("trim", &[1]),
    ("ascii", &[1]),
    ("digits", &[1]),
    ("before", &[2]),
    ("after", &[2]),
    ("replace", &[3]),
    ("split", &[2]),
    ("join", &[2]),
    ("starts_with", &[2]),
    ("ends_with", &[2]),
    ("sub_string", &[2, 3]),
    ("to_int", &[1]),
    ("to_string", &[1]),
    ("type_of", &[1]),
    // Texts, lists and maps.
    ("contains", &[2]),
    ("len", &[1]),
    ("is_empty", &[1]),
    // Lists.
    ("first", &[1]),
    ("last", &[1]),
    ("unique", &[1]),
    ("sort", &[1, 2]),
    ("push", &[2]),
    ("pop", &[1]),
    ("reverse", &[1]),
    ("index_of", &[2]),
    ("map", &[2]),
    ("filter", &[2]),
    ("find", &[2]),
    ("some", &[2]),
    ("all", &[2]),
    ("reduce", &[2, 3]),
    // Maps.
    ("keys", &[1]),
    ("values", &[1]),
    ("get", &[2]),
    ("remove", &[2]),
];

type Raised<T> = Result<T, Box<EvalAltResult>>;
type Question = fn(&str, &str) -> bool;

/// Registers the functions of this file.
pub(super) fn register(engine: &mut Engine) {
    texts(engine);
    tests(engine);
    lists(engine);
}

fn text_to_text(engine: &mut Engine, name: &str, work: fn(&str) -> String) {
    engine.register_fn(name, move |text: ImmutableString| -> Raised<ImmutableString> { bounded(work(&text)) });
    engine.register_fn(name, |(): ()| Dynamic::UNIT);
}

fn texts(engine: &mut Engine) {
    text_to_text(engine, "lower", str::to_lowercase);
    text_to_text(engine, "upper", str::to_uppercase);
    text_to_text(engine, "trim", |text| text.trim().to_owned());
    text_to_text(engine, "ascii", ascii);
    text_to_text(engine, "digits", |text| text.chars().filter(char::is_ascii_digit).collect());
    let cut = |before: bool| {
        move |text: ImmutableString, mark: ImmutableString| -> ImmutableString {
            match text.split_once(mark.as_str()) {
                Some((head, tail)) => (if before { head } else { tail }).into(),
                None if before => text,
                None => ImmutableString::default(),
            }
        }
    };
    engine.register_fn("before", cut(true));
    engine.register_fn("after", cut(false));
    engine.register_fn("before", |(): (), _: ImmutableString| Dynamic::UNIT);
    engine.register_fn("after", |(): (), _: ImmutableString| Dynamic::UNIT);
    engine.register_fn("replace", replace);
    engine.register_fn("replace", |(): (), _: ImmutableString, _: ImmutableString| Dynamic::UNIT);
    engine.register_fn("split", split);
    engine.register_fn("split", |(): (), _: ImmutableString| Array::new());
    engine.register_fn("sub_string", |text: ImmutableString, start: i64| part(&text, start, i64::MAX));
    engine.register_fn("sub_string", |text: ImmutableString, start: i64, len: i64| part(&text, start, len));
    engine
        .register_fn("to_int", |text: ImmutableString| text.trim().parse::<i64>().map_or(Dynamic::UNIT, Dynamic::from));
    engine.register_fn("to_int", |number: i64| number);
    engine.register_fn("to_int", |(): ()| Dynamic::UNIT);
    engine.register_fn("len", |text: ImmutableString| i64::try_from(text.chars().count()).unwrap_or(i64::MAX));
}

fn tests(engine: &mut Engine) {
    let questions: [(&str, Question); 3] = [
        ("contains", |text, part| text.contains(part)),
        ("starts_with", |text, part| text.starts_with(part)),
        ("ends_with", |text, part| text.ends_with(part)),
    ];
    for (name, question) in questions {
        engine.register_fn(name, move |text: ImmutableString, part: ImmutableString| question(&text, &part));
        engine.register_fn(name, |(): (), _: ImmutableString| false);
    }
    engine.register_fn("is_empty", |text: ImmutableString| text.is_empty());
    engine.register_fn("is_empty", |(): ()| true);
}

fn lists(engine: &mut Engine) {
    engine.register_fn("join", join);
    engine.register_fn("first", |list: &mut Array| list.first().cloned().unwrap_or(Dynamic::UNIT));
    engine.register_fn("last", |list: &mut Array| list.last().cloned().unwrap_or(Dynamic::UNIT));
    engine.register_fn("unique", unique);
    engine.register_fn("sort", sort_texts_or_numbers);
    engine.register_fn("sort", sort_by);
}

fn bounded(text: String) -> Raised<ImmutableString> {
    if text.len() > TEXT_BYTES_MAX { Err(too_long(text.len())) } else { Ok(text.into()) }
}

fn too_long(bytes: usize) -> Box<EvalAltResult> {
    format!("a text of {bytes} bytes; the most is {TEXT_BYTES_MAX}").into()
}

/// Before it is made, its length is known: replacing in a long text by a long one would fill the memory in one operation.
fn replace(text: &str, from: &str, to: &str) -> Raised<ImmutableString> {
    if from.is_empty() {
        return Ok(text.into());
    }
    let found = text.matches(from).count();
    let bytes = text.len() + found * to.len();
    if bytes - found * from.len() > TEXT_BYTES_MAX {
        return Err(too_long(bytes - found * from.len()));
    }
    bounded(text.replace(from, to))
}

fn split(text: &str, mark: &str) -> Raised<Array> {
    if mark.is_empty() {
        return Err("split() needs a text to split at".into());
    }
    let parts = text.split(mark).count();
    if parts > ITEMS_MAX {
        return Err(format!("split() into {parts} parts; the most is {ITEMS_MAX}").into());
    }
    Ok(text.split(mark).map(|part| Dynamic::from(ImmutableString::from(part))).collect())
}

fn join(list: &mut Array, mark: &str) -> Raised<ImmutableString> {
    let mut joined = String::new();
    for item in list.iter().filter(|item| !item.is_unit()) {
        let item = item.as_immutable_string_ref().map_err(|kind| format!("join() takes texts, not {kind}"))?;
        if !joined.is_empty() {
            joined.push_str(mark);
        }
        joined.push_str(&item);
        if joined.len() > TEXT_BYTES_MAX {
            return Err(too_long(joined.len()));
        }
    }
    Ok(joined.into())
}

/// Characters, not bytes; out of range is cut off.
fn part(text: &str, start: i64, len: i64) -> ImmutableString {
    let start = usize::try_from(start).unwrap_or(0);
    let len = usize::try_from(len).unwrap_or(0);
    text.chars().skip(start).take(len).collect::<String>().into()
}

/// What texts and numbers are compared by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(i64),
    Text(String),
}

fn key(item: &Dynamic, function: &str) -> Raised<Key> {
    if let Ok(number) = item.as_int() {
        return Ok(Key::Number(number));
    }
    match item.as_immutable_string_ref() {
        Ok(text) => Ok(Key::Text(text.as_str().to_owned())),
        Err(kind) => Err(format!("{function}() takes texts and whole numbers, not {kind}").into()),
    }
}

fn unique(list: &mut Array) -> Raised<Array> {
    let mut seen = std::collections::BTreeSet::new();
    let mut kept = Array::new();
    for item in list.iter() {
        if seen.insert(key(item, "unique")?) {
            kept.push(item.clone());
        }
    }
    Ok(kept)
}

fn sort_texts_or_numbers(list: &mut Array) -> Raised<()> {
    let mut keyed = list.iter().map(|item| Ok((key(item, "sort")?, item.clone()))).collect::<Raised<Vec<_>>>()?;
    keyed.sort_by(|left, right| left.0.cmp(&right.0));
    *list = keyed.into_iter().map(|(_, item)| item).collect();
    Ok(())
}

/// Sorts with a function of the script (negative or `true` = the first comes first). Unlike rhai's own it passes errors and limits on,
/// and a function that contradicts itself costs nothing but the order.
#[expect(clippy::needless_pass_by_value, reason = "rhai passes the context by value")]
fn sort_by(context: NativeCallContext, list: &mut Array, first: FnPtr) -> Raised<()> {
    let mut sorted = Array::with_capacity(list.len());
    for item in list.iter() {
        let (mut low, mut high) = (0, sorted.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if comes_before(&first.call_raw(&context, None, [item.clone(), sorted[middle].clone()])?)? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        sorted.insert(low, item.clone());
    }
    *list = sorted;
    Ok(())
}

fn comes_before(answer: &Dynamic) -> Raised<bool> {
    match (answer.as_bool(), answer.as_int()) {
        (Ok(before), _) => Ok(before),
        (_, Ok(order)) => Ok(order < 0),
        _ => Err("the function given to sort() must answer true, false or a whole number".into()),
    }
}

/// Latin letters without their marks. What is not here and not ASCII is left out.
const LETTERS: &[(&str, &str)] = &[
    ("àáâãåāăą", "a"),
    ("ä", "ae"),
    ("æ", "ae"),
    ("çćĉċč", "c"),
    ("ďđð", "d"),
    ("èéêëēĕėęě", "e"),
    ("ĝğġģ", "g"),
    ("ĥħ", "h"),
    ("ìíîïĩīĭįı", "i"),
    ("ĵ", "j"),
    ("ķ", "k"),
    ("ĺļľŀł", "l"),
    ("ñńņň", "n"),
    ("òóôõøōŏő", "o"),
    ("ö", "oe"),
    ("œ", "oe"),
    ("ŕŗř", "r"),
    ("śŝşšș", "s"),
    ("ß", "ss"),
    ("ţťŧț", "t"),
    ("þ", "th"),
    ("ùúûũūŭůűų", "u"),
    ("ü", "ue"),
    ("ŵ", "w"),
    ("ýÿŷ", "y"),
    ("źżž", "z"),
];

fn ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii() {
            plain.push(letter);
            continue;
        }
        let lower = letter.to_lowercase().next().unwrap_or(letter);
        let Some((_, latin)) = LETTERS.iter().find(|(letters, _)| letters.contains(lower)) else { continue };
        let mut latin = latin.chars();
        let head = latin.next().unwrap_or_default();
        plain.push(if letter.is_uppercase() { head.to_ascii_uppercase() } else { head });
        plain.extend(latin);
    }
    plain
}
