//! What a check of a draft says: every mistake with its place, and how the examples come out.

use serde::{Deserialize, Serialize};

/// A draft, checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Which files differ from the active revision, in words.
    pub changes: Vec<String>,
    /// Mistakes; with one of them, examples are not run.
    pub mistakes: Vec<Mistake>,
    /// Examples, of all apps.
    pub examples: Vec<ExampleLine>,
}

impl Checked {
    /// Whether it could be activated.
    pub fn is_good(&self) -> bool {
        self.mistakes.is_empty() && self.examples.iter().all(|example| example.problems.is_empty())
    }
}

/// A mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mistake {
    /// The file.
    pub file: String,
    /// From 1; 0 = the whole file.
    pub line: usize,
    /// From 1; 0 = the whole line.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub reason: String,
}

/// How one example came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExampleLine {
    /// The examples' file.
    pub file: String,
    /// Its name; empty = the whole file.
    pub name: String,
    /// What is not as it says; empty = it came out as it should.
    pub problems: Vec<ExampleProblem>,
}

/// One thing that is not as an example says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExampleProblem {
    /// The attribute path, `in_scope`, `create_only` or `entitlements`; empty = the rules or the file are wrong.
    pub what: String,
    /// As the example says; empty = no value.
    pub expected: String,
    /// As the rules say; empty = no value.
    pub got: String,
    /// All of it in words.
    pub words: String,
}
