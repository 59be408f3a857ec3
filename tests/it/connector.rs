//! Connector files: the shipped ones, and mistakes in somebody's own.

use std::path::Path;

use usher::connector::{Bundle, Connector, Deactivation, FilterCombination, GroupMode, UsernameChange, builtin};
use usher::directory::Value;

fn parse(source: &str) -> Result<Connector, String> {
    Connector::parse(Path::new("connectors/mine.toml"), source).map_err(|error| error.to_string())
}

fn shipped(name: &str) -> Connector {
    let (file, text) = builtin().into_iter().find(|(file, _)| *file == name).unwrap();
    Connector::parse(Path::new(file), text).unwrap()
}

const HEAD: &str = "name = \"mine\"\ntitle = \"Mine\"\n";

#[test]
fn every_shipped_connector_parses_and_is_called_like_its_file() {
    for (file, text) in builtin() {
        let connector = Connector::parse(Path::new(file), text).unwrap();
        assert_eq!(format!("{}.toml", connector.name), file);
        assert!(connector.base_url.starts_with("https://"), "{file}");
        assert!(!connector.notes.is_empty(), "{file}");
    }
}

#[test]
fn the_generic_connector_spells_out_the_defaults() {
    let generic = shipped("generic-scim2.toml");
    let bare = parse(HEAD).unwrap();
    assert_eq!(generic.http, bare.http);
    assert_eq!(generic.discovery, bare.discovery);
    assert_eq!(generic.paging, bare.paging);
    assert_eq!(generic.filter, bare.filter);
    assert_eq!(generic.users, bare.users);
    assert_eq!(generic.groups.mode, bare.groups.mode);
}

#[test]
fn nulab_pass_is_described_in_full() {
    let nulab = shipped("nulab-pass.toml");
    assert!(nulab.base_url.contains("{SPACE}"));
    assert_eq!(nulab.users.username_change, UsernameChange::Replaces);
    assert_eq!(nulab.users.deactivate, Deactivation::Active);
    assert!(nulab.users.username_is_email && nulab.users.token_issuer_fixed && !nulab.users.delete);
    assert_eq!(nulab.groups.mode, GroupMode::None);
    assert_eq!(nulab.privileged, ["roles:ADMIN"]);
    let roles = nulab.rule("roles").unwrap();
    assert_eq!(roles.allowed, ["ADMIN", "USER", "GUEST"]);
    assert_eq!(roles.fallback, Some(Value::from("GUEST")));
    assert_eq!(roles.patch_path, r#"roles[primary eq "True"].value"#);
    assert!(nulab.rule("displayName").unwrap().required);
    assert!(nulab.rule("timezone").unwrap().create_only && nulab.rule("preferredLanguage").unwrap().create_only);
    assert!(nulab.lacks("name.givenName") && nulab.lacks("title") && !nulab.lacks("active"));
}

#[test]
fn nullplatform_is_described_in_full() {
    let target = shipped("nullplatform.toml");
    assert_eq!(target.paging.page_size_max, 200);
    assert_eq!(target.filter.combine, FilterCombination::None);
    assert_eq!(target.groups.mode, GroupMode::MembershipOnly);
    for path in ["phoneNumbers", "addresses", "photos", "timezone", "locale", "password", "name.middleName", "title"] {
        assert!(target.lacks(path), "{path}");
    }
    for path in ["userName", "externalId", "name.givenName", "name.familyName", "displayName", "emails", "active"] {
        assert!(!target.lacks(path), "{path}");
    }
}

#[test]
fn an_unknown_key_is_an_error_with_line_and_column() {
    let error =
        parse(&format!("{HEAD}\n[users]\nmatch_on = [\"userName\"]\nusername_chnage = \"never\"\n")).unwrap_err();
    assert!(error.starts_with("connectors/mine.toml:6:1: "), "{error}");
    assert!(error.contains("username_chnage") && error.contains("username_change"), "{error}");
}

#[test]
fn a_value_that_does_not_exist_is_an_error_with_line_and_column() {
    let error = parse(&format!("{HEAD}[users]\nusername_change = \"sometimes\"\n")).unwrap_err();
    assert!(error.starts_with("connectors/mine.toml:4:19: "), "{error}");
    assert!(error.contains("sometimes") && error.contains("in_place"), "{error}");
}

#[test]
fn contradictions_are_refused_with_the_values_that_contradict() {
    let cases = [
        ("[paging]\nlist = false\n[users]\nmatch_on = []", "no existing account could ever be found"),
        ("[paging]\nlist = false\n[filter]\nsupported = false", "both false"),
        ("[paging]\npage_size = 500\npage_size_max = 200", "page_size is 500"),
        ("[http]\nrate_max = 0", "rate_max"),
        ("[filter]\noperators = [\"equals\"]", "`equals`"),
        ("[filter]\noperators = [\"sw\"]", "lacks `eq`"),
        ("[filter]\nattributes = [\"externalId\"]", "match_on has `userName`"),
        ("[users]\nmatch_on = [\"title\"]\nunsupported = [\"title\"]", "does not have that attribute"),
        ("[users]\nmatch_on = [\"externalId\"]\nkeeps_external_id = false", "keeps_external_id"),
        ("[users]\nunsupported = [\"title\"]\n[attributes.title]\nrequired = true", "only be in one"),
        ("[users]\nmatch_on = [\"emails\"]\nclosed = true\n[attributes.emails]", "userName is unsupported"),
        ("[users]\ndeactivate = \"delete\"", "users.delete"),
        ("[groups]\nmode = \"none\"\npath = \"/Groups\"", "groups.path"),
        ("[users]\npath = \"Users\"", "must start with `/`"),
        ("[attributes.title]\nread_only = true\nrequired = true", "read_only excludes"),
        ("[attributes.roles]\nallowed = [\"A\"]\nfallback = \"B\"", "fallback `B` is not allowed"),
        ("[attributes.roles]\npatch_path = \"groups[primary eq true]\"", "must start with `roles`"),
    ];
    for (body, words) in cases {
        let error = parse(&format!("{HEAD}{body}\n")).expect_err(body);
        assert!(error.contains(words), "{body}: {error}");
    }
}

#[test]
fn two_connector_files_with_one_name_are_refused_instead_of_one_hiding_the_other() {
    let (_, text) = builtin()[0];
    let mut bundle = Bundle::default();
    bundle.files.insert("connectors/generic-scim2.toml".to_owned(), text.to_owned());
    bundle.files.insert("connectors/mine.toml".to_owned(), text.to_owned());
    let errors = bundle.resolve().unwrap_err();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].to_string().contains("connectors/mine.toml"), "{}", errors[0]);
}
