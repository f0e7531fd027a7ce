use super::*;
use crate::terminal::pen::tests::any_pen;
use crate::terminal::screen::RowBuilder;
use crate::terminal::{Cursor, Generation, Size};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;

type Cell = (&'static str, u8, Pen);

fn screen(cols: u16, rows: Vec<Vec<(String, u8, Pen)>>) -> Screen {
    let size = Size {
        cols,
        rows: rows.len() as u16,
    };
    let mut screen = Screen::blank(size, Generation(1));
    screen.rows = rows
        .into_iter()
        .map(|cells| {
            let mut row = RowBuilder::new(cols);
            for (text, columns, pen) in cells {
                row.push(text.chars(), columns, &pen);
            }
            Arc::new(row.finish())
        })
        .collect();
    screen
}

fn shown(cells: &[Cell]) -> Value {
    let cells: Vec<_> = cells
        .iter()
        .map(|(text, columns, pen)| ((*text).to_owned(), *columns, pen.clone()))
        .collect();
    let screen = screen(cells.len() as u16, vec![cells]);
    serde_json::from_str(&miniature(&screen)).expect("JSON")
}

fn pen(foreground: Color, background: Color) -> Pen {
    Pen {
        foreground,
        background,
        ..Pen::default()
    }
}

#[test]
fn a_blank_screen_is_next_to_nothing() {
    let screen = Screen::blank(Size { cols: 80, rows: 24 }, Generation(1));
    assert_eq!(
        miniature(&screen),
        r#"{"cols":80,"rows":24,"cursor":[0,0],"pens":[[null,null,0]],"lines":[]}"#
    );
}

#[test]
fn runs_are_equal_in_look_and_width() {
    let plain = Pen::default();
    let red = pen(Color::Ansi(1), Color::Default);
    let on_blue = pen(Color::Default, Color::Indexed(4));
    let rgb = pen(Color::Rgb(1, 2, 255), Color::Default);
    let inverse = Pen {
        attributes: Attributes::INVERSE,
        ..Pen::default()
    };
    let secret = Pen {
        attributes: Attributes::CONCEAL,
        ..Pen::default()
    };
    for (cells, pens, line) in [
        // Blanks go on with the run before them, and end no line.
        (
            vec![
                ("a", 1, &red),
                ("", 1, &plain),
                ("b", 1, &red),
                (" ", 1, &plain),
                ("", 1, &red),
            ],
            json!([[1, null, 0]]),
            json!([["a b", 3, 0]]),
        ),
        (
            vec![
                ("", 1, &plain),
                ("", 1, &on_blue),
                (" ", 1, &on_blue),
                ("", 1, &plain),
            ],
            json!([[null, null, 0], [null, 4, 0]]),
            json!([[" ", 1, 0], ["  ", 2, 1]]),
        ),
        (
            vec![
                ("あ", 2, &plain),
                ("", 0, &plain),
                ("い", 2, &plain),
                ("", 0, &plain),
                ("x", 1, &plain),
            ],
            json!([[null, null, 0]]),
            json!([["あい", 4, 0], ["x", 1, 0]]),
        ),
        (
            vec![("e\u{301}", 1, &rgb), ("s", 1, &secret), ("", 1, &inverse)],
            json!([["#0102ff", null, 0], [null, null, 8]]),
            json!([["e ", 2, 0], [" ", 1, 1]]),
        ),
    ] {
        let cells: Vec<_> = cells
            .into_iter()
            .map(|(text, columns, pen)| (text, columns, pen.clone()))
            .collect();
        let shown = shown(&cells);
        assert_eq!(shown["lines"], json!([line]), "{cells:?}");
        assert_eq!(shown["pens"], pens, "{cells:?}");
    }
}

#[test]
fn of_a_huge_screen_the_part_around_the_cursor_is_shown() {
    assert_eq!(part(24, 80, 23), (0, 24));
    assert_eq!(part(200, 80, 10), (0, 80));
    assert_eq!(part(200, 80, 100), (21, 80));
    assert_eq!(part(200, 80, 199), (120, 80));
    let mut screen = Screen::blank(
        Size {
            cols: 1000,
            rows: 100,
        },
        Generation(1),
    );
    (screen.cursor.row, screen.cursor.col) = (99, 999);
    let shown: Value = serde_json::from_str(&miniature(&screen)).expect("JSON");
    let (cols, rows) = (MINIATURE_COLS, MINIATURE_ROWS);
    assert_eq!(
        (&shown["cols"], &shown["rows"]),
        (&json!(cols), &json!(rows))
    );
    assert_eq!(shown["cursor"], json!([rows - 1, cols - 1]));
}

#[test]
fn a_hidden_cursor_is_none() {
    let mut screen = Screen::blank(Size { cols: 4, rows: 2 }, Generation(1));
    screen.cursor = Cursor {
        visible: false,
        ..Cursor::default()
    };
    assert!(miniature(&screen).contains(r#""cursor":null"#));
}

#[test]
fn what_is_too_long_gets_coarser_and_not_cut_off() {
    let cell = |row: u16, col: u16| {
        let [r, g] = [row, col].map(|n| (n * 3) as u8);
        (
            "▀".to_owned(),
            1,
            pen(Color::Rgb(r, g, 7), Color::Rgb(g, r, 9)),
        )
    };
    let gradient = |cols, rows| {
        let row = |row| (0..cols).map(|col| cell(row, col)).collect();
        screen(cols, (0..rows).map(row).collect())
    };
    let text = miniature(&gradient(150, 50));
    assert!(text.len() <= MINIATURE_BYTES, "{}", text.len());
    let shown: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(shown["lines"].as_array().map(Vec::len), Some(50));
    assert!(
        shown["pens"][0][0].is_string(),
        "it has colours: {}",
        shown["pens"]
    );
    // The longest there is: no two neighbours are equally wide.
    let mut row = Vec::new();
    while row.len() < 998 {
        row.push(("\u{10ffff}".to_owned(), 1, Pen::default()));
        row.push(("\u{10ffff}".to_owned(), 2, Pen::default()));
        row.push((String::new(), 0, Pen::default()));
    }
    row.push(("x".to_owned(), 1, Pen::default()));
    let worst = screen(row.len() as u16, vec![row; 100]);
    let text = miniature(&worst);
    assert!(
        (1000..=MINIATURE_BYTES).contains(&text.len()),
        "{}",
        text.len()
    );
}

fn any_cell() -> impl Strategy<Value = (String, u8, Pen)> {
    let text = prop_oneof![
        3 => Just(String::new()),
        3 => "[ -~]",
        2 => Just(" ".to_owned()),
        1 => Just("あ".to_owned()),
        1 => Just("e\u{301}".to_owned()),
    ];
    (text, any_pen()).prop_map(|(text, pen)| {
        let columns = if text == "あ" { 2 } else { 1 };
        // An erased cell keeps its background alone.
        let pen = if text.is_empty() { pen.erased() } else { pen };
        (text, columns, pen)
    })
}

/// Fills a row of `cols` columns.
fn fill(cells: Vec<(String, u8, Pen)>, cols: u16) -> Vec<(String, u8, Pen)> {
    let mut row: Vec<(String, u8, Pen)> = Vec::new();
    let mut next = cells.into_iter().cycle();
    while row.len() < usize::from(cols) {
        let (text, columns, pen) = next.next().unwrap_or_default();
        if columns == 2 {
            if row.len() + 2 > usize::from(cols) {
                row.push((String::new(), 1, Pen::default()));
            } else {
                row.push((text, 2, pen.clone()));
                row.push((String::new(), 0, pen));
            }
        } else {
            row.push((text, 1, pen));
        }
    }
    row
}

/// The text of a line, column by column, and the cell colour of each; a mark for right halves.
fn columns(runs: &Value, pens: &Value) -> Vec<(char, Value)> {
    let mut columns = Vec::new();
    for run in runs.as_array().expect("runs") {
        let text: Vec<char> = run[0].as_str().expect("text").chars().collect();
        let wide = run[1].as_u64().expect("columns") as usize / text.len();
        assert_eq!(run[1], json!(wide * text.len()), "equally wide");
        let look = &pens[run[2].as_u64().expect("a pen") as usize];
        for c in text {
            columns.push((c, look[1].clone()));
            columns.extend((1..wide).map(|_| ('\0', look[1].clone())));
        }
    }
    columns
}

proptest! {
    /// Every character stands in its column, in front of its colour.
    #[test]
    fn every_cell_is_where_it_is(
        cells in prop::collection::vec(prop::collection::vec(any_cell(), 1..30), 1..6),
        cols in 1u16..60,
    ) {
        let rows: Vec<_> = cells.into_iter().map(|cells| fill(cells, cols)).collect();
        let screen = screen(cols, rows);
        let text = miniature(&screen);
        prop_assert!(text.len() <= MINIATURE_BYTES);
        let shown: Value = serde_json::from_str(&text).expect("JSON");
        for (number, row) in screen.rows.iter().enumerate() {
            let line = columns(shown["lines"].get(number).unwrap_or(&json!([])), &shown["pens"]);
            prop_assert!(line.len() <= usize::from(cols));
            for (col, cell) in row.cells().enumerate() {
                let at = line.get(col).cloned().unwrap_or((' ', Value::Null));
                let background = serde_json::to_value(Shade(coarser(cell.pen.background, 8))).expect("a colour");
                let secret = cell.pen.attributes.has(Attributes::CONCEAL);
                let wanted = if cell.columns == 0 && !secret { '\0' } else { character(&cell) };
                prop_assert_eq!(at, (wanted, background), "row {} column {}", number, col);
            }
        }
    }
}
