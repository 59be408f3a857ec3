//! The chain of entries.

use proptest::prelude::*;
use usher::clock::Timestamp;
use usher::history::chain::{self, BLOCK_ENTRIES_MAX, Walk};
use usher::provision::entry::{Entry, Fact};
use usher::store::Store;
use usher::store::memory::MemoryStore;

use super::world::{all_is_well, at, block_on};

fn entries(first: u64, words: &[String]) -> Vec<(Entry, Vec<u8>)> {
    (first..)
        .zip(words)
        .map(|(sequence, what)| {
            let at = Timestamp::from_millis(i64::try_from(sequence).unwrap());
            let entry =
                Entry { sequence, at, event: None, app: None, user: None, fact: Fact::Store { what: what.clone() } };
            let body = chain::encode(&entry);
            (entry, body)
        })
        .collect()
}

fn walked(blocks: &[chain::Block]) -> Walk {
    let mut walk = Walk::default();
    for block in blocks {
        walk.block(&block.encoded, &block.bodies);
    }
    walk
}

#[test]
fn entries_become_blocks_that_follow_each_other() {
    let words: Vec<String> = (0..2_500).map(|number| format!("fact {number}")).collect();
    let blocks = chain::build(&entries(1, &words), [0; 32]);
    assert_eq!(blocks.len(), 2_500 / BLOCK_ENTRIES_MAX + 1);
    let walk = walked(&blocks);
    assert_eq!((walk.sequence, walk.blocks, walk.problems), (2_500, 3, Vec::new()));
    let span = blocks[1].header.span(1_500).unwrap();
    assert_eq!(chain::decode(&blocks[1].bodies[span]).unwrap().sequence, 1_500);
}

#[test]
fn a_missing_block_is_named() {
    let words: Vec<String> = (0..2_500).map(|number| format!("fact {number}")).collect();
    let mut blocks = chain::build(&entries(1, &words), [0; 32]);
    blocks.remove(1);
    assert!(walked(&blocks).problems[0].contains("entries 1025 to 2048 are missing"));
}

proptest! {
    #[test]
    fn any_changed_byte_is_found(words in prop::collection::vec(".{0,40}", 1..20), place in any::<prop::sample::Index>(), body in any::<bool>()) {
        let mut blocks = chain::build(&entries(1, &words), [0; 32]);
        let end = blocks[0].hash;
        let target = if body { &mut blocks[0].bodies } else { &mut blocks[0].encoded };
        let index = place.index(target.len());
        target[index] ^= 0x20;
        let walk = walked(&blocks);
        prop_assert!(!walk.problems.is_empty() || walk.hash != end);
    }
}

#[test]
fn a_crash_takes_only_what_was_not_flushed() {
    let store = MemoryStore::new();
    block_on(async {
        let note = |what: &str| Fact::Store { what: what.into() };
        store.note(note("first"), None, at(1)).await.unwrap();
        store.flush_manually();
        store.note(note("second"), None, at(2)).await.unwrap();
        store.flush();
        store.note(note("third"), None, at(3)).await.unwrap();
        assert_eq!(store.head().await.unwrap().sequence, 3);
        let after = store.crash();
        assert_eq!(after.head().await.unwrap().sequence, 2);
        all_is_well(&after).await;
        after.note(note("fourth"), None, at(4)).await.unwrap();
        assert_eq!(after.entries_after(2, 10).await.unwrap()[0].fact, note("fourth"));
        all_is_well(&after).await;
    });
}
