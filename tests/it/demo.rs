//! The demo is the first thing that anyone sees: it must come out, and be readable.

use crate::cli::run;

#[test]
fn the_demo_ends_by_itself_with_everything_as_it_should_be() {
    let here = tempfile::tempdir().unwrap();
    let ran = run(here.path(), &["demo", "--once"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.err.is_empty(), "{}", ran.err);
    assert!(ran.out.contains("All of it.") && !ran.out.contains('✗'), "{}", ran.out);
    for part in [
        "Create (",
        "Held for approval",
        "roles: GUEST → USER",
        "active: true → false",
        "Provisioned",
        "parked: 39 users are missing",
        "held 39 (deactivate 39)",
        "the export was cut short",
    ] {
        assert!(ran.out.contains(part), "`{part}` is missing:\n{}", ran.out);
    }
    assert!(!ran.out.contains('\u{1b}'), "no colours when it is no terminal");
    assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_kept_demo_is_a_workspace_like_any_other() {
    let here = tempfile::tempdir().unwrap();
    let ran = run(here.path(), &["demo", "--once", "--keep", "tanuki"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let root = here.path().join("tanuki");
    let users = crate::cli::json(&root, &["users", "list"]);
    assert_eq!(users.as_array().unwrap().len(), 62);
    let again = run(here.path(), &["demo", "--once", "--keep", "tanuki"]);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("empty folder"), "{}", again.err);
}
