//! Access, with names that would be script if they were not escaped.

use usher::access::credential::{SignIn, Token, TokenKind, Typed, Way};
use usher::access::{FourEyes, Operator, Role};
use usher::clock::Timestamp;
use usher::digest::Digest;
use usher::engine::access_command::{Deed, KeptSecret, Person};
use usher::engine::answer::TokenAnswer;
use usher::id::{AppName, OperatorId, TokenId, UserId};
use usher::server::console::access::{deeds, operators, own, secrets, tokens};
use usher::server::console::layout::Viewer;

const EVIL: &str = "<script>alert(1)</script>\"'&";
const NOW: Timestamp = Timestamp::from_millis(1_772_366_400_000);

fn viewer(role: Role) -> Viewer {
    Viewer { name: EVIL.into(), role, csrf: "form_sample".into() }
}

fn person(number: u128, name: &str, issuer: Option<&str>, disabled: bool) -> Person {
    let operator = Operator {
        id: OperatorId::of_number(number),
        name: name.into(),
        role: Role::Approver,
        os_account: issuer.is_none().then(|| EVIL.to_owned()),
        user: None,
        disabled,
        since: NOW,
    };
    let last = (number != 2).then_some(SignIn { at: NOW, way: Way::OpenId });
    Person {
        operator,
        password_since: (number == 1).then_some(NOW),
        issuer: issuer.map(str::to_owned),
        last,
        tokens: 3,
    }
}

fn token(secret: bool) -> TokenAnswer {
    let token = Token {
        id: TokenId::of_number(7),
        operator: OperatorId::of_number(1),
        name: EVIL.into(),
        kind: TokenKind::Service,
        role: Role::Viewer,
        digest: Digest::default(),
        issued_at: NOW,
        expires_at: NOW,
    };
    TokenAnswer { token, owner: EVIL.into(), secret: secret.then(|| Typed::new("ush_sample")) }
}

/// Every page of this place.
pub(crate) fn pages() -> Vec<(&'static str, String)> {
    let told = vec![format!("{EVIL} is viewer now")];
    let people =
        vec![person(1, EVIL, None, false), person(2, "kenji", None, true), person(3, "yuki", Some(EVIL), false)];
    let of = |role| operators::Operators {
        viewer: viewer(role),
        told: told.clone(),
        people: people.clone(),
        four_eyes: FourEyes::Record,
        now: NOW,
    };
    let tokens_of = |fresh| tokens::Tokens {
        viewer: viewer(Role::Admin),
        told: told.clone(),
        fresh,
        tokens: vec![token(false)],
        now: NOW,
    };
    let app = || AppName::new("crm").unwrap();
    let kept = vec![
        KeptSecret { app: app(), origin: EVIL.into(), sealed: Some((NOW, EVIL.into())) },
        KeptSecret { app: AppName::new("chat").unwrap(), origin: EVIL.into(), sealed: None },
    ];
    let deed = Deed {
        sequence: 9,
        at: NOW,
        operator: EVIL.into(),
        what: EVIL.into(),
        app: Some(app()),
        user: Some((UserId::of_number(1), EVIL.into())),
    };
    let deeds = deeds::Deeds {
        viewer: viewer(Role::Viewer),
        operator: EVIL.into(),
        operators: vec![EVIL.into()],
        deeds: vec![deed],
        next: Some(8),
        now: NOW,
    };
    let own = own::Own {
        viewer: viewer(Role::Viewer),
        told: told.clone(),
        person: person(1, EVIL, Some(EVIL), false),
        passwords: true,
        now: NOW,
    };
    let secrets = secrets::Secrets { viewer: viewer(Role::Admin), told: told.clone(), secrets: kept, now: NOW };
    vec![
        ("access-operators", operators::page(&of(Role::Admin)).into_string()),
        ("access-operators-viewer", operators::page(&of(Role::Viewer)).into_string()),
        ("access-tokens", tokens::page(&tokens_of(None)).into_string()),
        ("access-tokens-new", tokens::page(&tokens_of(Some(token(true)))).into_string()),
        ("access-secrets", secrets::page(&secrets).into_string()),
        ("access-you", own::page(&own).into_string()),
        ("access-history", deeds::page(&deeds).into_string()),
    ]
}
