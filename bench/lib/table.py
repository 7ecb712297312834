"""A table, aligned on the screen and as Markdown. Knows nothing of what is in it."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field

NOTE_WIDTH = 110


@dataclass(frozen=True)
class Table:
    """A title, columns, rows, and what must be known to read them. Figures stand to the right."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)
    words: bool = False

    def text(self) -> str:
        """For the screen."""
        grid = [self.columns, *self.rows]
        widths = [max(len(row[i]) for row in grid) for i in range(len(self.columns))]
        lines = [
            "  ".join(
                cell.ljust(width) if self._left(i) else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in grid
        ]
        notes = [line for note in self.notes for line in textwrap.wrap(note, NOTE_WIDTH)]
        return "\n".join([self.title, *("  " + line.rstrip() for line in lines + notes)])

    def markdown(self) -> str:
        """For a file, with the title as a heading."""
        ruler = ["---" if self._left(i) else "--:" for i in range(len(self.columns))]
        lines = [f"## {self.title}", "", _row(self.columns), f"|{'|'.join(ruler)}|", *map(_row, self.rows)]
        return "\n".join([*lines, *(["", *self.notes] if self.notes else [])])

    def _left(self, column: int) -> bool:
        return self.words or column == 0


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
