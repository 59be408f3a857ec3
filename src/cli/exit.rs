//! How a command ended, as an exit code.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: it did not come out as it should, and the output says how.
    Failed,
    /// 2: the command line was not understood.
    Usage,
    /// 3: done, and a person should look: failed events, a bad check, rows that could not be read.
    Attention,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Attention => 3,
        })
    }
}
