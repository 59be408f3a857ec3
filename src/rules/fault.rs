//! What goes wrong with a rule: where it is, what was wrong and what was expected.

use rhai::{EvalAltResult, LexError, ParseError, ParseErrorType, Position};

use crate::rules::sandbox::{self, Hit};
use crate::rules::suggest;

/// A mistake in a rule, or a rule that came out wrong for a user. Displayed as `file:line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct RuleFault {
    /// The rules file below the workspace, or ``role `NAME` `` for a condition.
    pub file: String,
    /// From 1; 0 when the whole file is meant.
    pub line: usize,
    /// From 1, in characters; 0 when the whole line is meant.
    pub column: usize,
    /// What is wrong, with the offending name or value, and what was expected.
    pub message: String,
}

/// Why an evaluation has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The rule is wrong, or wrong for this user: the same input gives the same fault.
    #[error(transparent)]
    Fault(#[from] RuleFault),
    /// The deadline was reached before the operation limit. Says nothing about the rule: the machine may be busy. Evaluate once more,
    /// alone, with [`crate::rules::Rules::evaluate_patiently`].
    #[error("{0}")]
    Fuse(RuleFault),
}

impl RuleError {
    /// The fault, whichever it is.
    pub fn into_fault(self) -> RuleFault {
        match self {
            Self::Fault(fault) | Self::Fuse(fault) => fault,
        }
    }
}

impl RuleFault {
    /// A fault at a position of `file`.
    pub(super) fn at(file: &str, position: Position, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: position.line().unwrap_or(0),
            column: position.position().unwrap_or(usize::from(position.line().is_some())),
            message: message.into(),
        }
    }

    /// From the parser.
    pub(super) fn parse(file: &str, error: &ParseError) -> Self {
        let message = match error.err_type() {
            ParseErrorType::VariableUndefined(name) => undefined(name),
            ParseErrorType::BadInput(LexError::ImproperSymbol(name, _)) if name.starts_with(char::is_alphabetic) => {
                format!("`{name}` can't be used in rules")
            }
            ParseErrorType::Reserved(name) => format!("`{name}` can't be used in rules"),
            ParseErrorType::ExprTooDeep => {
                "this is nested too deeply; take parts out with `let` or a function".to_owned()
            }
            ParseErrorType::UnexpectedEOF => "the file ends too early; a bracket or a string is still open".to_owned(),
            other => other.to_string(),
        };
        Self::at(file, error.position(), message)
    }

    /// From the evaluator, with the limit that the meter saw, if any. Limits have no place of their own: the innermost call has, or
    /// `start`, where the function begins.
    pub(super) fn evaluation(file: &str, error: &EvalAltResult, hit: Option<Hit>, start: Position) -> Self {
        let mut position = start;
        let mut inner = error;
        loop {
            if !inner.position().is_none() {
                position = inner.position();
            }
            match inner {
                EvalAltResult::ErrorInFunctionCall(_, _, cause, _) => inner = cause,
                _ => break,
            }
        }
        let message = match hit {
            Some(hit) => hit.to_string(),
            None => evaluation_message(inner),
        };
        Self::at(file, position, message)
    }
}

fn undefined(name: &str) -> String {
    let sees = "a function, also one written in place (`|x| …`), sees nothing but what it is given";
    match suggest::nearest(name, ["user", "true", "false"]) {
        Some(near) if near != name => format!("unknown variable `{name}`; did you mean `{near}`?"),
        _ => format!("unknown variable `{name}`: {sees}; hand it over, or use a `for` loop"),
    }
}

fn evaluation_message(error: &EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorStackOverflow(_) => {
            format!("functions call each other more than {} levels deep", sandbox::CALL_LEVELS_MAX)
        }
        EvalAltResult::ErrorDataTooLarge(what, _) => format!(
            "{} is over the limit: texts at most {} bytes, lists and maps {} items, all parts together",
            what.to_lowercase(),
            sandbox::TEXT_BYTES_MAX,
            sandbox::ITEMS_MAX
        ),
        EvalAltResult::ErrorTooManyVariables(_) => {
            format!("more than {} variables", sandbox::VARIABLES_MAX)
        }
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            format!(
                "`{signature}` does not exist: no function of that name takes these kinds of values; `()` means no value"
            )
        }
        EvalAltResult::ErrorPropertyNotFound(name, _) => format!("there is no `{name}` here"),
        EvalAltResult::ErrorDotExpr(text, _) if !text.is_empty() => text.clone(),
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        other => {
            let mut bare = other.to_string();
            if let Some(end) = bare.find(" (line ") {
                bare.truncate(end);
            }
            bare
        }
    }
}
