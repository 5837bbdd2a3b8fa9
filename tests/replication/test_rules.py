"""The list of rules names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULES = Path(__file__).with_name("RULES.md")


def defined():
    """The names of all functions of the program and its tests."""
    sources = [*ROOT.glob("src/**/*.rs"), *ROOT.glob("tests/**/*.rs"), *ROOT.glob("tests/*/*.py")]
    texts = (path.read_text() for path in sources)
    return {name for text in texts for name in re.findall(r"\b(?:fn|def) (\w+)\(", text)}


def test_each_rule_names_tests_that_exist():
    lines = [line for line in RULES.read_text().splitlines() if line.startswith("| ")]
    lines = lines[1:]
    assert len(lines) >= 30
    named = {line: re.findall(r"`(\w+)`", line.split(" | ")[1]) for line in lines}
    assert [line for line, tests in named.items() if not tests] == []
    missing = {test for tests in named.values() for test in tests} - defined()
    assert missing == set()
