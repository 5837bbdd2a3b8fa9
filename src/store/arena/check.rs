//! What must hold for the segments of an arena, for tests.

use super::{Arena, handle_of};
use crate::store::blob::{Kind, NIL};

impl Arena {
    /// Panics where words are counted wrongly, or where a link between an item and its parts is
    /// one-sided. How many items live.
    pub fn check(&self) -> usize {
        assert!(self.reserved.is_empty(), "nothing is reserved for later");
        let held = self.segments.iter().flatten();
        let (count, live) = held.fold((0, 0), |(count, live), s| (count + 1, live + s.live));
        assert_eq!((count, live), (self.segments_held, self.words_live));
        (0..self.segments.len())
            .map(|number| self.check_segment(number))
            .sum()
    }

    fn check_segment(&self, number: usize) -> usize {
        let Some(segment) = &self.segments[number] else {
            return 0;
        };
        let (mut at, mut live, mut items) = (0, 0, 0);
        while at < segment.used {
            let blob = handle_of(number, at);
            let front = self.front(blob);
            at += front.words_occupied();
            if front.is_freed() {
                continue;
            }
            live += front.words_needed();
            if front.kind() == Kind::Part {
                let next = self.part(blob).next;
                assert!(
                    next == NIL || self.part(next).prev == blob,
                    "the next part knows it"
                );
                let prev = self.part(blob).prev;
                let heir = match self.front(prev).kind() {
                    Kind::Part => self.part(prev).next,
                    Kind::Item => self.first_part(prev),
                    Kind::Page => panic!("a part behind a page"),
                };
                assert_eq!(heir, blob, "who stands before it knows it");
            } else if front.kind() == Kind::Item {
                items += 1;
                if front.is_cut() {
                    let parts = self.parts_from(self.first_part(blob));
                    let length: usize = parts.map(|part| self.front(part).length()).sum();
                    assert_eq!(length, front.length(), "the parts are the value");
                }
            }
        }
        assert_eq!((at, live), (segment.used, segment.live));
        items
    }
}
