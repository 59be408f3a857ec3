//! Pictures: bars as SVG that the server makes, coloured by the stylesheet alone. Each has a
//! label that says what it shows, and stands by a table with the same numbers.

use maud::{Markup, html};

/// What a part of a bar means: decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// Done.
    Good,
    /// Gone wrong.
    Bad,
    /// Waits for somebody.
    Note,
    /// Anything else.
    Plain,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Note => "note",
            Self::Plain => "plain",
        }
    }
}

/// One bar: what it is of, and its parts from below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// Under the bar; empty = nothing.
    pub label: String,
    /// From below.
    pub parts: Vec<(Tone, u64)>,
}

const WIDTH: u64 = 960;
const HEIGHT: u64 = 190;
/// Where the bars stand.
const LEFT: u64 = 56;
const TOP: u64 = 22;
const FLOOR: u64 = 160;

/// The least round number that is not below `most`: 1, 2 or 5 with zeros.
pub fn ceiling(most: u64) -> u64 {
    let mut unit = 1u64;
    loop {
        for step in [1, 2, 5] {
            if unit.saturating_mul(step) >= most {
                return unit.saturating_mul(step);
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// Upright bars beside each other; `title` says what they show.
pub fn bars(title: &str, bars: &[Bar]) -> Markup {
    let sum = |bar: &Bar| bar.parts.iter().map(|(_, number)| number).sum::<u64>();
    let most = ceiling(bars.iter().map(sum).max().unwrap_or(0).max(1));
    let slot = (WIDTH - LEFT) / (bars.len().max(1) as u64);
    let height = |number: u64| (u128::from(number) * u128::from(FLOOR - TOP) / u128::from(most)) as u64;
    html! {
        div .chart tabindex="0" role="group" aria-label="A chart that may be wider than the page" {
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(title) {
                @for (number, y) in [(most, TOP), (most / 2, FLOOR - height(most / 2)), (0, FLOOR)] {
                    @if number > 0 || y == FLOOR {
                        line .grid x1=(LEFT) x2=(WIDTH) y1=(y) y2=(y) {}
                        text .axis x=(LEFT - 8) y=(y + 4) text-anchor="end" { (number) }
                    }
                }
                @for (position, bar) in bars.iter().enumerate() { (upright(bar, LEFT + position as u64 * slot, slot, &height)) }
            }
        }
    }
}

fn upright(bar: &Bar, x: u64, slot: u64, height: &dyn Fn(u64) -> u64) -> Markup {
    let mut below = 0;
    let stacked = bar.parts.iter().filter(|(_, number)| *number > 0).map(|(tone, number)| {
        let (from, to) = (height(below), height(below + number));
        below += number;
        // What is there is seen, however little it is.
        let tall = (to - from).max(2);
        (*tone, FLOOR - from - tall, tall)
    });
    let (stacked, wide): (Vec<_>, _) = (stacked.collect(), slot * 7 / 10);
    let top = stacked.last().map_or(FLOOR, |(_, y, _)| *y);
    html! {
        g {
            @for (tone, y, tall) in stacked {
                rect .(tone.class()) x=(x + (slot - wide) / 2) y=(y) width=(wide) height=(tall) {}
            }
            @if below > 0 { text .total x=(x + slot / 2) y=(top.saturating_sub(4)) text-anchor="middle" { (below) } }
            @if !bar.label.is_empty() { text .axis x=(x + slot / 2) y=(FLOOR + 18) text-anchor="middle" { (bar.label) } }
        }
    }
}

/// A lying bar for a row of a table that says the number itself.
pub fn lying(parts: &[(Tone, u64)], most: u64) -> Markup {
    let most = most.max(1);
    let mut before = 0;
    let widths = parts.iter().filter(|(_, number)| *number > 0).map(|(tone, number)| {
        let wide = ((u128::from(*number) * 200 / u128::from(most)) as u64).max(2);
        let x = before;
        before += wide;
        (*tone, x, wide)
    });
    let widths: Vec<_> = widths.collect();
    html! {
        svg .lying viewBox="0 0 210 12" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            @for (tone, x, wide) in widths { rect .(tone.class()) x=(x) y="1" width=(wide) height="10" {} }
        }
    }
}
