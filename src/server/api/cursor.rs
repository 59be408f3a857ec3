//! Cursors: where the next page begins, in a form that nobody takes apart. A cursor of another list is refused.

use std::fmt::Display;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::id::{AppName, UserId};
use crate::server::problem::Problem;

/// The cursor of a list.
pub fn write(list: &str, at: impl Display) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list} {at}"))
}

/// Where the page begins; `None` = at the start.
///
/// # Errors
/// If it is no cursor of this list.
pub fn read<T: FromStr>(list: &str, cursor: Option<&str>) -> Result<Option<T>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let wrong = || Problem::bad_request("cursor: pass the `next` of an earlier page of the same list, as it was");
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| wrong())?;
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    let at = text.strip_prefix(list).and_then(|rest| rest.strip_prefix(' ')).ok_or_else(wrong)?;
    at.parse().map(Some).map_err(|_| wrong())
}

/// A pair, as a cursor of accounts has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairAt(pub AppName, pub UserId);

impl Display for PairAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.0, self.1)
    }
}

impl FromStr for PairAt {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (app, user) = text.split_once(' ').ok_or(())?;
        Ok(Self(app.parse().map_err(drop)?, user.parse().map_err(drop)?))
    }
}
