//! Text can be read on whatever ground it stands on, in light and dark: the contrast of WCAG 2.2, computed from the tokens of the stylesheet.

use std::collections::BTreeMap;

const STYLE: &str = include_str!("../../../src/server/assets/usher.css");
/// WCAG 2.2, 1.4.3 for text.
const TEXT_MIN: f64 = 4.5;
/// 1.4.11 for the edges of fields and what has the focus.
const EDGE_MIN: f64 = 3.0;

/// The colours of each `:root`: light, then dark.
fn schemes() -> Vec<BTreeMap<String, String>> {
    let tokens = |block: &str| {
        let pairs = block.split(';').filter_map(|line| line.trim().strip_prefix("--")?.split_once(": "));
        pairs
            .filter(|(_, value)| value.starts_with('#'))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    STYLE.split(":root {").skip(1).map(|rest| tokens(rest.split('}').next().unwrap())).collect()
}

/// Relative luminance of `#rrggbb`.
fn luminance(colour: &str) -> f64 {
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn text_has_enough_contrast_on_every_ground_in_light_and_dark() {
    assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
    let schemes = schemes();
    assert_eq!(schemes.len(), 2);
    for colours in schemes {
        let check = |text: &str, ground: &str, least: f64| {
            let seen = contrast(&colours[text], &colours[ground]);
            assert!(seen >= least, "--{text} on --{ground}: {seen:.2} is less than {least}");
        };
        for ground in ["ground", "raised", "sunk", "accent-wash", "good-wash", "note-wash", "bad-wash"] {
            for text in ["text", "soft", "accent", "good", "note", "bad"] {
                check(text, ground, TEXT_MIN);
            }
        }
        check("accent-text", "accent", TEXT_MIN);
        for ground in ["ground", "raised"] {
            check("edge", ground, EDGE_MIN);
        }
    }
}
