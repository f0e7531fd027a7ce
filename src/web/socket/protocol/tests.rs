use super::*;
use proptest::prelude::*;

fn size(cols: u16, rows: u16) -> Heard {
    Heard::Resize(Size { cols, rows })
}

#[test]
fn what_viewers_say() {
    for (text, heard) in [
        (
            r#"{"type":"resize","cols":120,"rows":40}"#,
            Some(size(120, 40)),
        ),
        (
            r#"{"type":"resize","cols":80.9,"rows":24.0}"#,
            Some(size(80, 24)),
        ),
        (r#"{"type":"resize","cols":0,"rows":-5}"#, Some(size(2, 2))),
        (
            r#"{"type":"resize","cols":1e9,"rows":2}"#,
            Some(size(1000, 2)),
        ),
        (
            r#"{"type":"resize","cols":80,"rows":18446744073709551615}"#,
            Some(size(80, 500)),
        ),
        (
            r#"{"type":"resize","cols":80,"rows":-1e300}"#,
            Some(size(80, 2)),
        ),
        (r#"{"type":"resize","cols":"80","rows":24}"#, None),
        (r#"{"type":"resize","cols":null,"rows":24}"#, None),
        (r#"{"type":"resize","cols":80}"#, None),
        (r#"{"type":"resize","cols":1e400,"rows":24}"#, None),
        (r#"{"type":"resize","cols":NaN,"rows":24}"#, None),
        (
            r#"{"type":"ack","bytes":12,"new":[1]}"#,
            Some(Heard::Ack(12)),
        ),
        (r#"{"type":"ack","bytes":-1}"#, Some(Heard::Ack(0))),
        (r#"{"type":"ack","type":"repaint"}"#, Some(Heard::Repaint)),
        (r#"{"type":"ack"}"#, None),
        (
            r#"{"type":"visible","visible":false}"#,
            Some(Heard::Visible(false)),
        ),
        (r#"{"type":"visible","visible":1}"#, None),
        (r#"{"type":"repaint"}"#, Some(Heard::Repaint)),
        (
            r##"{"type":"theme","foreground":"#D6dae2","background":"#14171c"}"##,
            Some(Heard::Theme(Theme::default())),
        ),
        (r##"{"type":"theme","foreground":"#d6dae2"}"##, None),
        (
            r##"{"type":"theme","foreground":"d6dae2","background":"#14171c"}"##,
            None,
        ),
        (
            r##"{"type":"theme","foreground":"#d6dae","background":"#14171c"}"##,
            None,
        ),
        (
            r##"{"type":"theme","foreground":"#d6dae\u001b","background":"#14171c"}"##,
            None,
        ),
        (r#"{"type":"theme","foreground":1,"background":[]}"#, None),
        (r#"{"type":"ping"}"#, Some(Heard::Ping(None))),
        (
            r#"{"type":"ping","id":[1,{"a":null}]}"#,
            Some(Heard::Ping(Some(serde_json::json!([1, {"a": null}])))),
        ),
        (
            r#"{"type":"window","do":"select","id":"@3"}"#,
            Some(Heard::Window(WindowAct::Select(tmux::WindowId(3)))),
        ),
        (
            r#"{"type":"window","do":"new","id":7}"#,
            Some(Heard::Window(WindowAct::New)),
        ),
        (
            r#"{"type":"window","do":"zoom","id":"@0"}"#,
            Some(Heard::Window(WindowAct::Zoom(tmux::WindowId(0)))),
        ),
        (
            r#"{"type":"window","do":"close","id":"@12"}"#,
            Some(Heard::Window(WindowAct::Close(tmux::WindowId(12)))),
        ),
        (
            r#"{"type":"window","do":"scroll","lines":-3}"#,
            Some(Heard::Window(WindowAct::Scroll(-3))),
        ),
        (
            r#"{"type":"window","do":"scroll","lines":99999999999}"#,
            Some(Heard::Window(WindowAct::Scroll(500))),
        ),
        (r#"{"type":"window","do":"scroll","lines":0}"#, None),
        (r#"{"type":"window","do":"scroll","lines":"1; x"}"#, None),
        (r#"{"type":"window","do":"scroll"}"#, None),
        (r#"{"type":"window","do":"close"}"#, None),
        (r#"{"type":"window","do":"close","id":"$1"}"#, None),
        (
            r#"{"type":"window","do":"select","id":"@1;kill-server"}"#,
            None,
        ),
        (r##"{"type":"window","do":"select","id":"#(id)"}"##, None),
        (r#"{"type":"window","do":"rename","id":"@1"}"#, None),
        (r#"{"type":"window","id":"@1"}"#, None),
        (r#"{"type":"input","data":"x"}"#, None),
        (r#"{"type":5}"#, None),
        (r#"["resize"]"#, None),
        ("\u{feff}{\"type\":\"repaint\"}", None),
        ("", None),
        ("null", None),
        ("{", None),
    ] {
        assert_eq!(hear(text), heard, "{text}");
    }
    assert_eq!(hear(&"[".repeat(CONTROL_BYTES)), None);
    let deep = format!(
        r#"{{"type":"ping","id":{}{}}}"#,
        "[".repeat(2000),
        "]".repeat(2000)
    );
    assert_eq!(hear(&deep), None);
    let long = format!(
        r#"{{"type":"repaint","x":"{}"}}"#,
        "x".repeat(CONTROL_BYTES)
    );
    assert_eq!(hear(&long), None);
}

#[test]
fn what_we_say() {
    let session = Session {
        id: "$3".into(),
        name: "a\"b".into(),
    };
    for (say, json) in [
        (
            Say::hello(session.clone(), Role::Drive, "x"),
            r#"{"type":"hello","protocol":1,"session":{"id":"$3","name":"a\"b"},"role":"drive","instance":"x","ping_ms":15000}"#,
        ),
        (
            Say::Size { cols: 80, rows: 24 },
            r#"{"type":"size","cols":80,"rows":24}"#,
        ),
        (
            Say::Title {
                text: String::new(),
            },
            r#"{"type":"title","text":""}"#,
        ),
        (
            Say::Session(session.clone()),
            r#"{"type":"session","id":"$3","name":"a\"b"}"#,
        ),
        (
            Say::Moved { session },
            r#"{"type":"moved","session":{"id":"$3","name":"a\"b"}}"#,
        ),
        (
            Say::Viewers {
                drive: 1,
                view: 2,
                you: Role::View,
            },
            r#"{"type":"viewers","drive":1,"view":2,"you":"view"}"#,
        ),
        (
            Say::Clipboard { text: "x".into() },
            r#"{"type":"clipboard","text":"x"}"#,
        ),
        (Say::Bell, r#"{"type":"bell"}"#),
        (
            Say::windows(&tmux::Windows {
                status: tmux::StatusLine { rows: 2, top: true },
                windows: vec![tmux::Window {
                    id: tmux::WindowId(1),
                    index: 4,
                    name: "<b>".into(),
                    active: true,
                    bell: false,
                    activity: true,
                    zoomed: false,
                    panes: 2,
                    alternate: true,
                    brackets: Some(false),
                }],
                more: 0,
                extended_keys: None,
            }),
            r#"{"type":"windows","status":{"at":"top","rows":2},"windows":[{"id":"@1","index":4,"name":"<b>","active":true,"bell":false,"activity":true,"zoomed":false,"panes":2,"alternate":true,"brackets":false}]}"#,
        ),
        (
            Say::windows(&tmux::Windows {
                status: tmux::StatusLine { rows: 0, top: true },
                windows: vec![],
                more: 3,
                extended_keys: None,
            }),
            r#"{"type":"windows","status":{"at":"off","rows":0},"windows":[],"more":3}"#,
        ),
        (
            Say::Notice {
                text: "x".into(),
                passing: false,
            },
            r#"{"type":"notice","text":"x"}"#,
        ),
        (
            Say::Notice {
                text: "x".into(),
                passing: true,
            },
            r#"{"type":"notice","text":"x","passing":true}"#,
        ),
        (Say::Tick, r#"{"type":"tick"}"#),
        (
            Say::Pong {
                id: Some(Value::from(7)),
            },
            r#"{"type":"pong","id":7}"#,
        ),
        (Say::Pong { id: None }, r#"{"type":"pong"}"#),
    ] {
        assert_eq!(say.to_json(), json);
    }
}

#[test]
fn a_reason_fits_its_frame() {
    assert_eq!(
        Close::restart(Duration::from_millis(1500)).reason,
        "spread=1500"
    );
    let long = "ä".repeat(100);
    assert_eq!(Close::busy(&long).reason.len(), 122);
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,300}") {
        let _ = hear(&text);
    }

    #[test]
    fn no_message_panics(
        kind in "resize|ack|visible|repaint|ping|window|x",
        field in "cols|rows|bytes|visible|id|do",
        value in r#"-?[0-9]{1,40}(\.[0-9]{1,9})?([eE][-+]?[0-9]{1,3})?|null|true|"[^"\\]*"|\[\]|\{"a":1\}"#,
    ) {
        let text = format!(r#"{{"type":"{kind}","{field}":{value},"cols":{value},"rows":{value}}}"#);
        if let Some(Heard::Resize(size)) = hear(&text) {
            prop_assert!((2..=1000).contains(&size.cols) && (2..=500).contains(&size.rows));
        }
    }
}
