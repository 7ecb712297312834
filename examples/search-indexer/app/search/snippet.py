"""The passage of a page that shows best why it was found."""

from app.search.text import Analyser

WIDTH = 200
"""Characters of the passage, about."""
LEAD = 40
"""Characters of it that stand before the first word that was found."""

Place = tuple[int, int, str]


def snippet(text: str, wanted: frozenset[str], analyser: Analyser, marks: tuple[str, str]) -> str:
    """A passage with as many different wanted terms as there can be, each between the two marks."""
    places = [place for place in analyser.spans(text) if place[2] in wanted]
    begin = _word_start(text, _best_start(places) - LEAD)
    end = _word_end(text, begin + WIDTH)

    parts = ["... " if begin > 0 else ""]
    at = begin
    for start, stop, _ in places:
        if begin <= start and stop <= end:
            parts += [text[at:start], marks[0], text[start:stop], marks[1]]
            at = stop
    parts += [text[at:end], " ..." if end < len(text) else ""]
    return "".join(parts).replace("\n", " ")


def _best_start(places: list[Place]) -> int:
    """Where the passage begins that has the most different terms, then the most terms."""
    best, best_start = (0, 0), 0
    for first, (start, _, _) in enumerate(places):
        inside = [term for _, stop, term in places[first:] if stop <= start + WIDTH - LEAD]
        if (len(set(inside)), len(inside)) > best:
            best, best_start = (len(set(inside)), len(inside)), start
    return best_start


def _word_start(text: str, at: int) -> int:
    return 0 if at <= 0 else max(text.rfind(" ", 0, at), text.rfind("\n", 0, at)) + 1


def _word_end(text: str, at: int) -> int:
    if at >= len(text):
        return len(text)
    return max(text.rfind(" ", 0, at + 1), text.rfind("\n", 0, at + 1), 0) or at
