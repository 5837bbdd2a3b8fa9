"""Where twincached answers otherwise than memcached 1.6.18, on purpose: each with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """The answer of twincached as test_differential shows it, and why it is another one."""

    reason: str
    answer: list


DIFFERENCES = {}
