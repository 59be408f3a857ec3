//! Runs the statements of a script, on state that stays warm: which native function an expression means is found once per script and
//! thread, not once per user.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rhai::{AST, Caches, Dynamic, EvalAltResult, GlobalRuntimeState, Scope, Stmt};

use crate::rules::person::Person;
use crate::rules::sandbox::{self, Reading};

/// Scripts a thread keeps warm; beyond it, it starts again with none.
const WARM_MAX: usize = 256;

/// Statements with the functions they may call, numbered so that a thread recognises them.
#[derive(Debug, Clone)]
pub(super) struct Program {
    number: u64,
    ast: AST,
}

struct Warm {
    global: GlobalRuntimeState,
    caches: Caches,
}

thread_local! {
    static WARM: RefCell<BTreeMap<u64, Warm>> = const { RefCell::new(BTreeMap::new()) };
}

impl Program {
    /// The functions of `ast`, with its statements.
    pub(super) fn new(ast: AST) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed), ast }
    }

    /// Other statements with the same functions.
    pub(super) fn with(&self, statements: impl IntoIterator<Item = Stmt>) -> Self {
        Self { number: self.number, ast: AST::new(statements, self.ast.shared_lib().clone()) }
    }

    /// What was parsed.
    pub(super) fn ast(&self) -> &AST {
        &self.ast
    }
}

/// One metered run over one person.
pub(super) struct Machine {
    warm: Warm,
    scope: Scope<'static>,
    failed: bool,
}

impl Machine {
    /// Runs `work` under the operation limit and the deadline. Every program that `work` evaluates must be made of `program`.
    pub(super) fn run<T>(
        program: &Program,
        person: &Person,
        allowed: Duration,
        work: impl FnOnce(&mut Self) -> T,
    ) -> (T, Reading) {
        let warm = WARM.with_borrow_mut(|warm| warm.remove(&program.number)).unwrap_or_else(|| {
            let mut global = sandbox::engine().new_global_runtime_state();
            global.lib.push(program.ast.shared_lib().clone());
            Warm { global, caches: Caches::new() }
        });
        let mut scope = Scope::new();
        scope.push("user", person.clone());
        let mut machine = Self { warm, scope, failed: false };
        let (result, reading) = sandbox::metered(allowed, || work(&mut machine));
        // An error may leave call levels behind: only what ended well stays warm.
        if !machine.failed {
            WARM.with_borrow_mut(|warm| {
                if warm.len() >= WARM_MAX {
                    warm.clear();
                }
                warm.insert(program.number, machine.warm);
            });
        }
        (result, reading)
    }

    /// Evaluates the statements of `program`; what they declare stays until [`Machine::rewind`].
    #[expect(
        deprecated,
        reason = "the only way to keep the caches; rhai's version is held by Cargo.lock and this by a test"
    )]
    pub(super) fn evaluate(&mut self, program: &Program) -> Result<Dynamic, Box<EvalAltResult>> {
        let result = sandbox::engine().eval_statements_raw(
            &mut self.warm.global,
            &mut self.warm.caches,
            &mut self.scope,
            program.ast.statements(),
        );
        self.failed |= result.is_err();
        result
    }

    /// How many variables there are.
    pub(super) fn variables(&self) -> usize {
        self.scope.len()
    }

    /// Forgets the variables declared since there were `variables`.
    pub(super) fn rewind(&mut self, variables: usize) {
        self.scope.rewind(variables);
    }
}
