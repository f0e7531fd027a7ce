//! [`Pen`]: how a cell is drawn, whole. SGR parameters in, SGR bytes out (ECMA-48 8.3.117 and the
//! extensions tmux writes: `4:n`, `58`, `53`; OSC 8 for hyperlinks).

use crate::terminal::parser::Csi;
use std::sync::Arc;

/// A colour as it was asked for: palettes differ by terminal, so none is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Color {
    /// The terminal's own.
    #[default]
    Default,
    /// 0..16 by the short forms (30–37, 90–97): terminals may brighten these when bold.
    Ansi(u8),
    /// 0..256 by `38;5;n`.
    Indexed(u8),
    /// 24-bit.
    Rgb(u8, u8, u8),
}

/// The `n` of `4:n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Underline {
    /// No line.
    #[default]
    None,
    /// One line.
    Single,
    /// Two lines.
    Double,
    /// A wave.
    Curly,
    /// Dots.
    Dotted,
    /// Dashes.
    Dashed,
}

/// Attributes that are on or off, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Attributes(u8);

impl Attributes {
    /// SGR 1.
    pub const BOLD: Self = Self(1);
    /// SGR 2.
    pub const DIM: Self = Self(1 << 1);
    /// SGR 3.
    pub const ITALIC: Self = Self(1 << 2);
    /// SGR 5.
    pub const BLINK: Self = Self(1 << 3);
    /// SGR 7.
    pub const INVERSE: Self = Self(1 << 4);
    /// SGR 8.
    pub const CONCEAL: Self = Self(1 << 5);
    /// SGR 9.
    pub const STRIKE: Self = Self(1 << 6);
    /// SGR 53.
    pub const OVERLINE: Self = Self(1 << 7);

    /// Each attribute with the SGR number that sets it.
    const SGR: [(Self, u8); 8] = [
        (Self::BOLD, 1),
        (Self::DIM, 2),
        (Self::ITALIC, 3),
        (Self::BLINK, 5),
        (Self::INVERSE, 7),
        (Self::CONCEAL, 8),
        (Self::STRIKE, 9),
        (Self::OVERLINE, 53),
    ];

    /// Whether all of `other` is set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn set(&mut self, other: Self, on: bool) {
        if on {
            self.0 |= other.0;
        } else {
            self.0 &= !other.0;
        }
    }
}

/// A hyperlink: OSC 8 parameters and URI, as they came.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// `id=…`, or empty.
    pub params: Box<str>,
    /// Where it points.
    pub uri: Box<str>,
}

/// Everything about a cell but its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Pen {
    /// Text colour.
    pub foreground: Color,
    /// Cell colour.
    pub background: Color,
    /// Colour of the underline; the text's where default.
    pub underline_color: Color,
    /// Style of the underline.
    pub underline: Underline,
    /// Bold and the like.
    pub attributes: Attributes,
    /// Where a click goes.
    pub link: Option<Arc<Link>>,
}

impl Pen {
    /// The pen an erased cell keeps: erasing paints the background and nothing else.
    pub(super) fn erased(&self) -> Self {
        Self {
            background: self.background,
            ..Self::default()
        }
    }

    /// Applies one SGR sequence. Unknown parameters are skipped.
    pub(super) fn apply(&mut self, sgr: &Csi<'_>) {
        let mut params = sgr.params();
        while let Some(mut param) = params.next() {
            let code = param.next().flatten().unwrap_or(0);
            let sub = param.clone().next().flatten();
            match code {
                0 => {
                    *self = Self {
                        link: self.link.take(),
                        ..Self::default()
                    }
                }
                22 => {
                    self.attributes.set(Attributes::BOLD, false);
                    self.attributes.set(Attributes::DIM, false);
                }
                4 => self.underline = underline(sub.unwrap_or(1)),
                21 => self.underline = Underline::Double,
                24 => self.underline = Underline::None,
                6 => self.attributes.set(Attributes::BLINK, true),
                55 => self.attributes.set(Attributes::OVERLINE, false),
                1..10 | 53 => {
                    if let Some((bit, _)) = Attributes::SGR.iter().find(|s| u16::from(s.1) == code)
                    {
                        self.attributes.set(*bit, true);
                    }
                }
                23..30 => {
                    let on = code - 20;
                    if let Some((bit, _)) = Attributes::SGR.iter().find(|s| u16::from(s.1) == on) {
                        self.attributes.set(*bit, false);
                    }
                }
                30..38 => self.foreground = Color::Ansi((code - 30) as u8),
                90..98 => self.foreground = Color::Ansi((code - 90 + 8) as u8),
                40..48 => self.background = Color::Ansi((code - 40) as u8),
                100..108 => self.background = Color::Ansi((code - 100 + 8) as u8),
                39 => self.foreground = Color::Default,
                49 => self.background = Color::Default,
                59 => self.underline_color = Color::Default,
                38 | 48 | 58 => {
                    let color = if sub.is_some() {
                        let subs: Vec<_> = param.collect();
                        extended(&subs)
                    } else {
                        // The older form spends whole parameters.
                        let mut plain = || params.next().and_then(|mut p| p.next().flatten());
                        match plain() {
                            Some(5) => extended(&[Some(5), plain()]),
                            Some(2) => extended(&[Some(2), plain(), plain(), plain()]),
                            _ => None,
                        }
                    };
                    match (color, code) {
                        (Some(color), 38) => self.foreground = color,
                        (Some(color), 48) => self.background = color,
                        (Some(color), _) => self.underline_color = color,
                        (None, _) => {}
                    }
                }
                _ => {}
            }
        }
    }

    /// Writes what takes a terminal drawing with `from` to this pen.
    pub(super) fn write(&self, from: &Self, out: &mut Vec<u8>) {
        if self == from {
            return;
        }
        if self.link != from.link {
            let (params, uri) = self
                .link
                .as_deref()
                .map_or(("", ""), |link| (&*link.params, &*link.uri));
            for part in ["\x1b]8;", params, ";", uri, "\x1b\\"] {
                out.extend(part.as_bytes());
            }
        }
        let look = |pen: &Self| Self {
            link: None,
            ..pen.clone()
        };
        let (to, from) = (look(self), look(from));
        if to == from {
            return;
        }
        if to == Self::default() {
            out.extend(b"\x1b[m");
            return;
        }
        let start = out.len();
        out.extend(b"\x1b[");
        if to.drops(&from) {
            out.push(b';'); // an empty first parameter is 0
            to.write_additions(&Self::default(), out);
        } else {
            to.write_additions(&from, out);
        }
        debug_assert!(out.len() > start + 2, "unequal pens differ in something");
        let last = out.len() - 1;
        out[last] = b'm';
    }

    /// Whether something of `from` must be taken back, which a reset does shortest.
    fn drops(&self, from: &Self) -> bool {
        let gone = |to: Color, from: Color| to == Color::Default && from != Color::Default;
        !self.attributes.has(from.attributes)
            || (self.underline == Underline::None && from.underline != Underline::None)
            || gone(self.underline_color, from.underline_color)
            || (gone(self.foreground, from.foreground) && gone(self.background, from.background))
    }

    /// Writes parameters, each with a `;` behind it.
    fn write_additions(&self, from: &Self, out: &mut Vec<u8>) {
        use std::io::Write as _;
        for (bit, code) in Attributes::SGR {
            if self.attributes.has(bit) && !from.attributes.has(bit) {
                let _ = write!(out, "{code};");
            }
        }
        if self.underline != from.underline {
            let _ = match self.underline {
                Underline::Single => write!(out, "4;"),
                style => write!(out, "4:{};", style as u8),
            };
        }
        for (to, from, base) in [
            (self.foreground, from.foreground, 30u8),
            (self.background, from.background, 40),
        ] {
            if to != from {
                let _ = match to {
                    Color::Default => write!(out, "{};", base + 9),
                    Color::Ansi(n @ 0..8) => write!(out, "{};", base + n),
                    Color::Ansi(n) => write!(out, "{};", u16::from(base) + 52 + u16::from(n)),
                    Color::Indexed(n) => write!(out, "{};5;{n};", base + 8),
                    Color::Rgb(r, g, b) => write!(out, "{};2;{r};{g};{b};", base + 8),
                };
            }
        }
        if self.underline_color != from.underline_color {
            // Colons and the empty colour space: xterm.js misreads the five-field form tmux writes.
            let _ = match self.underline_color {
                Color::Default => write!(out, "59;"),
                Color::Ansi(n) | Color::Indexed(n) => write!(out, "58:5:{n};"),
                Color::Rgb(r, g, b) => write!(out, "58:2::{r}:{g}:{b};"),
            };
        }
    }
}

fn underline(style: u16) -> Underline {
    match style {
        0 => Underline::None,
        2 => Underline::Double,
        3 => Underline::Curly,
        4 => Underline::Dotted,
        5 => Underline::Dashed,
        _ => Underline::Single,
    }
}

/// `5:n`, `2:r:g:b` or `2:space:r:g:b`.
fn extended(subs: &[Option<u16>]) -> Option<Color> {
    let byte = |n: &Option<u16>| u8::try_from(n.unwrap_or(0)).ok();
    match subs {
        [Some(5), n, ..] => Some(Color::Indexed(byte(n)?)),
        [Some(2), r, g, b] | [Some(2), _, r, g, b, ..] => {
            Some(Color::Rgb(byte(r)?, byte(g)?, byte(b)?))
        }
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::terminal::parser::Scanner;
    use crate::terminal::parser::Token;
    use proptest::prelude::*;

    pub(in crate::terminal) fn any_color() -> impl Strategy<Value = Color> {
        prop_oneof![
            Just(Color::Default),
            (0u8..16).prop_map(Color::Ansi),
            any::<u8>().prop_map(Color::Indexed),
            any::<(u8, u8, u8)>().prop_map(|(r, g, b)| Color::Rgb(r, g, b)),
        ]
    }

    pub(in crate::terminal) fn any_pen() -> impl Strategy<Value = Pen> {
        (any_color(), any_color(), any_color(), 0u16..6, any::<u8>()).prop_map(
            |(foreground, background, underline_color, style, bits)| Pen {
                foreground,
                background,
                // SGR 58 has no short forms.
                underline_color: match underline_color {
                    Color::Ansi(n) => Color::Indexed(n),
                    color => color,
                },
                underline: underline(style),
                attributes: Attributes(bits),
                link: None,
            },
        )
    }

    fn read(pen: &mut Pen, bytes: &[u8]) {
        let mut scanner = Scanner::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (n, token) = scanner.next(rest);
            rest = &rest[n..];
            match token {
                Some(Token::Csi(csi)) => pen.apply(&csi),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn both_forms_of_colours() {
        let mut pen = Pen::default();
        read(&mut pen, b"\x1b[38;5;9;48;2;1;2;3;58:2:4:5:6m");
        assert_eq!(pen.foreground, Color::Indexed(9));
        assert_eq!(pen.background, Color::Rgb(1, 2, 3));
        assert_eq!(pen.underline_color, Color::Rgb(4, 5, 6));
        read(&mut pen, b"\x1b[58:2::7:8:9;4:3;91;22m");
        assert_eq!(pen.underline_color, Color::Rgb(7, 8, 9));
        assert_eq!(pen.underline, Underline::Curly);
        assert_eq!(pen.foreground, Color::Ansi(9));
        read(&mut pen, b"\x1b[m");
        assert_eq!(pen, Pen::default());
    }

    #[test]
    fn a_reset_keeps_the_link() {
        let link = Some(Arc::new(Link {
            params: "".into(),
            uri: "http://a/".into(),
        }));
        let mut pen = Pen {
            link: link.clone(),
            attributes: Attributes::BOLD,
            ..Pen::default()
        };
        read(&mut pen, b"\x1b[0m");
        assert_eq!(pen.link, link);
        assert_eq!(pen.attributes, Attributes::default());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(from in any_pen(), to in any_pen()) {
            let mut out = Vec::new();
            to.write(&from, &mut out);
            let mut pen = from;
            read(&mut pen, &out);
            prop_assert_eq!(pen, to);
        }
    }
}
