//! [`Theme`]: the colours of the terminal that our tmux client stands for, and how they are written
//! in answers to tmux. Programs learn from them whether to draw for a light or a dark background.

use std::fmt;

/// A colour with 8 bits per channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgb {
    /// 0 to 255.
    pub red: u8,
    /// 0 to 255.
    pub green: u8,
    /// 0 to 255.
    pub blue: u8,
}

impl Rgb {
    /// From its three channels.
    #[must_use]
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }
}

impl fmt::Display for Rgb {
    /// As X11 writes it with 16 bits per channel, which is what terminals answer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { red, green, blue } = self;
        write!(
            f,
            "rgb:{red:02x}{red:02x}/{green:02x}{green:02x}/{blue:02x}{blue:02x}"
        )
    }
}

/// The default colours of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Of text without a colour of its own.
    pub foreground: Rgb,
    /// Behind such text.
    pub background: Rgb,
    /// Whether the background is the darker of the two.
    pub dark: bool,
}

impl Theme {
    /// A theme with these colours; whether it is dark follows from them.
    #[must_use]
    pub fn new(foreground: Rgb, background: Rgb) -> Self {
        Self {
            foreground,
            background,
            dark: luminance(background) <= luminance(foreground),
        }
    }
}

impl Default for Theme {
    /// The page's default theme, "Night" in `static/themes.js`.
    fn default() -> Self {
        Self::new(Rgb::new(0xd6, 0xda, 0xe2), Rgb::new(0x14, 0x17, 0x1c))
    }
}

/// How bright a colour looks: its channels weighted as in ITU-R BT.601, in thousandths.
fn luminance(colour: Rgb) -> u32 {
    299 * u32::from(colour.red) + 587 * u32::from(colour.green) + 114 * u32::from(colour.blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_written_with_16_bits_per_channel() {
        assert_eq!(Rgb::new(0x12, 0, 0xff).to_string(), "rgb:1212/0000/ffff");
    }

    #[test]
    fn a_light_background_makes_a_light_theme() {
        let (black, white) = (Rgb::new(0, 0, 0), Rgb::new(255, 255, 255));
        assert!(Theme::new(white, black).dark);
        assert!(!Theme::new(black, white).dark);
        assert!(Theme::default().dark);
    }
}
