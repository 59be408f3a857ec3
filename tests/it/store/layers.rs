//! Rows lie in the journal, in the tree, and in a group that is not written yet: whatever hides what, a range reads like one of rows in
//! memory.

use usher::directory::change::UserEdit;
use usher::directory::user::Standing;
use usher::store::Store;
use usher::store::memory::MemoryStore;

use super::filing::clear_marks;
use super::world::{app, at, block_on, open, operator, people, user};

const PEOPLE: u64 = 40;
const STEPS: u64 = 50;

/// Numbers that are the same at every run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Marks and clears pairs at random, and says after each step which are marked, by pages of several sizes.
async fn told(store: &dyn Store, seed: u64) -> Vec<String> {
    people(store, PEOPLE).await;
    let mut dice = Dice(seed);
    let mut told = Vec::new();
    for step in 0..STEPS {
        let somebody = user(1 + dice.throw(PEOPLE));
        let edit = match dice.throw(4) {
            0 => UserEdit::Stand(Standing::Suspended),
            1 => UserEdit::Stand(Standing::Active),
            _ => UserEdit::Override { attribute: "title".into(), value: Some(format!("title {step}").as_str().into()) },
        };
        if dice.throw(3) == 0 {
            clear_marks(store, 1 + dice.throw(PEOPLE), 100 + step).await;
        } else {
            store.change_user(somebody, edit, vec![app()], operator(), at(100 + step)).await.unwrap();
        }
        for limit in [1, 3, 100] {
            let all: Vec<_> = store.dirty(&app(), limit).await.unwrap().iter().map(|mark| mark.user).collect();
            let leavers: Vec<_> =
                store.dirty_leavers(&app(), limit).await.unwrap().iter().map(|mark| mark.user).collect();
            assert!(all.starts_with(&leavers), "leavers come first: {all:?}, {leavers:?}");
            told.push(format!("step {step}, {limit}: {all:?}, of them leave {leavers:?}"));
        }
    }
    told
}

#[test]
fn ranges_read_alike_whatever_lies_in_the_journal_and_what_in_the_tree() {
    for seed in 1..=4 {
        let in_memory = block_on(told(&MemoryStore::new(), seed));
        let dir = tempfile::tempdir().unwrap();
        let on_disk = block_on(told(&open(&dir.path().join("store")), seed));
        assert_eq!(in_memory, on_disk, "seed {seed}");
    }
}
