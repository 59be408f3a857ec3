//! The connectors that ship with Usher: `usher init` writes them into the workspace, where they can be read and changed.

/// File name and text of every connector that ships with Usher, generic first.
pub fn builtin() -> [(&'static str, &'static str); 3] {
    [
        ("generic-scim2.toml", include_str!("../../connectors/generic-scim2.toml")),
        ("nulab-pass.toml", include_str!("../../connectors/nulab-pass.toml")),
        ("nullplatform.toml", include_str!("../../connectors/nullplatform.toml")),
    ]
}
