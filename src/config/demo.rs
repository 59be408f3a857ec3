//! The company that ships with Usher, for `usher demo`: Tanuki Works, 62 invented people, two apps.

/// What the demo's app files have where the base URL of the Nulab Pass target belongs.
pub const NULAB_URL: &str = "{NULAB_URL}";
/// What the demo's app files have where the base URL of the nullplatform target belongs.
pub const NULLPLATFORM_URL: &str = "{NULLPLATFORM_URL}";

/// The demo's files by path below its workspace: `usher.toml`, `people.csv` (everybody, for a full import), `changes.csv` (one moves, one
/// leaves, for a delta), `rules/tanuki-platform.*` and `apps/*.toml`, in which [`NULAB_URL`] and [`NULLPLATFORM_URL`] are to be
/// replaced. Connectors and the other rules are those that come with Usher; tokens go to `secrets/nulab.token` and `secrets/nullplatform.token`.
pub fn demo_files() -> &'static [(&'static str, &'static str)] {
    &[
        ("usher.toml", include_str!("../../examples/demo/usher.toml")),
        ("people.csv", include_str!("../../examples/demo/people.csv")),
        ("changes.csv", include_str!("../../examples/demo/changes.csv")),
        ("rules/tanuki-platform.rhai", include_str!("../../examples/demo/rules/tanuki-platform.rhai")),
        (
            "rules/tanuki-platform.examples.toml",
            include_str!("../../examples/demo/rules/tanuki-platform.examples.toml"),
        ),
        ("apps/nulab.toml", include_str!("../../examples/demo/apps/nulab.toml")),
        ("apps/nullplatform.toml", include_str!("../../examples/demo/apps/nullplatform.toml")),
    ]
}
