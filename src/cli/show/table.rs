//! Tables without frames: a header, a line, rows. They fit the width, and cells never carry control characters.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, TableComponent, Width,
};

use crate::cli::show::style::{Style, Tint};
use crate::text::printable;

/// A cell: lines of text in one tint.
#[derive(Debug, Clone, Default)]
pub(crate) struct Field {
    lines: Vec<String>,
    tint: Tint,
    number: bool,
}

/// A cell of one line.
pub(crate) fn text(text: impl AsRef<str>) -> Field {
    Field { lines: vec![printable(text.as_ref())], ..Field::default() }
}

/// A cell of several lines.
pub(crate) fn lines(lines: impl IntoIterator<Item = String>) -> Field {
    Field { lines: lines.into_iter().map(|line| printable(&line)).collect(), ..Field::default() }
}

/// A number, to the right; nothing for zero.
pub(crate) fn count(number: u64) -> Field {
    let shown = if number == 0 { String::new() } else { number.to_string() };
    Field { lines: vec![shown], number: true, ..Field::default() }
}

impl Field {
    /// The same in a tint.
    pub(crate) fn tinted(mut self, tint: Tint) -> Self {
        self.tint = tint;
        self
    }

    fn cell(self, colour: bool) -> Cell {
        let mut cell = Cell::new(self.lines.join("\n"));
        if self.number {
            cell = cell.set_alignment(CellAlignment::Right);
        }
        if !colour {
            return cell;
        }
        match self.tint {
            Tint::Plain => cell,
            Tint::Strong => cell.add_attribute(Attribute::Bold),
            Tint::Faint => cell.add_attribute(Attribute::Dim),
            Tint::Good => cell.fg(Color::Green),
            Tint::Warn => cell.fg(Color::Yellow),
            Tint::Bad => cell.fg(Color::Red),
        }
    }
}

/// Spaces around a cell, in columns.
const PADDING: usize = 2;
/// A column that is narrower can't be read well.
const READABLE: usize = 24;

/// How a column gives way when the table is too wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Give {
    /// As much as it must.
    Freely,
    /// Not below its longest cell, or two fifths of the table, whichever is less.
    Reluctantly,
    /// Never.
    Never,
}

/// A table being filled.
pub(crate) struct Grid {
    table: Table,
    style: Style,
    columns: Vec<(Give, usize)>,
    rows: usize,
}

impl Grid {
    /// A table with these column titles; a title that ends in `!` is a column that is never wrapped (ids, times, counts), one that
    /// ends in `~` one that is wrapped only if it is very wide (names, addresses).
    pub(crate) fn new(style: &Style, titles: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_preset(comfy_table::presets::NOTHING);
        table.set_style(TableComponent::HeaderLines, '─');
        table.set_style(TableComponent::MiddleHeaderIntersections, '─');
        table.set_style(TableComponent::VerticalLines, ' ');
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(style.width);
        if style.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_header(titles.iter().map(|title| {
            let cell = Cell::new(title.trim_end_matches(['!', '~']));
            if style.colour { cell.add_attribute(Attribute::Bold) } else { cell }
        }));
        let give = |title: &str| match title.chars().last() {
            Some('!') => Give::Never,
            Some('~') => Give::Reluctantly,
            _ => Give::Freely,
        };
        let columns = titles.iter().map(|title| (give(title), title.chars().count())).collect();
        Self { table, style: style.clone(), columns, rows: 0 }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, fields: impl IntoIterator<Item = Field>) {
        let fields: Vec<Field> = fields.into_iter().collect();
        for (column, field) in self.columns.iter_mut().zip(&fields) {
            let widest = field.lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
            column.1 = column.1.max(widest);
        }
        let colour = self.style.colour;
        self.table.add_row(fields.into_iter().map(|field| field.cell(colour)));
        self.rows += 1;
    }

    /// Whether no row was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// How narrow each column may become: columns that give way reluctantly leave the others enough to be read.
    fn least_widths(&self) -> Vec<usize> {
        let width = usize::from(self.style.width);
        let least = |(give, widest): &(Give, usize)| match give {
            Give::Freely => (*widest).min(READABLE),
            Give::Never => *widest,
            Give::Reluctantly => (*widest).min(width * 2 / 5),
        };
        let mut widths: Vec<usize> = self.columns.iter().map(least).collect();
        while widths.iter().map(|each| each + PADDING).sum::<usize>() > width {
            let reluctant = |(index, _): &(usize, &usize)| self.columns[*index].0 == Give::Reluctantly;
            let Some((index, widest)) = widths.iter().enumerate().filter(reluctant).max_by_key(|(_, each)| **each)
            else {
                break;
            };
            if *widest <= READABLE / 2 {
                break;
            }
            widths[index] -= 1;
        }
        widths
    }

    /// The table, each line ended.
    pub(crate) fn finish(mut self) -> String {
        let widths = self.least_widths();
        for (index, (give, _)) in self.columns.iter().enumerate() {
            let constraint = match give {
                Give::Freely => continue,
                Give::Never => ColumnConstraint::ContentWidth,
                Give::Reluctantly => {
                    let width = u16::try_from(widths[index] + PADDING).unwrap_or(u16::MAX);
                    ColumnConstraint::LowerBoundary(Width::Fixed(width))
                }
            };
            if let Some(column) = self.table.column_mut(index) {
                column.set_constraint(constraint);
            }
        }
        let mut out = String::new();
        for line in self.table.lines() {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}
