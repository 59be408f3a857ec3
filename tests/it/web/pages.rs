//! Every page, rendered from its sample: nothing unescaped, nothing inline, forms with their tokens, fields with labels, headings in order.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::markup;
use super::samples;
use super::samples::parts::HARMFUL;

#[test]
fn every_page_is_sound_and_escapes_what_people_and_targets_say() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (place, pages) in samples::all() {
        for (name, page) in pages {
            seen += 1;
            let mut tell = |what: String| wrong.push(format!("{place}, {name}: {what}"));
            if page.contains(HARMFUL) || page.contains("<script>alert") {
                tell("a value is not escaped".to_owned());
            }
            markup::wrong(&page, place != "sign_in").into_iter().for_each(tell);
        }
    }
    assert!(seen >= 10, "only {seen} pages");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_page_of_the_console_has_a_sample() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server/console");
    let mut pages: BTreeMap<String, usize> = BTreeMap::new();
    for file in rust_files(&folder) {
        let source = fs::read_to_string(&file).unwrap();
        let number = source
            .lines()
            .filter(|line| line.starts_with("pub fn page(") || line.starts_with("pub fn set_up_page("))
            .count();
        let relative = file.strip_prefix(&folder).unwrap();
        let place =
            relative.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
        if place != "layout" && number > 0 {
            *pages.entry(place).or_default() += number;
        }
    }
    let samples: BTreeMap<&str, usize> =
        samples::all().into_iter().map(|(place, pages)| (place, pages.len())).collect();
    assert!(pages.values().sum::<usize>() >= 10, "{pages:?}");
    for (place, number) in pages {
        let there = samples.get(place.as_str()).copied().unwrap_or(0);
        assert!(
            there >= number,
            "{place} has {number} pages and {there} samples; add the others in tests/it/web/samples/{place}.rs"
        );
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
