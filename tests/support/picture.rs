//! [`Picture`]: what a terminal shows, cell by cell, and how two of them differ.

use serde_json::Value;
use std::fmt::Write as _;
use std::sync::Arc;

/// One cell: its text, its width (0 = the right half of a wide one), and all that shows of its pen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cell {
    pub text: String,
    pub width: u8,
    pub style: Arc<str>,
}

/// What a person sees, and what their keys and pointer would send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Picture {
    pub cells: Vec<Vec<Cell>>,
    pub cursor: Value,
    pub modes: Value,
    pub title: String,
    /// Not compared: the buffer in use, bells, answers to queries, soft wraps.
    pub aside: Aside,
}

/// What does not belong to the picture; equal to every other.
#[derive(Clone, Debug)]
pub struct Aside {
    pub buffer: String,
    pub bells: u64,
    pub titles: u64,
    pub replies: String,
    pub wrapped: Vec<bool>,
}

impl PartialEq for Aside {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Aside {}

impl Picture {
    pub(super) fn from_dump(dump: &Value) -> Self {
        assert!(dump["error"].is_null(), "{}", dump["error"]);
        let styles: Vec<Arc<str>> = dump["styles"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| Arc::from(s.as_str().unwrap()))
            .collect();
        let cell = |c: &Value| Cell {
            text: c[0].as_str().unwrap().to_owned(),
            width: u8::try_from(c[1].as_u64().unwrap()).unwrap(),
            style: Arc::clone(&styles[usize::try_from(c[2].as_u64().unwrap()).unwrap()]),
        };
        let rows = dump["rows"].as_array().unwrap();
        Self {
            cells: rows
                .iter()
                .map(|r| r.as_array().unwrap().iter().map(cell).collect())
                .collect(),
            cursor: dump["cursor"].clone(),
            modes: dump["modes"].clone(),
            title: dump["title"].as_str().unwrap().to_owned(),
            aside: Aside {
                buffer: dump["buffer"].as_str().unwrap().to_owned(),
                bells: dump["bells"].as_u64().unwrap(),
                titles: dump["titles"].as_u64().unwrap(),
                replies: dump["replies"].as_str().unwrap().to_owned(),
                wrapped: dump["wrapped"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|w| w == true)
                    .collect(),
            },
        }
    }

    pub fn cols(&self) -> usize {
        self.cells.first().map_or(0, Vec::len)
    }

    pub fn rows(&self) -> usize {
        self.cells.len()
    }

    /// The text of a row, without blanks at its end.
    pub fn line(&self, row: usize) -> String {
        let text: String = self.cells[row]
            .iter()
            .map(|cell| cell.text.as_str())
            .collect();
        text.trim_end().to_owned()
    }

    /// All rows.
    pub fn text(&self) -> String {
        (0..self.rows()).map(|row| self.line(row) + "\n").collect()
    }

    pub fn contains(&self, text: &str) -> bool {
        self.text().contains(text)
    }

    /// The same without the looks of blank cells.
    pub fn but_blanks(mut self) -> Self {
        for cell in self
            .cells
            .iter_mut()
            .flatten()
            .filter(|cell| cell.text.trim().is_empty())
        {
            cell.style = Arc::from("");
        }
        self
    }

    /// How `self` (the viewer's) differs from `meant` (the referee's), for people; empty if it does not.
    pub fn differences(&self, meant: &Self) -> String {
        let mut out = String::new();
        if (self.cols(), self.rows()) != (meant.cols(), meant.rows()) {
            let _ = writeln!(
                out,
                "size: {}x{}, meant {}x{}",
                self.cols(),
                self.rows(),
                meant.cols(),
                meant.rows()
            );
        }
        for (name, seen, right) in [
            ("cursor", &self.cursor, &meant.cursor),
            ("modes", &self.modes, &meant.modes),
        ] {
            for (key, value) in right.as_object().unwrap() {
                if seen[key] != *value {
                    let _ = writeln!(out, "{name}.{key}: {}, meant {value}", seen[key]);
                }
            }
        }
        if self.title != meant.title {
            let _ = writeln!(out, "title: {:?}, meant {:?}", self.title, meant.title);
        }
        let mut wrong = 0;
        for (y, (row, right)) in self.cells.iter().zip(&meant.cells).enumerate() {
            let mut told = false;
            for (x, (cell, meant)) in row.iter().zip(right).enumerate() {
                if cell == meant {
                    continue;
                }
                wrong += 1;
                if wrong <= 12 {
                    let _ = writeln!(
                        out,
                        "cell {y},{x}: {:?} w{} [{}], meant {:?} w{} [{}]",
                        cell.text, cell.width, cell.style, meant.text, meant.width, meant.style
                    );
                    told = true;
                }
            }
            if told {
                let _ = writeln!(out, "  row {y} seen  {:?}", self.line(y));
                let _ = writeln!(out, "  row {y} meant {:?}", meant.line(y));
            }
        }
        if wrong > 0 {
            let _ = writeln!(out, "{wrong} wrong cells");
        }
        out
    }
}
