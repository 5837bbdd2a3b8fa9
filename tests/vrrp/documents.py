"""What a page of the documentation says, for tests that do what stands there."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


class Page:
    """A Markdown page whose hosts 10.0.0.x are the lab's 10.77.0.x."""

    def __init__(self, name):
        self._text = (REPOSITORY / name).read_text().replace("10.0.0.", "10.77.0.")

    def blocks(self, language=""):
        """The fenced blocks of a language."""
        return re.findall(rf"^```{language}\n(.*?)^```$", self._text, re.M | re.S)

    def commands(self, heading, after=""):
        """The indented lines of a section, below the words `after`: what to type."""
        section = self._text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
        section = section[section.index(after) :]
        return [line[4:] for line in section.splitlines() if line.startswith("    ")]
