"""From text to terms: words, normalised and stemmed. The indexer and the search do it alike."""

import re
import sys
import unicodedata
from collections.abc import Iterator

from nltk.stem.snowball import SnowballStemmer

_WORD = re.compile(r"[^\W_]+")
# RunInstances, DBInstance: where one word of an identifier ends and the next begins.
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# What is longer is an identifier in one piece; it has no English ending to lose.
_LONGEST_WORD = 16
_STOP_WORDS = frozenset(
    """a about after all also an and any are as at be because been before being but by can did do
    does each for from had has have how if in into is it its may more most no not of on only or
    other our out over own so some such than that the their them then there these they this those
    to too under until up was we were what when where which while who will with you your""".split()
)


class _Terms(dict[str, str]):
    """The term of each word that was met: the look-up is a hundred times cheaper than the stem."""

    def __init__(self) -> None:
        self._stemmer = SnowballStemmer("english")

    def __missing__(self, word: str) -> str:
        folded = word.casefold()
        if folded in _STOP_WORDS:
            term = ""
        elif folded != word:
            term = self[folded]
        elif word.isalpha() and len(word) <= _LONGEST_WORD:
            term = sys.intern(self._stemmer.stem(word))
        else:
            term = word
        self[word] = term
        return term


class Analyser:
    """Turns text into terms, and knows them again."""

    def __init__(self) -> None:
        self._terms = _Terms()

    def terms(self, text: str) -> list[str]:
        """The terms of a text, in its order; stop words have none."""
        return list(filter(None, map(self._terms.__getitem__, _WORD.findall(text))))

    def identifier_terms(self, name: str) -> list[str]:
        """The terms of an identifier, whole and by its humps: RunInstances, run, instances."""
        parts = _HUMP.sub(" ", name)
        return self.terms(name if parts == name else f"{name} {parts}")

    def spans(self, text: str) -> Iterator[tuple[int, int, str]]:
        """The terms of a text, each with the place of its word."""
        for match in _WORD.finditer(text):
            if term := self._terms[match.group()]:
                yield match.start(), match.end(), term

    def readable(self) -> dict[str, str]:
        """A word that people can read for each term: the first that was met with this stem."""
        words: dict[str, str] = {}
        for word, term in self._terms.items():
            words.setdefault(term, word.casefold())
        return words


def normalise(text: str) -> str:
    """The form in which text is stored, analysed and shown."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)
