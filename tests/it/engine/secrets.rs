//! Secrets that are sealed for a place which their app has left.

use std::sync::Arc;

use usher::access::credential::SealedSecret;
use usher::connector::AppSpec;
use usher::digest::Digest;
use usher::engine::{Connect, Engine, Parts};
use usher::entropy::SystemEntropy;
use usher::id::AppName;
use usher::scim::Target;
use usher::store::deeds::DeedQuery;

use super::house::{House, Plan};

struct Nowhere;

impl Connect for Nowhere {
    fn connect(&self, _: &AppSpec) -> Result<Arc<dyn Target>, String> {
        Err("nobody is called here".into())
    }

    fn mark(&self, _: &AppSpec) -> Digest {
        Digest::default()
    }
}

#[tokio::test]
async fn a_process_that_died_between_an_activation_and_the_drop_leaves_it_to_the_next_one() {
    let house = House::build(Plan::default()).await;
    let secret = |app: &str, origin: &str| SealedSecret {
        app: AppName::new(app).unwrap(),
        origin: origin.to_owned(),
        sealed: b"a box".to_vec(),
        by: house.actor.operator,
        at: house.now(),
    };
    let (host, _) = house.base_url.split_once("/scim").unwrap();
    let store = house.engine.store();
    // What the store has after an activation that moved one app away and took another out, and before the drop.
    for left in [secret("app", "https://before.example"), secret("gone", host)] {
        store.put_secret(left).await.unwrap();
    }
    let open = || {
        let (store, clock) = (Arc::clone(house.engine.store()), house.clock.clone());
        Engine::open(Parts { store, clock, entropy: Arc::new(SystemEntropy), connect: Arc::new(Nowhere) })
    };
    open().await.unwrap();
    assert_eq!(store.secrets().await.unwrap(), []);
    let deeds = store.deeds(DeedQuery { limit: 9, ..DeedQuery::default() }).await.unwrap();
    let told = format!("{:?}", deeds.items);
    for why in ["not https://before.example", "the app is gone"] {
        assert!(told.contains(why), "{why}: {told}");
    }
    // One that is where it belongs stays.
    store.put_secret(secret("app", host)).await.unwrap();
    open().await.unwrap();
    assert_eq!(store.secrets().await.unwrap().len(), 1);
}
