//! [`CodePoints`]: one byte for every code point, found in two steps. Most blocks of 256 hold the same
//! byte throughout, so equal blocks are kept once.

use rustc_hash::FxHashMap;

const BLOCK: usize = 256;
const BLOCKS: usize = 0x11_0000 / BLOCK;

/// A byte per code point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CodePoints {
    /// The number of each block.
    index: Box<[u16]>,
    blocks: Vec<[u8; BLOCK]>,
}

impl CodePoints {
    /// A table of what `of` gives for each code point (surrogates included).
    pub(super) fn build(of: impl Fn(u32) -> u8) -> Self {
        let mut blocks = Vec::new();
        let mut numbers: FxHashMap<[u8; BLOCK], u16> = FxHashMap::default();
        let index = (0..BLOCKS)
            .map(|number| {
                let first = number * BLOCK;
                let block = std::array::from_fn(|i| of((first + i) as u32));
                *numbers.entry(block).or_insert_with(|| {
                    blocks.push(block);
                    // There are 4352 blocks.
                    (blocks.len() - 1) as u16
                })
            })
            .collect();
        Self { index, blocks }
    }

    /// The byte of `c`.
    pub(super) fn get(&self, c: char) -> u8 {
        let code = c as usize;
        self.blocks[usize::from(self.index[code / BLOCK])][code % BLOCK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_point_has_its_own_byte() {
        let table = CodePoints::build(|code| (code % 251) as u8);
        for c in ['\0', 'a', '\u{ff}', '\u{100}', '\u{fffd}', char::MAX] {
            assert_eq!(table.get(c), (u32::from(c) % 251) as u8, "{c:?}");
        }
    }

    #[test]
    fn equal_blocks_are_kept_once() {
        let table = CodePoints::build(|code| u8::from(code == 0x3000));
        assert_eq!(table.blocks.len(), 2);
        assert_eq!((table.get('\u{3000}'), table.get('\u{3001}')), (1, 0));
    }
}
