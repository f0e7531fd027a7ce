//! Terminal capabilities that a configuration can force on a client, by `terminal-features` or by
//! `terminal-overrides`: with each of them viewers see what a bare `tmux attach` shows.
//!
//! All are rendered; none had to be made impossible. Two the referee cannot draw, since xterm.js does
//! not know what tmux then sends (`margins`, `rectfill`), and one it draws wrongly (`Bidi`): with them
//! the configuration is for our client only. Images (`sixel`) are not shown: there is no text under them.

use crate::support::process::SPAWN;
use crate::support::{BareAttach, Join, Scene, Service, Tmux, Viewer, Xterm};
use std::fmt::Write as _;
use std::process::Stdio;

/// What a configuration forces, and on whom.
#[derive(Clone, Copy)]
enum Forced {
    /// `terminal-features '*:…'`.
    Feature(&'static str),
    /// `terminal-overrides '*:…'`.
    Override(&'static str),
    /// As `Feature`, but not for the referee: xterm.js does not know what tmux then sends.
    OurFeature(&'static str),
    /// As `Override`, but not for the referee.
    OurOverride(&'static str),
}

use Forced::{Feature, OurFeature, OurOverride, Override};

const COLS: u16 = 80;
const ROWS: u16 = 24;

/// A session in which this is forced, muxview and a referee.
async fn open(forced: &[Forced]) -> Scene {
    let xterm = Xterm::start();
    let tmux = Tmux::start(COLS, ROWS);
    for (number, forced) in forced.iter().enumerate() {
        let (option, pattern, value) = match forced {
            Feature(value) => ("terminal-features", "*", value),
            Override(value) => ("terminal-overrides", "*", value),
            OurFeature(value) => ("terminal-features", "tmux*", value),
            OurOverride(value) => ("terminal-overrides", "tmux*", value),
        };
        let option = format!("{option}[{}]", 100 + number);
        tmux.cmd(&["set-option", "-s", &option, &format!("{pattern}:{value}")]);
    }
    tmux.cmd(&["set-option", "-s", "extended-keys", "on"]);
    tmux.cmd(&["set-option", "-g", "set-titles", "on"]);
    tmux.cmd(&["set-option", "-g", "set-titles-string", "#{pane_title}"]);
    let service = Service::start(&tmux);
    let live = Viewer::join(&service, &xterm, "main", Join::driver(COLS, ROWS)).await;
    live.opened().await;
    let ours = |forced: &Forced| matches!(forced, OurFeature(_) | OurOverride(_));
    let renamed = forced.iter().any(ours);
    let referee = BareAttach::beside(&tmux, &xterm, (COLS, ROWS), renamed);
    Scene {
        live,
        referee,
        xterm,
        service,
        tmux,
        size: (COLS, ROWS),
    }
}

/// Everything a program may do that tmux passes on in another way with another terminal.
fn program(marker: &str) -> String {
    let mut page = String::from("\x1b[m\x1b[2J\x1b[H");
    for row in 1..=20 {
        let _ = write!(
            page,
            "\x1b[{row};1H\x1b[3{}mrow {row} abcdefghij漢字klmnop é\x1b[m",
            row % 8
        );
    }
    for edit in [
        // Scrolling in a region, plain and under a background.
        "\x1b[3;9r\x1b[9;1H\n\nnew\x1b[3;1H\x1bM\x1bMold\x1b[2S\x1b[1T\x1b[r",
        "\x1b[10;14r\x1b[42m\x1b[14;1H\n\x1b[2S\x1b[10;1H\x1bM\x1b[m\x1b[r",
        // Lines and cells come and go.
        "\x1b[4;3H\x1b[2L\x1b[7;3H\x1b[1M\x1b[5;6H\x1b[3@xx\x1b[6;6H\x1b[4P",
        "\x1b[45m\x1b[12;3H\x1b[1L\x1b[13;3H\x1b[1M\x1b[11;6H\x1b[3@\x1b[10;6H\x1b[4P\x1b[m",
        // Erasing, with a background and without.
        "\x1b[15;5H\x1b[44m\x1b[6X\x1b[15;30H\x1b[K\x1b[16;9H\x1b[1K\x1b[m\x1b[17;4H\x1b[5X",
        "\x1b[46m\x1b[18;1H\x1b[2K\x1b[19;3H\x1b[J\x1b[m",
        // Attributes, underlines, colours, links, what repeats, and line drawing.
        "\x1b[1;1H\x1b[1;2;3;4;5;7;9;53mall\x1b[m \x1b[8mhid\x1b[m \x1b[4:3;58:2::9:99:199mwave\x1b[m",
        "\x1b[38;2;9;199;99mtrue\x1b[91;104mbright\x1b[38;5;200m200\x1b[m\x1b[4;58:5:9mline\x1b[m",
        "\x1b]8;;http://example.org/\x1b\\link\x1b]8;;\x1b\\",
        "\x1b[20;1H=========\x1b[1;32m==========\x1b[m\x1b[19;1H\x1b(0lqqqwqqqk\x1b(B\x1b[3;1H\x1b(0x`aox\x1b(B",
        // The last column.
        "\x1b[2;30Ha line that is longer than the pane is wide, so that it wraps",
        "\x1b[6 q\x1b]12;#20c0ff\x07\x1b]7;file:///tmp\x07\x1b]52;c;aGk=\x07\x1b]9;4;1;50\x07",
    ] {
        page.push_str(edit);
    }
    let _ = write!(page, "\x1b]2;{marker}\x07\x1b[21;1H{marker}.");
    page
}

/// Opened in both clients, as they belong to one.
fn popup(scene: &Scene, arguments: &[&str]) {
    for client in scene.tmux.clients() {
        let mut command = scene.tmux.command();
        command
            .args(["display-popup", "-c", &client])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let _guard = SPAWN.lock().unwrap();
        let mut child = command.spawn().unwrap();
        std::thread::spawn(move || child.wait());
    }
}

async fn scenes(name: &str, forced: &[Forced]) {
    let scene = open(forced).await;
    let (tmux, session) = (&scene.tmux, "main:");
    let what = |what: &str| format!("{name}: {what}");
    scene.same(&what("the start"), |_| true).await;

    // The program alone and full width, then in the left and in the right half.
    let draw = async |marker: &str| {
        let path = tmux.file(marker, program(marker));
        scene.run(&format!("cat {path}")).await;
        let arrived = format!("{marker}.");
        scene.same(&what(marker), |p| p.contains(&arrived)).await;
    };
    draw("alone").await;
    tmux.cmd(&["split-window", "-h", "-t", session, "exec sh"]);
    scene.same(&what("a split beside"), |_| true).await;
    scene
        .run("seq 1 60; printf '\\033[41m'; seq 100 130; printf '\\033[m'")
        .await;
    scene
        .same(&what("scrolled beside"), |p| p.contains("130"))
        .await;
    draw("right").await;
    tmux.cmd(&["select-pane", "-t", session, "-L"]);
    draw("left").await;
    scene.run("seq 1 100 | paste -sd' '; seq 1 40").await;
    scene.same(&what("scrolled left"), |_| true).await;

    tmux.cmd(&[
        "set-option",
        "-w",
        "-t",
        session,
        "window-style",
        "bg=colour17",
    ]);
    scene
        .same(&what("a window's own background"), |_| true)
        .await;
    scene.run("seq 1 30; printf 'a\\033[Kb\\n'").await;
    scene.same(&what("scrolled there"), |_| true).await;
    tmux.cmd(&["set-option", "-w", "-u", "-t", session, "window-style"]);

    tmux.cmd(&["split-window", "-v", "-t", session, "exec sh"]);
    tmux.cmd(&[
        "set-option",
        "-g",
        "status-style",
        "bg=colour52,fg=white,italics",
    ]);
    scene.same(&what("a split below"), |_| true).await;
    draw("below").await;
    tmux.cmd(&["copy-mode", "-t", session]);
    tmux.cmd(&["send-keys", "-t", session, "-N", "5", "-X", "scroll-up"]);
    scene.same(&what("copy mode"), |p| p.contains("[5/")).await;
    tmux.cmd(&["send-keys", "-t", session, "-X", "cancel"]);

    let text = tmux.file("popup", "\x1b[44mIn the popup\x1b[K\x1b[m\r\nsecond");
    popup(
        &scene,
        &[
            "-w",
            "40",
            "-h",
            "8",
            "-E",
            &format!("cat {text}; exec sleep 600"),
        ],
    );
    scene
        .live_same(&what("a popup"), |p| p.contains("second"))
        .await;
    popup(&scene, &["-C"]);
    scene
        .same(&what("no popup"), |p| !p.contains("second"))
        .await;
    tmux.cmd(&["kill-pane", "-a", "-t", session]);
    scene.run("clear; seq 1 50; echo THE END").await;
    scene
        .same(&what("alone again"), |p| p.contains("THE END\n"))
        .await;
}

/// Defines a scenario for each capability.
macro_rules! forced {
    (
        short { $($short:ident $a:tt)* }
        normal { $($normal:ident $b:tt)* }
        full { $($full:ident $c:tt)* }
    ) => {
        $(async fn $short() { scenes(stringify!($short), &$a).await; })*
        $(async fn $normal() { scenes(stringify!($normal), &$b).await; })*
        $(async fn $full() { scenes(stringify!($full), &$c).await; })*
        scenarios![$($short,)* $($normal.normal(),)* $($full.full()),*];
    };
}

forced! {
    short {
        utf8_off [Override("U8=0")]
        margins [OurFeature("margins")]
        bce_margins_and_rectangles [
            OurOverride("bce"),
            OurOverride("Enmg=\\E[?69h:Dsmg=\\E[?69l:Clmg=\\E[s:Cmg=\\E[%i%p1%d;%p2%ds"),
            OurOverride("Rect"),
        ]
        sync_off [Override("Sync@")]
    }
    normal {
        bce [Override("bce")]
        rectfill [OurFeature("rectfill")]
        screen_of_its_own_off [Override("smcup@:rmcup@")]
        utf8_off_with_g0 [Override("U8=0:smacs=\\E(0:rmacs=\\E(B:enacs@")]
        extkeys [Feature("extkeys")]
        like_xterm [Override("XT:E3=\\E[3J:Ms=\\E]52;%p1%s;%p2%s\\007:kmous=\\E[M")]
        bidi [OurOverride("Bidi=\\E[8l")]
    }
    full {
        // Every feature of every version. A version ignores those it does not know.
        colours_256 [Feature("256")]
        bpaste [Feature("bpaste")]
        ccolour [Feature("ccolour")]
        clipboard [Feature("clipboard")]
        cstyle [Feature("cstyle")]
        focus [Feature("focus")]
        hyperlinks [Feature("hyperlinks")]
        ignorefkeys [Feature("ignorefkeys")]
        mouse [Feature("mouse")]
        osc7 [Feature("osc7")]
        overline [Feature("overline")]
        progressbar [Feature("progressbar")]
        rgb [Feature("RGB")]
        sixel [Feature("sixel")]
        strikethrough [Feature("strikethrough")]
        sync [Feature("sync")]
        title [Feature("title")]
        usstyle [Feature("usstyle")]

        // Overrides that people publish, and those that turn off what tmux has a substitute for.
        utf8_off_without_line_drawing [Override("U8=0:acsc@")]
        true_colour [Override("Tc")]
        rep [Override("rep=%p1%c\\E[%p2%{1}%-%db")]
        ech [Override("bce"), Override("ech=\\E[%p1%dX")]
        lines [Override("smxx=\\E[9m:Smol=\\E[53m:Smulx=\\E[4::%p1%dm:Setulc=\\E[58::2::%p1%{65536}%/%d::%p1%{256}%/%{255}%&%d::%p1%{255}%&%d%;m")]
        lines_off [Override("smxx@:Smol@:Smulx@:Setulc@")]
        cursor [Override("Ss=\\E[%p1%d q:Se=\\E[2 q:Cs=\\E]12;%p1%s\\007:Cr=\\E]112\\007")]
        cursor_off [Override("Ss@:Se@:Cs@:Cr@")]
        regions_off [Override("csr@")]
        scrolling_off [Override("indn@:rin@:ri@")]
        ax_off [Override("AX@")]
        sync_of_the_old_kind [Override("Sync=\\EP=%p1%ds\\E\\\\")]
        sync_of_the_new_kind [Override("Sync=\\E[?2026%?%p1%{1}%-%tl%eh%;")]
        links [Override("Hls=\\E]8;%?%p1%l%tid=%p1%s%;;%p2%s\\E\\\\")]
        directory_and_brightness [Override("Swd=\\E]7;:fsl=\\007:Nobr")]
        automatic_margin_off [Override("am@:xenl@")]
        sixteen_colours [Override("colors=16:AX@:setrgbf@:setrgbb@")]
        standout_for_italics [Override("sitm@:smso=\\E[3m")]
        movements_off [Override("cuu@:cud@:cuf@:cub@:cuu1@:cud1@:hpa@:vpa@:home@")]
        hpa_of_another_kind [Override("hpa=\\E[%i%p1%d`:cuu@:cud@:cuf@:cub@")]
        editing_off [Override("ich@:ich1@:dch@:dch1@:il@:il1@:dl@:dl1@:el1@")]
        title_focus_and_paste_off [Override("tsl@:fsl@:Enfcs@:Dsfcs@:Enbp@:Dsbp@:Ms@")]
        keys [Override("Eneks=\\E[>4;1m:Dseks=\\E[>4m:smkx@:rmkx@")]
    }
}
