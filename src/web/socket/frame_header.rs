//! The header of a WebSocket frame (RFC 6455, 5.2). PURE. In: its bytes, as far as they have come. Out:
//! what it says. It must not know what is in the frame.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

/// Ends a message (RFC 6455, 5.2).
pub(in crate::web) const FIN: u8 = 0x80;
/// Close, ping and pong have this bit; they come whole, also between the parts of a message.
pub(in crate::web) const CONTROL: u8 = 0x08;
/// Opcodes.
pub(in crate::web) const OPCODE: u8 = 0x0f;
pub(in crate::web) const MASKED: u8 = 0x80;
pub(in crate::web) const LENGTH: u8 = 0x7f;

/// How many more bytes of a frame's header are needed to know more of it; 0 when it is whole.
pub(in crate::web) fn missing(frame: &[u8]) -> usize {
    let &[_, second, ..] = frame else {
        return 2 - frame.len();
    };
    let extended = match second & LENGTH {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mask = if second & MASKED == 0 { 0 } else { 4 };
    (2 + extended + mask) - frame.len().min(2 + extended + mask)
}

/// The payload's length, from a whole header.
pub(in crate::web) fn length(frame: &[u8]) -> u64 {
    let extended = match frame[1] & LENGTH {
        126 => &frame[2..4],
        127 => &frame[2..10],
        short => return u64::from(short),
    };
    extended
        .iter()
        .fold(0, |length, byte| (length << 8) | u64::from(*byte))
}

#[cfg(test)]
pub(in crate::web) mod tests {
    use super::*;

    /// A frame as a client sends it.
    pub(in crate::web) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            len @ 0..=125 => frame.push(MASKED | len as u8),
            len @ 126..=65_535 => {
                frame.push(MASKED | 126);
                frame.extend((len as u16).to_be_bytes());
            }
            len => {
                frame.push(MASKED | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        frame.extend([1, 2, 3, 4]);
        frame.extend(payload);
        frame
    }

    #[test]
    fn it_says_how_long_the_frame_is() {
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            let frame = frame(0x82, &vec![7; len]);
            let header = &frame[..frame.len() - len];
            assert_eq!((missing(header), length(header)), (0, len as u64));
            for end in 0..header.len() {
                assert!(missing(&header[..end]) > 0, "{len} {end}");
            }
        }
    }
}
