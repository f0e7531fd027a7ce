//! [`Pens`]: whole pens interned, so that vt100 can carry them. Its cells have room for a 24-bit
//! colour but not for blink, strike-through, overline, underline styles or links; so the colour it is
//! given is the number of a pen in this table. vt100 copies attributes into erased cells, so one
//! number a cell is enough.

use crate::config::limits::PENS;
use crate::terminal::pen::Pen;
use rustc_hash::FxHashMap;

/// The number of a pen; 0 is the default pen and is written as a plain reset.
pub(super) type PenId = u32;

/// Every pen some cell may still have, by number.
#[derive(Debug)]
pub(super) struct Pens {
    by_id: Vec<Pen>,
    ids: FxHashMap<Pen, PenId>,
    free: Vec<PenId>,
    /// Interning more than this asks for a collection.
    limit: usize,
}

impl Default for Pens {
    fn default() -> Self {
        Self {
            by_id: vec![Pen::default()],
            ids: FxHashMap::default(),
            free: Vec::new(),
            limit: PENS,
        }
    }
}

impl Pens {
    /// The number of `pen`.
    pub(super) fn intern(&mut self, pen: &Pen) -> PenId {
        if *pen == Pen::default() {
            return 0;
        }
        if let Some(id) = self.ids.get(pen) {
            return *id;
        }
        let id = match self.free.pop() {
            Some(id) => {
                self.by_id[id as usize] = pen.clone();
                id
            }
            None => {
                self.by_id.push(pen.clone());
                (self.by_id.len() - 1) as PenId
            }
        };
        self.ids.insert(pen.clone(), id);
        id
    }

    /// The pen numbered `id`; the default one for a number never given out.
    pub(super) fn get(&self, id: PenId) -> &Pen {
        self.by_id.get(id as usize).unwrap_or(&self.by_id[0])
    }

    /// Whether [`Pens::collect`] is due.
    pub(super) fn is_full(&self) -> bool {
        self.ids.len() >= self.limit
    }

    /// Forgets every pen but those numbered in `used`, whose numbers stay as they are.
    pub(super) fn collect(&mut self, used: impl Iterator<Item = PenId>) {
        let mut keep = vec![false; self.by_id.len()];
        keep[0] = true;
        for id in used {
            if let Some(slot) = keep.get_mut(id as usize) {
                *slot = true;
            }
        }
        self.ids.retain(|_, id| keep[*id as usize]);
        self.free.clear();
        for (id, kept) in keep.iter().enumerate() {
            if !kept {
                self.by_id[id] = Pen::default();
                self.free.push(id as PenId);
            }
        }
        // A screen that really shows that many pens must not collect at every sequence.
        self.limit = PENS.max(2 * self.ids.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::pen::Color;

    fn pen(n: u32) -> Pen {
        let [_, r, g, b] = n.to_be_bytes();
        Pen {
            foreground: Color::Rgb(r, g, b),
            ..Pen::default()
        }
    }

    #[test]
    fn the_default_pen_is_zero_and_equal_pens_share_a_number() {
        let mut pens = Pens::default();
        assert_eq!(pens.intern(&Pen::default()), 0);
        let one = pens.intern(&pen(1));
        assert_eq!(pens.intern(&pen(1)), one);
        assert_ne!(pens.intern(&pen(2)), one);
        assert_eq!(pens.get(one), &pen(1));
    }

    #[test]
    fn collecting_keeps_numbers_and_reuses_the_rest() {
        let mut pens = Pens::default();
        let ids: Vec<_> = (0..PENS as u32).map(|n| pens.intern(&pen(n))).collect();
        assert!(pens.is_full());
        pens.collect([ids[7], ids[9]].into_iter());
        assert!(!pens.is_full());
        assert_eq!(pens.get(ids[7]), &pen(7));
        assert_eq!(pens.intern(&pen(9)), ids[9]);
        let before = pens.by_id.len();
        for n in 0..1000 {
            pens.intern(&pen(1_000_000 + n));
        }
        assert_eq!(pens.by_id.len(), before, "freed numbers are used again");
    }
}
