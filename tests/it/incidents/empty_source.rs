//! **Empty source answer.** An HR system answered an export with its headings and no rows (a view without rights, a job that ran before
//! the data was there). The tool took it for the truth: everybody was gone, all accounts were deactivated overnight, and mailboxes and
//! groups went with them.
//!
//! Here an export without rows is refused, whatever is said beside it; nothing is staged, planned or sent, and the next export goes on
//! as if it had not been.

use crate::engine::house::{Plan, people};

use super::scene::{at_rest, company, nothing_happens};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_without_rows_removes_nobody() {
    let house = company(Plan::default(), 20).await;
    let headings = people(0);
    for empty in [headings.clone(), format!("{headings}\n"), format!("{headings},,,,,,\n")] {
        let refused = house.import(&empty, true).await.unwrap_err().to_string();
        assert!(refused.contains("no user was found"), "{refused}");
        nothing_happens(&house).await;
    }
    assert_eq!(house.accounts().values().filter(|active| **active).count(), 20);
    // The next night it is whole again, with somebody new.
    house.import(&people(21), true).await.unwrap();
    house.sync().await;
    assert_eq!(house.accounts().values().filter(|active| **active).count(), 21);
    at_rest(&house).await;
}
