//! Finds the one scroll that saves most: rows that stand in both pictures, moved. Only row hashes and
//! lengths are looked at, so the search is linear in rows.

use crate::terminal::screen::Row;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Rows `top..=bottom` move up by `by` rows, or down where `by` is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scroll {
    pub(super) top: u16,
    pub(super) bottom: u16,
    pub(super) by: i32,
}

/// Setting a region, scrolling and unsetting it takes about this many bytes.
const COST_BYTES: usize = 20;

/// The scroll worth doing before the rows are compared, if there is one.
pub(super) fn find(before: &[Arc<Row>], after: &[Arc<Row>]) -> Option<Scroll> {
    let changed: Vec<usize> = (0..after.len())
        .filter(|y| before[*y] != after[*y])
        .collect();
    if changed.len() < 2 {
        return None;
    }
    // Where each row stood; a row that stood twice (a blank one) says nothing.
    let mut places: FxHashMap<u64, Option<usize>> = FxHashMap::default();
    for (y, row) in before.iter().enumerate() {
        places
            .entry(row.hash())
            .and_modify(|place| *place = None)
            .or_insert(Some(y));
    }
    let mut votes: FxHashMap<i32, usize> = FxHashMap::default();
    for y in &changed {
        if let Some(Some(from)) = places.get(&after[*y].hash())
            && from != y
        {
            *votes.entry(*from as i32 - *y as i32).or_default() += 1;
        }
    }
    // The smallest distance among equals, so that the choice is the same every time.
    let (by, _) = votes
        .into_iter()
        .max_by_key(|(by, count)| (*count, std::cmp::Reverse(by.unsigned_abs()), *by))?;
    longest_run(before, after, by)
}

/// The run of moved rows that saves most bytes.
fn longest_run(before: &[Arc<Row>], after: &[Arc<Row>], by: i32) -> Option<Scroll> {
    let source = |y: usize| {
        let from = y as i32 + by;
        usize::try_from(from).ok().and_then(|from| before.get(from))
    };
    let mut best: Option<(usize, usize, usize)> = None;
    let mut y = 0;
    while y < after.len() {
        let start = y;
        let mut saved = 0;
        while y < after.len() && source(y) == Some(&after[y]) {
            if before[y] != after[y] {
                saved += 4 + after[y].text().len();
            }
            y += 1;
        }
        if y > start && best.is_none_or(|(most, ..)| saved > most) {
            best = Some((saved, start, y - 1));
        }
        y = y.max(start + 1);
    }
    let (saved, first, last) = best?;
    // The region spans where the rows were and where they are.
    let (top, bottom) = if by > 0 {
        (first, last + by.unsigned_abs() as usize)
    } else {
        (first - by.unsigned_abs() as usize, last)
    };
    (saved > COST_BYTES).then_some(Scroll {
        top: top as u16,
        bottom: bottom as u16,
        by,
    })
}
