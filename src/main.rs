//! The `usher` binary.

use std::path::Path;
use std::process::ExitCode;

use usher::clock::{Clock, SystemClock};
use usher::store::exercise;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["store", "exercise", dir, "--acts", acts] => exercise_store(Path::new(dir), acts),
        _ => {
            eprintln!("usage: usher store exercise DIR --acts N");
            ExitCode::from(2)
        }
    }
}

fn exercise_store(dir: &Path, acts: &str) -> ExitCode {
    let Ok(acts) = acts.parse() else {
        eprintln!("--acts: `{acts}` is no number");
        return ExitCode::from(2);
    };
    match exercise::exercise(dir, acts, SystemClock.now(), &mut std::io::stdout().lock()) {
        Ok(done) => {
            println!("{} acts in {:.3} s", done.acts, done.elapsed.as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
