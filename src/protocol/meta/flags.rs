//! The flags of a meta command.

use crate::command::Exptime;
use crate::protocol::RequestError;
use crate::protocol::text::number::{signed, unsigned, unsigned_32};
use crate::protocol::text::words::words;

/// All that flags can ask of a command. What they ask of its answer stays on the line.
#[derive(Debug)]
pub(super) struct Flags {
    /// `b`: the key is base64.
    pub(super) base64: bool,
    /// `q`: only unusual answers are wanted.
    pub(super) quiet: bool,
    /// `v`: the value is wanted.
    pub(super) value: bool,
    /// `u`: the read does not count as a use.
    pub(super) no_bump: bool,
    /// `I`: mark the item stale.
    pub(super) invalidate: bool,
    /// `x`: drop the value, keep the item.
    pub(super) drop_value: bool,
    /// `T`: a new exptime.
    pub(super) exptime: Option<Exptime>,
    /// `N`: create what is absent.
    pub(super) vivify: Option<Exptime>,
    /// The later one of `T` and `N` on the line: the life of what is created, as memcached works
    /// through flags in order.
    pub(super) last_life: Option<Exptime>,
    /// `R`: recache below so many seconds.
    pub(super) recache: Option<i64>,
    /// `R` stands before any `T`.
    pub(super) recache_before_touch: bool,
    /// `F`: client flags.
    pub(super) client_flags: u32,
    /// `C`: the cas unique the item must have.
    pub(super) compare: Option<u64>,
    /// `E`: the cas unique the item gets.
    pub(super) new_cas: Option<u64>,
    /// `M`: the mode, one character.
    pub(super) mode: Option<u8>,
    /// `D`: how much to add or subtract.
    pub(super) delta: u64,
    /// `J`: the number an absent item is created with.
    pub(super) initial: u64,
}

impl Flags {
    /// Read flags separated by spaces. A flag that is unknown or repeated is an error at once; of
    /// several bad tokens memcached names the last.
    pub(super) fn parse(line: &[u8]) -> Result<Flags, RequestError> {
        let mut flags = Flags::NONE;
        let mut seen = 0u128;
        let mut outcome = Ok(());
        for word in words(line) {
            let letter = word[0];
            if letter >= 127 || seen & (1 << letter) != 0 {
                return Err(RequestError::DuplicateFlag);
            }
            seen |= 1 << letter;
            match flags.set(letter, &word[1..]) {
                Ok(()) => {}
                Err(RequestError::InvalidFlag) => return Err(RequestError::InvalidFlag),
                Err(error) => outcome = Err(error),
            }
        }
        outcome.map(|()| flags)
    }

    const NONE: Flags = Flags {
        base64: false,
        quiet: false,
        value: false,
        no_bump: false,
        invalidate: false,
        drop_value: false,
        exptime: None,
        vivify: None,
        last_life: None,
        recache: None,
        recache_before_touch: false,
        client_flags: 0,
        compare: None,
        new_cas: None,
        mode: None,
        delta: 1,
        initial: 0,
    };

    fn set(&mut self, letter: u8, token: &[u8]) -> Result<(), RequestError> {
        let bad_token = RequestError::BadToken;
        match letter {
            b'b' => self.base64 = true,
            b'q' => self.quiet = true,
            b'v' => self.value = true,
            b'u' => self.no_bump = true,
            b'I' => self.invalidate = true,
            b'x' => self.drop_value = true,
            // Hints for proxies, and what only the answer cares about.
            b'P' | b'L' | b'O' | b'k' | b's' | b't' | b'c' | b'f' | b'h' | b'l' => {}
            b'T' => {
                self.exptime = Some(Exptime(signed(token).ok_or(bad_token)?));
                self.last_life = self.exptime;
            }
            b'N' => {
                self.vivify = Some(Exptime(signed(token).ok_or(bad_token)?));
                self.last_life = self.vivify;
            }
            b'R' => {
                self.recache = Some(signed(token).ok_or(bad_token)?);
                self.recache_before_touch = self.exptime.is_none();
            }
            b'F' => self.client_flags = unsigned_32(token).ok_or(RequestError::BadFormat)?,
            b'C' => self.compare = Some(unsigned(token).ok_or(bad_token)?),
            b'E' => self.new_cas = Some(unsigned(token).ok_or(bad_token)?),
            b'D' => self.delta = unsigned(token).ok_or(RequestError::InvalidMetaDelta)?,
            b'J' => self.initial = unsigned(token).ok_or(RequestError::InvalidInitial)?,
            b'M' => match token {
                [mode] => self.mode = Some(*mode),
                _ => return Err(RequestError::BadModeLength),
            },
            _ => return Err(RequestError::InvalidFlag),
        }
        Ok(())
    }
}
