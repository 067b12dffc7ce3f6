"""Code blocks, commands and links of the documentation."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"(?:<!-- needs: (?P<needs>\w+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<title>.+)$", re.M)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page.

    Attributes:
        page: The page.
        line: Line of its first line of code.
        language: Language of the fence.
        text: The code.
        needs: What it cannot run without: "data", "weights" or "training"; empty if nothing.
    """

    page: Path
    line: int
    language: str
    text: str
    needs: str

    @property
    def place(self) -> str:
        """Page and line."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text()
    return [
        Block(
            page, text.count("\n", 0, found.start("text")) + 1, found["language"], found["text"], found["needs"] or ""
        )
        for found in _FENCE.finditer(text)
    ]


def commands(page: Path) -> list[tuple[str, list[str]]]:
    """Place and arguments of each `swansong` command in the shell blocks and the inline code of a page."""
    found = []
    for block in blocks(page):
        if block.language in ("bash", "sh", "console", "shell"):
            lines = block.text.replace("\\\n", " ").splitlines()
            found += [(block.place, line.removeprefix("$ ")) for line in lines]
    prose = _FENCE.sub("", page.read_text())
    found += [(str(page.relative_to(ROOT)), code) for code in re.findall(r"`([^`\n]+)`", prose)]
    split = [(place, shlex.split(line, comments=True)) for place, line in found if line.startswith("swansong ")]
    return [(place, words[1:]) for place, words in split]


def links(page: Path) -> list[str]:
    """Targets of the links of a page that lead to other files of the documentation."""
    prose = _FENCE.sub("", page.read_text())
    return [found["target"] for found in _LINK.finditer(prose) if "://" not in found["target"]]


def anchors(page: Path) -> set[str]:
    """Anchors that the headings of a page make."""
    titles = [found["title"] for found in _HEADING.finditer(_FENCE.sub("", page.read_text()))]
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in titles}
