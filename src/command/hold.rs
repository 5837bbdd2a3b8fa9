//! Which requests wait while a node hands the address over.

/// What is not executed for now. Nothing of it is refused: the requests wait in their connections.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[repr(u8)]
pub enum Hold {
    /// Everything is executed.
    #[default]
    Nothing = 0,
    /// Changes wait, reads are answered: the peer gets what it lacks.
    Mutations = 1,
    /// Reads wait too: the peer may be master already, and what is here out of date.
    Everything = 2,
}

impl Hold {
    /// Whether such a request waits.
    pub const fn stops(self, is_mutation: bool) -> bool {
        match self {
            Hold::Nothing => false,
            Hold::Mutations => is_mutation,
            Hold::Everything => true,
        }
    }

    /// From the number that `as u8` gives; another one holds everything.
    pub const fn from_u8(number: u8) -> Hold {
        match number {
            0 => Hold::Nothing,
            1 => Hold::Mutations,
            _ => Hold::Everything,
        }
    }
}
