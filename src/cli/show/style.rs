//! How output looks: width, colour, time zone, and how much of a long list.

use std::io::IsTerminal;

use jiff::tz::TimeZone;

use crate::clock::Timestamp;

/// Width when nothing says otherwise: what fits a README and most windows.
const WIDTH_DEFAULT: u16 = 100;
/// Wider tables are harder to read, not easier.
const WIDTH_MAX: u16 = 160;
/// Narrower than this nothing useful fits.
const WIDTH_MIN: u16 = 60;

/// How output looks.
#[derive(Debug, Clone)]
pub(crate) struct Style {
    /// Columns.
    pub(crate) width: u16,
    /// Whether colours may be used.
    pub(crate) colour: bool,
    /// The time that *ago* counts from.
    pub(crate) now: Timestamp,
    /// The zone that times are shown in.
    pub(crate) zone: TimeZone,
    /// Rows shown of each group of a long list; the rest is counted.
    pub(crate) rows_max: usize,
}

impl Style {
    /// For standard output as it is: no colour when it is no terminal, or when `NO_COLOR` is set.
    pub(crate) fn of_stdout(now: Timestamp) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let asked = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
        let measured = if terminal { comfy_table::Table::new().width() } else { None };
        Self {
            width: asked.or(measured).unwrap_or(WIDTH_DEFAULT).clamp(WIDTH_MIN, WIDTH_MAX),
            colour: terminal && std::env::var_os("NO_COLOR").is_none(),
            now,
            zone: TimeZone::system(),
            rows_max: 12,
        }
    }

    /// `text` in a tint, if colours may be used.
    pub(crate) fn paint(&self, tint: Tint, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match tint {
            Tint::Plain => return text.to_owned(),
            Tint::Strong => "1",
            Tint::Faint => "2",
            Tint::Good => "32",
            Tint::Warn => "33",
            Tint::Bad => "31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// What a colour means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Tint {
    /// No colour.
    #[default]
    Plain,
    /// A heading.
    Strong,
    /// Less important.
    Faint,
    /// All is well.
    Good,
    /// A person should look.
    Warn,
    /// Something is wrong.
    Bad,
}
