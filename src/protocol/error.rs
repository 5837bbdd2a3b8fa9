//! Why a request is refused, in memcached's exact words.

/// A request that cannot be done. The client is at fault unless the variant says otherwise, and
/// the store did not change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestError {
    /// No such command, or a known one with the wrong number of arguments.
    UnknownCommand,
    /// Arguments that cannot be understood, or a key longer than 250 bytes.
    BadFormat,
    /// `delete` with an argument that is neither `0` nor `noreply`.
    BadDelete,
    /// The value is not followed by a line end.
    BadDataChunk,
    /// A line that is no list of keys and does not end within 16 KiB. memcached closes without a word.
    LineTooLong,
    /// The item would be larger than `item_size_max`.
    TooLarge,
    /// The server has no memory for the item even after evicting.
    OutOfMemory,
    /// An exptime that is not a number.
    InvalidExptime,
    /// A delta of incr or decr that is not an unsigned 64-bit number.
    InvalidDelta,
    /// The present value is not a number.
    NonNumeric,
    /// Meta: more flags than memcached takes, in `mg`.
    TooManyFlags,
    /// Meta: more flags than memcached takes, in `ms`, `md` and `ma`.
    TooManyFlagsLong,
    /// Meta: a flag that appears twice, or is not ASCII.
    DuplicateFlag,
    /// Meta: a flag that does not exist.
    InvalidFlag,
    /// Meta: anything wrong with the flags of `md` and `ma`.
    InvalidOrDuplicateFlag,
    /// Meta: a flag's token is not the number it should be.
    BadToken,
    /// Meta: the key is not base64 though `b` says so.
    BadKeyEncoding,
    /// Meta: an opaque of more than 31 bytes.
    OpaqueTooLong,
    /// Meta: a mode that is not a single character.
    BadModeLength,
    /// Meta: no such mode of `ms`.
    BadStoreMode,
    /// Meta: no such mode of `ma`.
    BadArithmeticMode,
    /// Meta: the initial value of `ma` is not a number.
    InvalidInitial,
    /// Meta: the delta of `ma` is not a number.
    InvalidMetaDelta,
    /// Binary: lengths that contradict each other or the opcode. The connection is closed.
    InvalidArguments,
    /// `stats` with arguments that name no statistics.
    UnknownStatistics,
    /// `flush_all` while the server was started with `-F`.
    FlushDisabled,
    /// A command before authentication (`-Y`).
    Unauthenticated,
    /// An authentication whose value does not end in a line end.
    BadAuthenticationEnd,
    /// An authentication without a user and a password.
    BadAuthenticationToken,
    /// A wrong user or password.
    AuthenticationFailure,
}

/// Status of a binary response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub(super) enum Status {
    Success = 0x00,
    NotFound = 0x01,
    Exists = 0x02,
    TooLarge = 0x03,
    InvalidArguments = 0x04,
    NotStored = 0x05,
    NonNumeric = 0x06,
    AuthenticationError = 0x20,
    UnknownCommand = 0x81,
    OutOfMemory = 0x82,
}

impl RequestError {
    /// The line of the text protocol, without its line end.
    pub const fn line(self) -> &'static str {
        match self {
            RequestError::UnknownCommand | RequestError::UnknownStatistics => "ERROR",
            RequestError::BadFormat => "CLIENT_ERROR bad command line format",
            RequestError::BadDelete => {
                "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]"
            }
            RequestError::BadDataChunk => "CLIENT_ERROR bad data chunk",
            RequestError::LineTooLong => "CLIENT_ERROR line too long",
            RequestError::TooLarge => "SERVER_ERROR object too large for cache",
            RequestError::OutOfMemory => "SERVER_ERROR out of memory storing object",
            RequestError::InvalidExptime => "CLIENT_ERROR invalid exptime argument",
            RequestError::InvalidDelta => "CLIENT_ERROR invalid numeric delta argument",
            RequestError::NonNumeric => {
                "CLIENT_ERROR cannot increment or decrement non-numeric value"
            }
            RequestError::TooManyFlags => "CLIENT_ERROR options flags are too long",
            RequestError::TooManyFlagsLong => "CLIENT_ERROR options flags too long",
            RequestError::DuplicateFlag => "CLIENT_ERROR duplicate flag",
            RequestError::InvalidFlag => "CLIENT_ERROR invalid flag",
            RequestError::InvalidOrDuplicateFlag => "CLIENT_ERROR invalid or duplicate flag",
            RequestError::BadToken => "CLIENT_ERROR bad token in command line format",
            RequestError::BadKeyEncoding => "CLIENT_ERROR error decoding key",
            RequestError::OpaqueTooLong => "CLIENT_ERROR opaque token too long",
            RequestError::BadModeLength => "CLIENT_ERROR incorrect length for M token",
            RequestError::BadStoreMode => "CLIENT_ERROR invalid mode for ms M token",
            RequestError::BadArithmeticMode => "CLIENT_ERROR invalid mode for ma M token",
            RequestError::InvalidInitial => "CLIENT_ERROR invalid numeric initial value",
            RequestError::InvalidMetaDelta => "CLIENT_ERROR invalid numeric delta value",
            RequestError::InvalidArguments => "CLIENT_ERROR invalid arguments",
            RequestError::FlushDisabled => "CLIENT_ERROR flush_all not allowed",
            RequestError::Unauthenticated => "CLIENT_ERROR unauthenticated",
            RequestError::BadAuthenticationEnd => "CLIENT_ERROR bad command line termination",
            RequestError::BadAuthenticationToken => "CLIENT_ERROR bad authentication token format",
            RequestError::AuthenticationFailure => "CLIENT_ERROR authentication failure",
        }
    }

    /// The status of the binary protocol. What only text can get wrong counts as bad arguments.
    pub(super) const fn status(self) -> Status {
        match self {
            RequestError::UnknownCommand => Status::UnknownCommand,
            RequestError::TooLarge => Status::TooLarge,
            RequestError::OutOfMemory => Status::OutOfMemory,
            RequestError::NonNumeric => Status::NonNumeric,
            RequestError::UnknownStatistics => Status::NotFound,
            RequestError::FlushDisabled
            | RequestError::Unauthenticated
            | RequestError::BadAuthenticationEnd
            | RequestError::BadAuthenticationToken
            | RequestError::AuthenticationFailure => Status::AuthenticationError,
            RequestError::BadFormat
            | RequestError::BadDelete
            | RequestError::BadDataChunk
            | RequestError::LineTooLong
            | RequestError::InvalidExptime
            | RequestError::InvalidDelta
            | RequestError::TooManyFlags
            | RequestError::TooManyFlagsLong
            | RequestError::DuplicateFlag
            | RequestError::InvalidFlag
            | RequestError::InvalidOrDuplicateFlag
            | RequestError::BadToken
            | RequestError::BadKeyEncoding
            | RequestError::OpaqueTooLong
            | RequestError::BadModeLength
            | RequestError::BadStoreMode
            | RequestError::BadArithmeticMode
            | RequestError::InvalidInitial
            | RequestError::InvalidMetaDelta
            | RequestError::InvalidArguments => Status::InvalidArguments,
        }
    }
}

impl Status {
    /// The body that memcached sends with the status.
    pub(super) const fn body(self) -> &'static str {
        match self {
            Status::Success => "",
            Status::NotFound => "Not found",
            Status::Exists => "Data exists for key.",
            Status::TooLarge => "Too large.",
            Status::InvalidArguments => "Invalid arguments",
            Status::NotStored => "Not stored.",
            Status::NonNumeric => "Non-numeric server-side value for incr or decr",
            Status::AuthenticationError => "Auth failure.",
            Status::UnknownCommand => "Unknown command",
            Status::OutOfMemory => "Out of memory",
        }
    }
}
