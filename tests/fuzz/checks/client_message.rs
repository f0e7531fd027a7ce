//! Arbitrary text messages of a viewer: nothing panics, what is heard is within its limits, and said
//! again in plain words it is heard as the same.

use muxview::config::limits::{CELLS, COLS, CONTROL_BYTES, ROWS};
use muxview::tmux::{Rgb, WindowAct};
use muxview::web::socket::protocol::Heard;
use muxview::web::socket::protocol::hear;
use serde_json::{Value, json};

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let Some(heard) = hear(text) else { return };
    assert!(text.len() <= CONTROL_BYTES, "longer than may be");
    assert_eq!(hear(text).as_ref(), Some(&heard), "not the same twice");
    let again = match &heard {
        Heard::Resize(size) => {
            assert!(COLS.contains(&size.cols) && ROWS.contains(&size.rows));
            assert!(u32::from(size.cols) * u32::from(size.rows) <= CELLS);
            json!({"type": "resize", "cols": size.cols, "rows": size.rows})
        }
        Heard::Ack(bytes) => json!({"type": "ack", "bytes": bytes}),
        Heard::Visible(visible) => json!({"type": "visible", "visible": visible}),
        Heard::Repaint => json!({"type": "repaint"}),
        Heard::Ping(None) => json!({"type": "ping"}),
        Heard::Ping(Some(id)) => {
            let sent: Value = serde_json::from_str(text).expect("it was heard");
            assert_eq!(&sent["id"], id, "a pong must bring back what the ping said");
            return;
        }
        Heard::Theme(theme) => {
            let colour = |rgb: Rgb| format!("#{:02x}{:02x}{:02x}", rgb.red, rgb.green, rgb.blue);
            json!({"type": "theme", "foreground": colour(theme.foreground), "background": colour(theme.background)})
        }
        Heard::Window(act) => match act {
            WindowAct::Select(id) => {
                json!({"type": "window", "do": "select", "id": id.to_string()})
            }
            WindowAct::New => json!({"type": "window", "do": "new"}),
            WindowAct::Close(id) => {
                json!({"type": "window", "do": "close", "id": id.to_string()})
            }
            WindowAct::Zoom(id) => json!({"type": "window", "do": "zoom", "id": id.to_string()}),
            WindowAct::Scroll(lines) => {
                assert!(*lines != 0 && lines.unsigned_abs() <= *ROWS.end());
                json!({"type": "window", "do": "scroll", "lines": lines})
            }
        },
    };
    assert_eq!(hear(&again.to_string()), Some(heard), "{again}");
}
