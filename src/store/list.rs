//! Intrusive lists through the items of one arena: oldest at the front, newest at the back.

use super::arena::Arena;
use super::blob::{Handle, Header, Links, NIL};

/// Which links of an item a list uses.
pub(super) trait Chain {
    fn links(header: &Header) -> Links;
    fn links_mut(header: &mut Header) -> &mut Links;
}

/// Least recently used first.
pub(super) struct Lru;
/// Oldest change first.
pub(super) struct Changes;

impl Chain for Lru {
    fn links(header: &Header) -> Links {
        header.lru
    }
    fn links_mut(header: &mut Header) -> &mut Links {
        &mut header.lru
    }
}

impl Chain for Changes {
    fn links(header: &Header) -> Links {
        header.changes
    }
    fn links_mut(header: &mut Header) -> &mut Links {
        &mut header.changes
    }
}

/// A doubly linked list.
pub(super) struct List<C> {
    pub front: Handle,
    pub back: Handle,
    chain: std::marker::PhantomData<C>,
}

impl<C: Chain> List<C> {
    pub const fn new() -> List<C> {
        List {
            front: NIL,
            back: NIL,
            chain: std::marker::PhantomData,
        }
    }

    pub fn next(&self, arena: &Arena, handle: Handle) -> Handle {
        C::links(arena.header(handle)).next
    }

    pub fn previous(&self, arena: &Arena, handle: Handle) -> Handle {
        C::links(arena.header(handle)).prev
    }

    /// Whether the item is in this list.
    pub fn contains(&self, arena: &Arena, handle: Handle) -> bool {
        self.front == handle || C::links(arena.header(handle)).prev != NIL
    }

    pub fn push_back(&mut self, arena: &mut Arena, handle: Handle) {
        *C::links_mut(arena.header_mut(handle)) = Links {
            prev: self.back,
            next: NIL,
        };
        self.set_next(arena, self.back, handle);
        self.back = handle;
    }

    /// Takes the item out, if it is in.
    pub fn unlink(&mut self, arena: &mut Arena, handle: Handle) {
        if !self.contains(arena, handle) {
            return;
        }
        let links = C::links(arena.header(handle));
        self.set_next(arena, links.prev, links.next);
        self.set_prev(arena, links.next, links.prev);
        *C::links_mut(arena.header_mut(handle)) = Links::NONE;
    }

    /// `new` is a copy of `old`, links included: the neighbours are told.
    pub fn moved(&mut self, arena: &mut Arena, old: Handle, new: Handle) {
        let links = C::links(arena.header(new));
        if links.prev == NIL && self.front != old {
            return;
        }
        self.set_next(arena, links.prev, new);
        self.set_prev(arena, links.next, new);
    }

    fn set_next(&mut self, arena: &mut Arena, handle: Handle, next: Handle) {
        match handle {
            NIL => self.front = next,
            _ => C::links_mut(arena.header_mut(handle)).next = next,
        }
    }

    fn set_prev(&mut self, arena: &mut Arena, handle: Handle, prev: Handle) {
        match handle {
            NIL => self.back = prev,
            _ => C::links_mut(arena.header_mut(handle)).prev = prev,
        }
    }
}
