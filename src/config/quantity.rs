//! Sizes, durations and numbers as people write them, read without floating point.

use super::error::Fault;
use std::time::Duration;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// A size of the file in bytes: `1GiB`, `8MiB`, `512k`, `1.5g`, `1048576B`. The unit is required,
/// because `memory: 64` would be megabytes to a memcached user and bytes to others.
pub(super) fn size(text: &str) -> Result<u64, Fault> {
    sized(
        text,
        None,
        "write a size with its unit, such as 64MiB or 1GiB",
    )
}

/// A size of memcached's `-m` in bytes: a bare number counts MiB.
pub(super) fn size_in_megabytes(text: &str) -> Result<u64, Fault> {
    sized(
        text,
        Some(MIB),
        "write a number of megabytes, such as 64, or a size such as 1GiB",
    )
}

/// A size of memcached's `-I` in bytes: a bare number counts bytes, `k` and `m` may follow.
pub(super) fn size_in_bytes(text: &str) -> Result<u64, Fault> {
    sized(
        text,
        Some(1),
        "write a number of bytes, or a size such as 512k or 8m",
    )
}

fn sized(text: &str, bare_unit: Option<u64>, right: &str) -> Result<u64, Fault> {
    let (number, unit) = split_unit(text);
    let scale = match unit.to_ascii_lowercase().as_str() {
        "" if number.is_empty() => return Err(Fault::new("the size is empty", right)),
        "" => bare_unit.ok_or_else(|| unit_missing(number, right))?,
        "b" => 1,
        "k" | "kib" => KIB,
        "m" | "mib" => MIB,
        "g" | "gib" => GIB,
        "t" | "tib" => TIB,
        decimal @ ("kb" | "mb" | "gb" | "tb") => {
            let letter = decimal[..1].to_ascii_uppercase();
            return Err(Fault::new(
                format!("\"{text}\" could mean powers of 1000 or of 1024"),
                format!("write {number}{letter}iB, which counts in powers of 1024"),
            ));
        }
        _ => return Err(Fault::new(format!("\"{text}\" is not a size"), right)),
    };
    scaled(number, scale).ok_or_else(|| Fault::new(format!("\"{text}\" is not a size"), right))
}

fn unit_missing(number: &str, right: &str) -> Fault {
    Fault::new(format!("{number} has no unit"), right)
}

/// A duration: `250ms`, `1s`, `1.5s`, `2m`, `1h`. The unit is required.
pub(super) fn duration(text: &str) -> Result<Duration, Fault> {
    const RIGHT: &str = "write a duration with its unit, such as 250ms, 1s or 2m";
    let not_a_duration = || Fault::new(format!("\"{text}\" is not a duration"), RIGHT);
    let (number, unit) = split_unit(text);
    let nanoseconds = match unit {
        "" if number.is_empty() => return Err(Fault::new("the duration is empty", RIGHT)),
        "" => return Err(unit_missing(number, RIGHT)),
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(not_a_duration()),
    };
    scaled(number, nanoseconds)
        .map(Duration::from_nanos)
        .ok_or_else(not_a_duration)
}

/// A whole number from `min` to `max`, both included.
pub(super) fn number(text: &str, min: u64, max: u64) -> Result<u64, Fault> {
    let right = || format!("write a number from {min} to {max}");
    let value: u64 = match text.parse() {
        Ok(value) => value,
        Err(_) => {
            return Err(Fault::new(
                format!("\"{text}\" is not a whole number"),
                right(),
            ));
        }
    };
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    Err(Fault::new(format!("{value} is out of range"), right()))
}

/// Splits `250ms` into `250` and `ms`; a space between them is allowed.
fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// `number` times `unit`, where the number may have decimals. `None` if it is no number, does not
/// come out whole, or does not fit.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    if decimals.is_empty() || decimals.len() > 9 {
        return None;
    }
    let divisor = 10u64.pow(decimals.len() as u32);
    let parts = u128::from(whole.parse::<u64>().ok()?) * u128::from(divisor)
        + u128::from(decimals.parse::<u64>().ok()?);
    let product = parts.checked_mul(u128::from(unit))?;
    let exact = product.is_multiple_of(u128::from(divisor));
    if exact {
        u64::try_from(product / u128::from(divisor)).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        let cases = [
            ("1GiB", 1_073_741_824),
            ("8MiB", 8_388_608),
            ("1m", 1_048_576),
            ("512k", 524_288),
            ("1.5 GiB", 1_610_612_736),
            ("1048576B", 1_048_576),
            ("2T", 2_199_023_255_552),
        ];
        for (text, expected) in cases {
            assert_eq!(size(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_bare_number_means_what_memcached_flags_mean() {
        assert_eq!(size_in_megabytes("64"), Ok(67_108_864));
        assert_eq!(size_in_megabytes("1g"), Ok(1_073_741_824));
        assert_eq!(size_in_bytes("2048"), Ok(2_048));
        assert_eq!(size_in_bytes("8m"), Ok(8_388_608));
        assert!(size("64").is_err());
    }

    #[test]
    fn durations_are_exact() {
        let cases = [
            ("250ms", 250_000_000),
            ("1s", 1_000_000_000),
            ("0.2s", 200_000_000),
            ("1.5s", 1_500_000_000),
            ("100us", 100_000),
            ("2m", 120_000_000_000),
            ("1h", 3_600_000_000_000),
            ("0s", 0),
        ];
        for (text, nanoseconds) in cases {
            assert_eq!(
                duration(text),
                Ok(Duration::from_nanos(nanoseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in [
            "",
            "x",
            "-1s",
            "1..5s",
            ".s",
            "1.s",
            "1 week",
            "99999999999999999999s",
            "5",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in [
            "",
            "x",
            "-1m",
            "1x",
            "0.0000000001k",
            "1.5B",
            "99999999999999999999",
            "64MB",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
