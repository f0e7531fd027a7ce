//! Late viewers of sessions that have printed far more than any log keeps: is the first picture right,
//! cell by cell? The judge is a bare client that attaches at the same moment.

use crate::bare::Bare;
use crate::figure::{Figure, Goal};
use crate::socket::{Socket, terminal};
use crate::stage::{Stage, Way, rest};

const SESSIONS: usize = 10;

/// Coloured lines, 5 MB of them, and a picture that is drawn all over the screen.
const LIFE: &str = "awk 'BEGIN { srand(SEED); for (n = 0; n < 60000; n++) \
    printf \"\\033[3%dm%d\\033[m \\033[1;4%dmthe life of a session\\033[m line %d of many\\n\", n % 8, n, n % 7, n; \
    for (n = 0; n < 400; n++) printf \"\\033[%d;%dH\\033[38;5;%dm%c\", 1 + rand() * 20, 1 + rand() * 79, rand() * 255, 65 + rand() * 26; \
    printf \"\\033[m\\033[5;9H\" }'";

/// Each cell as one sees it: one that was never written looks like a space.
fn screen(bytes: &[u8]) -> Vec<(String, [vt100::Color; 2], [bool; 4])> {
    let mut parser = terminal();
    parser.process(bytes);
    let screen = parser.screen();
    let places = (0..24).flat_map(|row| (0..80).map(move |col| (row, col)));
    let cells = places.filter_map(|(row, col)| screen.cell(row, col));
    let look = |cell: &vt100::Cell| {
        let text = if cell.has_contents() {
            cell.contents()
        } else {
            " "
        };
        let modes = [cell.bold(), cell.italic(), cell.underline(), cell.inverse()];
        (text.to_owned(), [cell.fgcolor(), cell.bgcolor()], modes)
    };
    cells.map(look).collect()
}

/// Of ten, how many see what the judge sees.
fn right() -> f64 {
    let mut stage = Stage::set(Way::Plain);
    let mut right = 0;
    for number in 0..SESSIONS {
        let session = format!("old{number}");
        stage.tmux.session(&session, 80, 24);
        // Somebody has watched all of it.
        stage.gather(&session, 1, 1);
        let life = stage
            .tmux
            .file("life.sh", LIFE.replace("SEED", &number.to_string()));
        stage.shell(&session, &format!("sh {life}"));
        rest(300);
        let judged = screen(&Bare::attach(&stage.tmux.socket(), &session).whole());
        let seen = screen(&Socket::open(stage.port(), &session, "cols=80&rows=24").frame());
        let wrong = seen
            .iter()
            .zip(&judged)
            .filter(|(seen, judged)| seen != judged);
        if let Some((seen, judged)) = wrong.clone().next() {
            eprintln!(
                "{session}: {} cells wrong, the first is {seen:?}, should be {judged:?}",
                wrong.count()
            );
        } else {
            right += usize::from(judged.iter().any(|(text, ..)| text != " "));
        }
    }
    right as f64
}

pub(crate) fn measure() -> Vec<Figure> {
    let name = "late viewers of old sessions: right screens of 10";
    // The floor is the judge.
    vec![Figure::new(
        name,
        "",
        Some(SESSIONS as f64),
        right(),
        Goal::AtLeast(SESSIONS as f64),
    )]
}
