use super::{ITEM, check, check_outcome, check_refusal, check_reply};
use crate::command::{ItemView, Outcome, Value};
use crate::protocol::{Reply, RequestError};

/// A meta command of one line.
#[track_caller]
fn check_line(line: &str, expected: &str) {
    check(format!("{line}\r\n").as_bytes(), &[expected]);
}

#[track_caller]
fn check_hit(line: &str, item: ItemView<'_>, expected: &str) {
    let input = format!("{line}\r\n");
    check_reply(
        input.as_bytes(),
        |reply, out| reply.hit(false, &item, out),
        expected.as_bytes(),
    );
}

#[track_caller]
fn check_miss(line: &str, expected: &str) {
    let input = format!("{line}\r\n");
    check_reply(
        input.as_bytes(),
        |reply, out| reply.miss(b"key", out),
        expected.as_bytes(),
    );
}

#[test]
fn get() {
    check_line("mg a", "read a");
    check_line("mg  a   v ", "read a");
    check_line("mg a v f t s c k h l Oxyz", "read a");
    check_line("mg a q", "read a quiet");
    check_line("mg a u", "read a unseen");
    check_line("mg a T30", "read a touch=30");
    check_line("mg a T-1", "read a touch=-1");
    check_line("mg a N60 R30 E99", "read a vivify=60 recache=30 new_cas=99");
    check_line("mg a P/path L/path v", "read a");
    check_line("mg Zm9v b v", "read foo");
    check_line("mg /w== b", "read \\xff");
}

#[test]
fn set() {
    check(b"ms a 1\r\nx\r\n", &["set a=x"]);
    check(
        b"ms a 1 F7 T60 q c k\r\nx\r\n",
        &["set a=x flags=7 exptime=60 quiet"],
    );
    check(
        b"ms a 1 C5 E6 I\r\nx\r\n",
        &["set a=x compare=5 new_cas=6 invalidate"],
    );
    check(b"ms a 1 C0\r\nx\r\n", &["set a=x compare=0"]);
    check(b"ms a 1 MS\r\nx\r\n", &["set a=x"]);
    check(b"ms a 1 ME\r\nx\r\n", &["add a=x"]);
    check(b"ms a 1 MR\r\nx\r\n", &["replace a=x"]);
    check(b"ms a 1 MA\r\nx\r\n", &["append a=x"]);
    check(b"ms a 1 MP N30\r\nx\r\n", &["prepend a=x vivify=30"]);
    check(b"ms a 1 N30\r\nx\r\n", &["set a=x"]);
    check(b"ms Zm9v 1 b\r\nx\r\n", &["set foo=x"]);
    check(b"ms a 0\r\n\r\n", &["set a="]);
    check(b"ms a 5\r\nhel", &["needs 15"]);
}

#[test]
fn delete() {
    check_line("md a", "delete a");
    check_line("md a q C5", "delete a compare=5 quiet");
    check_line("md a I T30 E7", "delete a new_cas=7 exptime=30 invalidate");
    check_line("md a x", "delete a drop_value");
    check_line("md Zm9v b k O1", "delete foo");
}

#[test]
fn arithmetic() {
    check_line("ma n", "n +1");
    check_line("ma n D5 MI", "n +5");
    check_line("ma n D5 M+", "n +5");
    check_line("ma n D5 MD", "n -5");
    check_line("ma n M- q", "n -1 quiet");
    check_line("ma n N60", "n +1 or 0 for 60");
    check_line("ma n N0 J13", "n +1 or 13 for 0");
    check_line("ma n J13", "n +1");
    check_line("ma n T30 C5 E6", "n +1 exptime=30 compare=5 new_cas=6");
    check_line("ma n C0", "n +1");
    check_line("ma Zm9v b", "foo +1");
}

#[test]
fn debug_and_noop() {
    check_line("me a", "debug a");
    check_line("me Zm9v b", "debug foo");
    check_line("mn", "noop");
    check_line("mn whatever", "noop");
}

#[test]
fn bad_lines() {
    let long_key = "k".repeat(251);
    for (line, error) in [
        ("mg", RequestError::UnknownCommand),
        ("ms", RequestError::UnknownCommand),
        ("md", RequestError::UnknownCommand),
        ("ma", RequestError::UnknownCommand),
        ("me", RequestError::BadFormat),
        ("ms a", RequestError::BadFormat),
        ("ms a x", RequestError::BadFormat),
        ("ms a S1", RequestError::BadFormat),
        ("ms a -1", RequestError::BadFormat),
        (&*format!("mg {long_key}"), RequestError::BadFormat),
        (&*format!("md {long_key}"), RequestError::BadFormat),
        (&*format!("me {long_key}"), RequestError::BadFormat),
        ("mg a Z", RequestError::InvalidFlag),
        ("mg a S5", RequestError::InvalidFlag),
        ("mg a v v", RequestError::DuplicateFlag),
        ("mg a \u{e9}", RequestError::DuplicateFlag),
        ("mg a Nx", RequestError::BadToken),
        ("mg a T", RequestError::BadToken),
        ("mg a Rx", RequestError::BadToken),
        ("mg a Cx", RequestError::BadToken),
        ("mg a Ex", RequestError::BadToken),
        ("mg a Fx", RequestError::BadFormat),
        ("mg a Mxx", RequestError::BadModeLength),
        ("mg a Jx", RequestError::InvalidInitial),
        ("mg a Dx", RequestError::InvalidMetaDelta),
        ("mg a Nx Dx", RequestError::InvalidMetaDelta),
        ("mg a Nx Z", RequestError::InvalidFlag),
        ("mg Zm9 b", RequestError::BadKeyEncoding),
        ("mg ! b", RequestError::BadKeyEncoding),
        ("me Zm9 b", RequestError::BadFormat),
        ("md a Z", RequestError::InvalidOrDuplicateFlag),
        ("md a q q", RequestError::InvalidOrDuplicateFlag),
        ("md a Cx", RequestError::InvalidOrDuplicateFlag),
        ("md Zm9 b", RequestError::InvalidOrDuplicateFlag),
        ("ma a Dx", RequestError::InvalidOrDuplicateFlag),
        ("ma a MX", RequestError::BadArithmeticMode),
        (
            "mg a O12345678901234567890123456789012",
            RequestError::OpaqueTooLong,
        ),
        (
            "mg a b c d e f g h i j k l m n o p q r s",
            RequestError::TooManyFlags,
        ),
        (
            "md a b c d e f g h i j k l m n o p q r s",
            RequestError::TooManyFlagsLong,
        ),
    ] {
        super::check_error(format!("{line}\r\n").as_bytes(), error);
    }
}

#[test]
fn a_bad_set_takes_its_value_along() {
    let long_key = format!("ms {} 1\r\nx\r\nmn\r\n", "k".repeat(251));
    check(
        long_key.as_bytes(),
        &["refused BadFormat", "skipped 3", "noop"],
    );
    check(
        b"ms a 1 Z\r\nx\r\nmn\r\n",
        &["refused InvalidFlag", "skipped 3", "noop"],
    );
    check(
        b"ms a 1 MX\r\nx\r\nmn\r\n",
        &["refused BadStoreMode", "skipped 3", "noop"],
    );
    check(
        b"ms a 1 Ms\r\nx\r\nmn\r\n",
        &["refused BadStoreMode", "skipped 3", "noop"],
    );
    check(
        b"ms a 1 b\r\nx\r\nmn\r\n",
        &["refused BadKeyEncoding", "skipped 3", "noop"],
    );
    let opaque = b"ms a 1 O12345678901234567890123456789012\r\nx\r\nmn\r\n";
    check(opaque, &["refused OpaqueTooLong", "skipped 3", "noop"]);
    let flags = b"ms a 1 b c d e f g h i j k l m n o p q r s\r\nx\r\nmn\r\n";
    check(flags, &["refused TooManyFlagsLong", "skipped 3", "noop"]);
    check(
        b"ms a 3 q\r\nabcdemn\r\n",
        &["refused BadDataChunk quiet", "noop"],
    );
}

#[test]
fn a_set_too_large_forgets_the_old_value_in_every_mode() {
    check(b"ms a 2000000 MA\r\n", &["refused TooLarge forget=a"]);
    check(b"ms a 2000000 C1\r\n", &["refused TooLarge forget=a"]);
}

#[test]
fn errors_are_told_even_when_quiet() {
    check_refusal(b"ms a 3 q\r\nabcde", b"CLIENT_ERROR bad data chunk\r\n");
    check_refusal(b"mg a q Z\r\n", b"CLIENT_ERROR invalid flag\r\n");
    check_refusal(b"mg a v v\r\n", b"CLIENT_ERROR duplicate flag\r\n");
    check_refusal(
        b"mg a Tx\r\n",
        b"CLIENT_ERROR bad token in command line format\r\n",
    );
    check_refusal(b"md a Z\r\n", b"CLIENT_ERROR invalid or duplicate flag\r\n");
    check_refusal(
        b"ma a MX\r\n",
        b"CLIENT_ERROR invalid mode for ma M token\r\n",
    );
    check_refusal(b"mg ! b\r\n", b"CLIENT_ERROR error decoding key\r\n");
    let number = b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
    check_outcome(b"ma a q\r\n", Outcome::NonNumeric, number);
}

#[test]
fn a_hit_returns_flags_in_the_order_of_the_request() {
    check_hit("mg fruit", ITEM, "HD\r\n");
    check_hit("mg fruit v", ITEM, "VA 5\r\napple\r\n");
    check_hit(
        "mg fruit s v k t f c h l Oxy",
        ITEM,
        "VA 5 s5 kfruit t60 f7 c123456789012 h1 l4 Oxy\r\napple\r\n",
    );
    check_hit("mg fruit Oxy k t", ITEM, "HD Oxy kfruit t60\r\n");
    check_hit(
        "mg fruit t h",
        ItemView {
            ttl: None,
            ttl_before: None,
            fetched: false,
            ..ITEM
        },
        "HD t-1 h0\r\n",
    );
    check_hit("mg fruit q v T5 N5 R5", ITEM, "VA 5\r\napple\r\n");
    check_hit("mg ZnJ1aXQ= b k v", ITEM, "VA 5 kZnJ1aXQ= b\r\napple\r\n");
    check_hit(
        "mg fruit f",
        ItemView {
            flags: 4_294_967_295,
            ..ITEM
        },
        "HD f4294967295\r\n",
    );
}

#[test]
fn a_life_is_shown_as_the_flags_before_it_left_it() {
    let touched = ItemView {
        ttl_before: Some(100),
        ..ITEM
    };
    check_hit("mg fruit t T60", touched, "HD t100\r\n");
    check_hit("mg fruit T60 t", touched, "HD t60\r\n");
    check_hit("mg fruit N30 t T60", touched, "HD t100\r\n");
    let created = ItemView {
        ttl_before: None,
        ..ITEM
    };
    check_hit("mg fruit t N60", created, "HD t-1\r\n");
    check_hit("mg fruit N60 t", created, "HD t60\r\n");
}

#[test]
fn a_hit_marks_stale_and_won_items() {
    check_hit("mg fruit t", ItemView { won: true, ..ITEM }, "HD t60 W\r\n");
    check_hit(
        "mg fruit t",
        ItemView {
            won: true,
            stale: true,
            ..ITEM
        },
        "HD t60 X W\r\n",
    );
    check_hit(
        "mg fruit t",
        ItemView {
            win_sent: true,
            stale: true,
            ..ITEM
        },
        "HD t60 Z X\r\n",
    );
    check_hit(
        "mg fruit v",
        ItemView {
            win_sent: true,
            value: Value::default(),
            ..ITEM
        },
        "VA 0 Z\r\n\r\n",
    );
}

#[test]
fn a_miss_returns_opaque_and_key() {
    check_miss("mg a v t", "EN\r\n");
    check_miss("mg a v k t Oxy", "EN ka Oxy\r\n");
    check_miss("mg Zm9v b k", "EN kZm9v b\r\n");
    check_miss("mg a k q", "");
    check_miss("me a", "EN\r\n");
}

#[test]
fn outcomes_have_codes() {
    let stored = Outcome::Stored { cas: 99 };
    check_outcome(b"ms a 1\r\nx\r\n", stored, b"HD\r\n");
    check_outcome(
        b"ms a 1 k O1 c s F5\r\nx\r\n",
        stored,
        b"HD ka O1 c99 s1\r\n",
    );
    check_outcome(b"ms a 1 q k\r\nx\r\n", stored, b"");
    check_outcome(
        b"ms a 1 q k c\r\nx\r\n",
        Outcome::NotStored,
        b"NS ka c0\r\n",
    );
    check_outcome(b"ms a 1 q C5\r\nx\r\n", Outcome::Exists, b"EX\r\n");
    check_outcome(b"ms a 1 q C5\r\nx\r\n", Outcome::NotFound, b"NF\r\n");
    check_outcome(b"ms Zm9v 1 b k\r\nx\r\n", stored, b"HD kZm9v b\r\n");
    check_outcome(b"md a k O1\r\n", Outcome::Deleted, b"HD ka O1\r\n");
    check_outcome(b"md a q\r\n", Outcome::Deleted, b"");
    check_outcome(b"md a q O1\r\n", Outcome::NotFound, b"NF O1\r\n");
    check_outcome(b"md a k\r\n", Outcome::Exists, b"EX ka\r\n");
    check_outcome(
        b"ms a 1\r\nx\r\n",
        Outcome::TooLarge,
        b"SERVER_ERROR object too large for cache\r\n",
    );
}

#[test]
fn numbers_come_with_or_without_their_value() {
    let number = Outcome::Number {
        value: 137,
        cas: 99,
        ttl: Some(60),
        ttl_before: Some(60),
    };
    check_outcome(b"ma n\r\n", number, b"HD\r\n");
    check_outcome(b"ma n v\r\n", number, b"VA 3\r\n137\r\n");
    check_outcome(
        b"ma n t c k O1 v\r\n",
        number,
        b"VA 3 t60 c99 kn O1\r\n137\r\n",
    );
    check_outcome(b"ma n q\r\n", number, b"");
    check_outcome(
        b"ma n t\r\n",
        Outcome::Number {
            value: 1,
            cas: 1,
            ttl: None,
            ttl_before: None,
        },
        b"HD t-1\r\n",
    );
    check_outcome(b"ma n q k t c\r\n", Outcome::NotFound, b"NF kn\r\n");
    check_outcome(b"ma n C5\r\n", Outcome::Exists, b"EX\r\n");
}

#[test]
fn debug_shows_the_state_of_an_item() {
    let debug = |reply: &Reply<'_>, out: &mut Vec<u8>| reply.meta_debug(&ITEM, 1, 80, out);
    let expected = b"ME fruit exp=60 la=4 cas=123456789012 fetch=yes cls=1 size=80\r\n";
    check_reply(b"me fruit\r\n", debug, expected);
    let item = ItemView {
        ttl: None,
        fetched: false,
        ..ITEM
    };
    let debug = |reply: &Reply<'_>, out: &mut Vec<u8>| reply.meta_debug(&item, 2, 81, out);
    let expected = b"ME ZnJ1aXQ= exp=-1 la=4 cas=123456789012 fetch=no cls=2 size=81\r\n";
    check_reply(b"me ZnJ1aXQ= b\r\n", debug, expected);
}
