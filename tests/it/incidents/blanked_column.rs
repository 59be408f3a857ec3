//! **One blanked column.** A report lost a column's values: the heading was there, each cell empty. The tool wrote *no value* over every
//! title and department, and where the column was the address, it found people without one and let their accounts go.
//!
//! Here the import is parked, because an attribute goes empty for many. Applied all the same, the clearing is one held batch; an account
//! without what it needs is refused, which removes nothing. The next whole export leaves nothing of it.

use usher::provision::event::StatusKind;
use usher::provision::operation::Kind;

use crate::engine::house::{Plan, people};

use super::scene::{applied, at_rest, company, nothing_happens, one_batch_waits, parked, target};

/// The column with this number is there and empty.
fn blanked(csv: &str, column: usize) -> String {
    let mut lines = csv.lines();
    let heading = lines.next().unwrap();
    let rows = lines.map(|line| {
        let cells = line.split(',').enumerate();
        cells.map(|(at, cell)| if at == column { "" } else { cell }).collect::<Vec<_>>().join(",")
    });
    std::iter::once(heading.to_owned()).chain(rows).map(|line| line + "\n").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blanked_title_is_cleared_for_nobody_unasked() {
    let house = company(Plan::default(), 50).await;
    let before = target(&house);
    let (id, why) = parked(&house, &blanked(&people(50), 5)).await;
    assert!(why.contains("`title` goes empty for 50 users"), "{why}");
    applied(&house, id).await;
    one_batch_waits(&house, Kind::Update, 50).await;
    house.import(&people(50), true).await.unwrap();
    at_rest(&house).await;
    assert_eq!(target(&house), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blanked_address_lets_no_account_go() {
    let house = company(Plan::default(), 50).await;
    let before = target(&house);
    let (id, why) = parked(&house, &blanked(&people(50), 1)).await;
    assert!(why.contains("`email` goes empty for 50 users"), "{why}");
    applied(&house, id).await;
    nothing_happens(&house).await;
    assert_eq!(house.ended(StatusKind::Refused).await, 50, "each is blocked, with the reason");
    assert!(house.accounts().values().all(|active| *active));
    house.import(&people(50), true).await.unwrap();
    at_rest(&house).await;
    assert_eq!(target(&house), before);
}
