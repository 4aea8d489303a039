"""The examples of README.md, line by line as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


class Step(NamedTuple):
    """A line of an example and the comment above it."""

    title: str
    line: str

    @property
    def host(self) -> str:
        """Which host its title says it is for."""
        match = re.search(r"on (your own host|\w+)", self.title)
        assert match, self
        return match[1]


def example(name: str) -> list[Step]:
    """The steps of the example with this name."""
    match = re.search(rf"<!-- example: {name} -->\n```sh\n(.*?)```", README, re.DOTALL)
    assert match, name
    return [Step(*step) for step in re.findall(r"(?:^# (.+)\n)?^(?!#)(.+)$", match[1], re.MULTILINE)]
