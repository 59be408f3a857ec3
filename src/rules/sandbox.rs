//! The engine that scripts run in: what it may use up, and how that is measured.
//!
//! Operations are counted here and not by rhai: it forgets those made inside a function that a list calls back, so its own limit
//! would not be a verdict.

use std::cell::Cell;
use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicMapPackage, BasicStringPackage, LogicPackage,
    Package,
};
use rhai::{Dynamic, Engine, OptimizationLevel};

use crate::rules::{matching, person, shape, vocabulary};

/// Operations one function of a script may take (`reliability.md` section 4).
pub const OPERATIONS_MAX: u64 = 50_000;
/// The fuse: how long one function of a script may take before it is tried again alone.
pub const DEADLINE: Duration = Duration::from_millis(50);
/// How long it may take when it is tried alone: ten times [`DEADLINE`].
pub const PATIENT_DEADLINE: Duration = Duration::from_millis(500);
/// Levels of function calls.
pub const CALL_LEVELS_MAX: usize = 16;
/// Nesting of expressions, in role conditions and in functions. Functions get 32 and not 16, because a list of maps inside a call inside
/// an `if` inside the account map is deeper than 16 as rhai counts; 32 was measured safe with every call level (`tests/it/rules.rs`).
pub const EXPRESSION_DEPTH_MAX: usize = 32;
/// Bytes of a text, or of all texts in a list or map.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Items of a list or a map, those of its parts included.
pub const ITEMS_MAX: usize = 256;
/// Variables alive at a time.
pub const VARIABLES_MAX: usize = 256;
/// Functions in one script, those written in place included: beyond this nobody reads it.
pub const FUNCTIONS_MAX: usize = 512;
/// Bytes of one script.
pub const SOURCE_BYTES_MAX: usize = 64 * 1024;
/// The clock is read once in this many operations.
const OPERATIONS_PER_LOOK: u64 = 64;

/// Words of the language that rules do without: they evaluate text, name functions by text, or write somewhere.
const DISABLED: &[&str] =
    &["eval", "Fn", "call", "curry", "is_def_fn", "is_def_var", "is_shared", "print", "debug", "exit", "this"];

/// A limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hit {
    /// The verdict.
    Operations,
    /// The fuse.
    Deadline,
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operations => {
                write!(f, "more than {OPERATIONS_MAX} operations for one user; is there a loop without an end?")
            }
            Self::Deadline => f.write_str("took too long for one user; is there a loop without an end?"),
        }
    }
}

/// What one run has used. Per thread: an evaluation never leaves its thread and never starts another.
struct Meter {
    operations: Cell<u64>,
    deadline: Cell<Option<Instant>>,
    hit: Cell<Option<Hit>>,
}

thread_local! {
    static METER: Meter =
        const { Meter { operations: Cell::new(0), deadline: Cell::new(None), hit: Cell::new(None) } };
}

/// What a metered run used up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Operations taken.
    pub(super) operations: u64,
    /// The limit reached, even if the script swallowed the error.
    pub(super) hit: Option<Hit>,
}

/// Runs `run` under the operation limit and a deadline.
pub(super) fn metered<T>(allowed: Duration, run: impl FnOnce() -> T) -> (T, Reading) {
    METER.with(|meter| {
        meter.operations.set(0);
        meter.hit.set(None);
        meter.deadline.set(Instant::now().checked_add(allowed));
    });
    let result = run();
    let reading = METER.with(|meter| Reading { operations: meter.operations.get(), hit: meter.hit.get() });
    (result, reading)
}

fn tick(meter: &Meter) -> Option<Dynamic> {
    let operations = meter.operations.get() + 1;
    meter.operations.set(operations);
    if operations > OPERATIONS_MAX {
        meter.hit.set(meter.hit.get().or(Some(Hit::Operations)));
    } else if operations.is_multiple_of(OPERATIONS_PER_LOOK)
        && meter.deadline.get().is_some_and(|deadline| Instant::now() > deadline)
    {
        meter.hit.set(meter.hit.get().or(Some(Hit::Deadline)));
    }
    meter.hit.get().map(|_| Dynamic::UNIT)
}

/// The one engine: immutable once built, shared by all threads.
pub(super) fn engine() -> &'static Engine {
    static ENGINE: LazyLock<Engine> = LazyLock::new(build);
    &ENGINE
}

fn build() -> Engine {
    let mut engine = Engine::new_raw();
    // Only what `vocabulary` lists may be called; the packages bring the operators and the list and map functions behind it.
    ArithmeticPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicStringPackage::new().register_into_engine(&mut engine);
    BasicIteratorPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    engine
        .set_max_call_levels(CALL_LEVELS_MAX)
        .set_max_expr_depths(EXPRESSION_DEPTH_MAX, EXPRESSION_DEPTH_MAX)
        .set_max_string_size(TEXT_BYTES_MAX)
        .set_max_array_size(ITEMS_MAX)
        .set_max_map_size(ITEMS_MAX)
        .set_max_variables(VARIABLES_MAX)
        .set_max_functions(FUNCTIONS_MAX)
        .set_strict_variables(true)
        .set_fail_on_invalid_map_property(true)
        .set_allow_shadowing(true)
        .set_optimization_level(OptimizationLevel::None)
        .on_print(|_| {})
        .on_debug(|_, _, _| {})
        .on_progress(|_| METER.with(tick));
    for word in DISABLED {
        engine.disable_symbol(*word);
    }
    person::register(&mut engine);
    shape::register(&mut engine);
    matching::register(&mut engine);
    vocabulary::register(&mut engine);
    engine
}
