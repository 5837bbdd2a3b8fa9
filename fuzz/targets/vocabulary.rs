//! Words and good requests of the client protocols.

/// Classic text.
pub const TEXT: &[&[u8]] = &[
    b"get ",
    b"gets ",
    b"gat 10 ",
    b"gats 10 ",
    b"set ",
    b"add ",
    b"replace ",
    b"append ",
    b"prepend ",
    b"cas ",
    b"delete ",
    b"incr ",
    b"decr ",
    b"touch ",
    b"flush_all",
    b"verbosity 1",
    b"version\r\n",
    b"quit\r\n",
    b" noreply",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"k",
    b"n",
    b"key2 ",
    b" 0 0 3\r\nabc\r\n",
    b" 1 60 1\r\n7\r\n",
    b" 0 0 5000\r\n",
    b" 0 0 2147483647\r\n",
    b" 0 0 99999999999999999999\r\n",
    b" 4294967295 -1 0\r\n\r\n",
    b" 0 0 -1\r\n",
    b"\0",
    b"\x80",
    b"\xff",
    b"18446744073709551615",
    b"-9223372036854775808",
    b"2592001",
];

/// Meta commands.
pub const META: &[&[u8]] = &[
    b"mg ",
    b"ms ",
    b"md ",
    b"ma ",
    b"mn\r\n",
    b"me ",
    b"k",
    b"Zm9v",
    b" b",
    b" t",
    b" v",
    b" f",
    b" s",
    b" c",
    b" h",
    b" l",
    b" q",
    b" k",
    b" x",
    b" I",
    b" E99",
    b" C1",
    b" T30",
    b" N30",
    b" R30",
    b" J5",
    b" D2",
    b" MA",
    b" MS",
    b" MI",
    b" MD",
    b" F5",
    b" Oabc",
    b" Pproxy",
    b" Lpath",
    b" S3",
    b" 3\r\nabc\r\n",
    b" 1\r\n7\r\n",
    b" 99999\r\n",
    b"\r\n",
    b"\n",
    b" ",
    b" O0123456789012345678901234567890123456789",
    b"=",
    b"====",
    b" -1\r\n",
    b"\0",
    b"\xff",
];

/// Packets of the binary protocol and pieces of their headers.
pub const BINARY: &[&[u8]] = &[
    GET,
    SET,
    NOOP,
    APPEND,
    INCREMENT,
    DELETE,
    STAT,
    TOUCH,
    UNKNOWN,
    b"\x80\x09",
    b"\x80\x0d",
    b"\x80\x11",
    b"\x80\x19",
    b"\x80\x1c",
    b"\x80\x1d",
    b"\x80\x23",
    b"\x80\x24",
    b"\x80\x08",
    b"\x80\x0b",
    b"\x80\x07",
    b"\x80\x17",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\x01",
    b"\xff\xff",
    b"\x01",
    b"k",
];

const GET: &[u8] = b"\x80\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0k";
const SET: &[u8] = b"\x80\x01\0\x01\x08\0\0\0\0\0\0\x0c\0\0\0\x02\0\0\0\0\0\0\0\0\
    \0\0\0\x05\0\0\0\0kxyz";
const NOOP: &[u8] = b"\x80\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\0";
const APPEND: &[u8] = b"\x80\x0e\0\x01\0\0\0\0\0\0\0\x02\0\0\0\x04\0\0\0\0\0\0\0\0kx";
const INCREMENT: &[u8] = b"\x80\x05\0\x01\x14\0\0\0\0\0\0\x15\0\0\0\x05\0\0\0\0\0\0\0\0\
    \0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x07\0\0\0\x3cn";
const DELETE: &[u8] = b"\x80\x04\0\x01\0\0\0\0\0\0\0\x01\0\0\0\x06\0\0\0\0\0\0\0\0k";
const STAT: &[u8] = b"\x80\x10\0\x08\0\0\0\0\0\0\0\x08\0\0\0\x07\0\0\0\0\0\0\0\0settings";
const TOUCH: &[u8] = b"\x80\x1c\0\x01\x04\0\0\0\0\0\0\x05\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\x09k";
const UNKNOWN: &[u8] = b"\x80\x55\0\0\0\0\0\0\0\0\0\x03\0\0\0\x09\0\0\0\0\0\0\0\0xyz";

/// What a whole connection understands beyond storing and reading.
pub const CONNECTION: &[&[u8]] = &[
    b"set k 0 0 3\r\nabc\r\n",
    b"set n 1 0 1\r\n7\r\n",
    b"add k 0 0 1\r\nx\r\n",
    b"append k 0 0 2\r\nyz\r\n",
    b"cas k 0 0 1 1\r\nx\r\n",
    b"get k n absent\r\n",
    b"gets k\r\n",
    b"gat 100 k n\r\n",
    b"incr n 5\r\n",
    b"decr n 9 noreply\r\n",
    b"delete k\r\n",
    b"touch k 60\r\n",
    b"flush_all\r\n",
    b"flush_all 10\r\n",
    b"mg k v t f c s\r\n",
    b"ms k 3 T60 c\r\nabc\r\n",
    b"ms k 1 MA N0\r\nx\r\n",
    b"md k I T30\r\n",
    b"mg k v R30 N30\r\n",
    b"ma n N0 J5 D2 v c\r\n",
    b"me k\r\n",
    b"mn\r\n",
    b"stats\r\n",
    b"stats items\r\n",
    b"stats slabs\r\n",
    b"stats sizes\r\n",
    b"stats cachedump 1 100\r\n",
    b"stats detail on\r\n",
    b"stats detail dump\r\n",
    b"stats reset\r\n",
    b"lru_crawler metadump all\r\n",
    b"lru_crawler mgdump all\r\n",
    b"watch fetchers\r\n",
    b"cache_memlimit 1024\r\n",
    b"verbosity 1\r\n",
    b"shutdown\r\n",
    b"version\r\n",
    b"slabs reassign 1 2\r\n",
    b"lru tune 10 20\r\n",
    b"set k 0 0 60000\r\n",
    b"\r\n",
    b" ",
    b"k",
    b"quit\r\n",
    b"\0",
    GET,
    SET,
    NOOP,
    APPEND,
    INCREMENT,
    DELETE,
    STAT,
    TOUCH,
    UNKNOWN,
];

/// Text requests in a row.
pub fn text() -> Vec<Vec<u8>> {
    vec![
        b"set k 1 0 3\r\nabc\r\nget k\r\ngets k n\r\ncas k 0 0 1 5\r\nx\r\ndelete k noreply\r\n"
            .to_vec(),
        b"add n 0 60 1\r\n7\r\nincr n 5\r\ndecr n 1 noreply\r\ntouch n 5\r\ngat 10 n\r\n".to_vec(),
        b"flush_all 5 noreply\r\nverbosity 1\r\nversion\r\nstats items\r\nbogus\r\nquit\r\n"
            .to_vec(),
        [
            b"get ".to_vec(),
            b"some_key_or_other ".repeat(150),
            b"\r\nmn\r\n".to_vec(),
        ]
        .concat(),
        b"set big 0 0 5000\r\nnot that much\r\nget k\r\n".to_vec(),
    ]
}

/// Meta requests in a row.
pub fn meta() -> Vec<Vec<u8>> {
    vec![
        b"mg k v t f s c k Oabc\r\nms k 3 T30 F5 c\r\nabc\r\nmd k I T30 q\r\nmn\r\n".to_vec(),
        b"ma n N30 J5 D2 MI v t c\r\nma n MD q\r\nme k\r\nmg Zm9v b k v\r\n".to_vec(),
        b"ms Zm9v 2 b MA N0 E99 C1 I\r\nhi\r\nmg k R30 N30 T60 h l t x\r\nmn\r\n".to_vec(),
    ]
}

/// Packets in a row.
pub fn binary() -> Vec<Vec<u8>> {
    vec![
        [SET, GET, APPEND, NOOP].concat(),
        [INCREMENT, DELETE, STAT, TOUCH, NOOP].concat(),
        [UNKNOWN, GET, NOOP].concat(),
    ]
}

/// What clients say in a day.
pub fn connection() -> Vec<Vec<u8>> {
    let large = |key: &str| {
        let line = format!("set {key} 0 0 20000\r\n");
        [line.as_bytes(), &[b'v'; 20_000], b"\r\n"].concat()
    };
    let mut seeds = vec![
        CONNECTION[..15].concat(),
        CONNECTION[12..32].concat(),
        CONNECTION[27..41].concat(),
        [
            large("a"),
            b"get ".to_vec(),
            b"a ".repeat(300),
            b"\r\nmn\r\n".to_vec(),
        ]
        .concat(),
        [
            large("a"),
            large("b"),
            b"get a b\r\nlru_crawler metadump all\r\n".to_vec(),
        ]
        .concat(),
    ];
    seeds.extend(text());
    seeds.extend(meta());
    seeds.extend(binary());
    seeds
}
