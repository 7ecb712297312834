"""The one table: what was measured, side by side."""

from collections.abc import Sequence

Row = tuple[str, ...]
"""A label and its values; a row of a label alone is a heading, an empty one a space."""


def render(heads: Sequence[str], rows: Sequence[Row]) -> str:
    """Plain text: labels to the left, values to the right, each column as wide as it must be."""
    width = max(len(row[0]) for row in rows if row and len(row) > 1) + 2
    filled = [row for row in rows if len(row) > 1]
    widths = [
        max(len(cell) for cell in (head, *(row[at] for row in filled)))
        for at, head in enumerate(heads, start=1)
    ]
    lines = [_line("", heads, width, widths)]
    for row in rows:
        if len(row) > 1:
            lines.append(_line("  " + row[0], row[1:], width, widths))
        else:
            lines.append(row[0] if row else "")
    return "\n".join(lines)


def _line(label: str, cells: Sequence[str], width: int, widths: Sequence[int]) -> str:
    values = "".join(cell.rjust(size + 3) for cell, size in zip(cells, widths, strict=True))
    return (label.ljust(width) + values).rstrip()
