//! Every flag: memcached's, repcached's and our own, with its help line and what becomes of it.

/// One flag.
pub(super) struct Flag {
    /// The letter, or empty.
    pub(super) short: &'static str,
    /// The long name without dashes, or empty.
    pub(super) long: &'static str,
    pub(super) takes: Takes,
    pub(super) help: &'static str,
    pub(super) treatment: Treatment,
}

/// Whether a flag has a value; the word is for the help.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    /// A value in the same or in the next argument.
    Value(&'static str),
    /// A value in the same or in the next argument unless that begins with a dash.
    MaybeValue(&'static str),
}

/// What the program does with a flag or a suboption of `-o`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Treatment {
    /// It does what memcached does.
    Honoured,
    /// It is accepted without effect, for this reason.
    Noted(&'static str),
    /// It cannot be accepted: the reason and what to do instead.
    Refused(&'static str, &'static str),
}

use Takes::{MaybeValue, Nothing, Value};
use Treatment::{Honoured, Noted, Refused};

impl Flag {
    /// The name under which the parser keeps the flag.
    pub(super) fn id(&self) -> &'static str {
        if self.long.is_empty() {
            self.short
        } else {
            self.long
        }
    }

    /// The flag as messages show it: `-m, --memory-limit`.
    pub(super) fn label(&self) -> String {
        match (self.short, self.long) {
            (short, "") => format!("-{short}"),
            ("", long) => format!("--{long}"),
            (short, long) => format!("-{short}, --{long}"),
        }
    }
}

const fn flag(
    short: &'static str,
    long: &'static str,
    takes: Takes,
    treatment: Treatment,
    help: &'static str,
) -> Flag {
    Flag {
        short,
        long,
        takes,
        help,
        treatment,
    }
}

pub(super) const NO_SLABS: Treatment = Noted("items are not kept in slab classes");

/// The flags in the order of the help.
pub(super) const FLAGS: &[Flag] = &[
    flag(
        "p",
        "port",
        Value("num"),
        Honoured,
        "TCP port to listen on (default: 11211)",
    ),
    flag(
        "U",
        "udp-port",
        Value("num"),
        Honoured,
        "UDP port to listen on (default: 0, off)",
    ),
    flag(
        "s",
        "unix-socket",
        Value("file"),
        Honoured,
        "unix socket to listen on (instead of the network)",
    ),
    flag(
        "a",
        "unix-mask",
        Value("mask"),
        Honoured,
        "access mode of the unix socket, octal (default: 700)",
    ),
    flag(
        "A",
        "enable-shutdown",
        Nothing,
        Honoured,
        "allow the \"shutdown\" command",
    ),
    flag(
        "l",
        "listen",
        Value("addr"),
        Honoured,
        "address or address:port to listen on (default: all);\n\
         several with commas or by repeating -l",
    ),
    flag("d", "daemon", Nothing, Honoured, "run as a daemon"),
    flag(
        "r",
        "enable-coredumps",
        Nothing,
        Honoured,
        "raise the core file limit",
    ),
    flag(
        "u",
        "user",
        Value("user"),
        Honoured,
        "user to become (only when started as root)",
    ),
    flag(
        "m",
        "memory-limit",
        Value("num"),
        Honoured,
        "item memory in megabytes, or with a unit (default: 64)",
    ),
    flag(
        "M",
        "disable-evictions",
        Nothing,
        Honoured,
        "answer with an error when full, never evict",
    ),
    flag(
        "c",
        "conn-limit",
        Value("num"),
        Honoured,
        "simultaneous connections (default: 1024)",
    ),
    flag("k", "lock-memory", Nothing, Honoured, "lock all memory"),
    flag(
        "v",
        "verbose",
        Nothing,
        Honoured,
        "tell also which settings have no effect; -vv also each\n\
         attempt of the replication link. Requests are never\n\
         told: `watch fetchers mutations` shows them to a client",
    ),
    flag("h", "help", Nothing, Honoured, "print this help and exit"),
    flag(
        "i",
        "license",
        Nothing,
        Honoured,
        "print the license and exit",
    ),
    flag(
        "V",
        "version",
        Nothing,
        Honoured,
        "print the version and exit",
    ),
    flag(
        "P",
        "pidfile",
        Value("file"),
        Honoured,
        "write the process id to this file",
    ),
    flag(
        "f",
        "slab-growth-factor",
        Value("num"),
        NO_SLABS,
        "accepted without effect",
    ),
    flag(
        "n",
        "slab-min-size",
        Value("bytes"),
        NO_SLABS,
        "accepted without effect",
    ),
    flag(
        "L",
        "enable-largepages",
        Nothing,
        Noted("the kernel's transparent huge pages need no flag"),
        "accepted without effect",
    ),
    flag(
        "D",
        "",
        Value("char"),
        Honoured,
        "delimiter between prefix and rest of a key for\n\
         \"stats detail\" (default: \":\"); turns the collection on",
    ),
    flag(
        "t",
        "threads",
        Value("num"),
        Honoured,
        "worker threads (default: 4)",
    ),
    flag(
        "R",
        "max-reqs-per-event",
        Value("num"),
        Honoured,
        "requests of one connection before the next one's turn\n(default: 20)",
    ),
    flag(
        "C",
        "disable-cas",
        Nothing,
        Honoured,
        "give out no cas tokens",
    ),
    flag(
        "b",
        "listen-backlog",
        Value("num"),
        Honoured,
        "length of the accept queue (default: 1024)",
    ),
    flag(
        "B",
        "protocol",
        Value("name"),
        Honoured,
        "ascii, binary or auto (default: auto, by the first byte)",
    ),
    flag(
        "I",
        "max-item-size",
        Value("num"),
        Honoured,
        "largest item (default: 1m, min: 1k, max: 1024m)",
    ),
    flag(
        "S",
        "enable-sasl",
        Nothing,
        Refused(
            "SASL authentication is not offered",
            "leave it out and restrict the port, or use -Y FILE for text clients",
        ),
        "not offered; see -Y",
    ),
    flag(
        "F",
        "disable-flush-all",
        Nothing,
        Honoured,
        "refuse the \"flush_all\" command",
    ),
    flag(
        "X",
        "disable-dumping",
        MaybeValue("num"),
        Honoured,
        "refuse \"stats cachedump\" and \"lru_crawler metadump\";\n\
         with a number: the replication port of -x",
    ),
    flag(
        "W",
        "disable-watch",
        Nothing,
        Honoured,
        "refuse the \"watch\" command",
    ),
    flag(
        "Y",
        "auth-file",
        Value("file"),
        Honoured,
        "authenticate text clients; lines of user:password,\nread again on SIGHUP",
    ),
    flag(
        "e",
        "memory-file",
        Value("file"),
        Refused(
            "the cache is not kept in a file",
            "leave it out; a peer (-x) keeps the items across a restart",
        ),
        "not offered; see -x",
    ),
    flag(
        "Z",
        "enable-ssl",
        Nothing,
        Refused(
            "TLS for clients is not offered",
            "leave it out, and put a TLS proxy such as stunnel in front if clients need it",
        ),
        "not offered",
    ),
    flag(
        "o",
        "extended",
        Value("list"),
        Honoured,
        "suboptions separated by commas, see below",
    ),
    flag(
        "N",
        "napi-ids",
        Value("num"),
        Noted("connections are spread over the threads without looking at NAPI ids"),
        "accepted without effect",
    ),
    flag(
        "x",
        "",
        Value("host"),
        Honoured,
        "replicate with this host (repcached)",
    ),
    flag(
        "q",
        "",
        Value("num"),
        Noted("replication has no queue"),
        "accepted without effect",
    ),
    flag(
        "",
        "config",
        Value("file"),
        Honoured,
        "configuration file; flags override it",
    ),
    flag(
        "",
        "admin",
        Value("addr"),
        Honoured,
        "address of /status, /metrics, /healthz and /readyz",
    ),
];
