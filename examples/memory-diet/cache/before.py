"""Answers requests for transcripts from a dict of rendered pages: `before.py CATALOGUE LINES`"""

import json
import sys
from pathlib import Path

from transcripts import Transcripts, answer


class Pages:
    def __init__(self, transcripts: Transcripts) -> None:
        self.hits = 0
        self.misses = 0
        self._transcripts = transcripts
        self._cache: dict[int, str] = {}

    def page(self, episode: int) -> str:
        page = self._cache.get(episode)
        if page is None:
            self.misses += 1
            page = self._cache[episode] = self._transcripts.page(episode)
        else:
            self.hits += 1
        return page


def main(catalogue: Path, lines: int) -> None:
    transcripts = Transcripts(catalogue, lines)
    pages = Pages(transcripts)
    sent = answer(transcripts.requests(), pages.page)
    print(json.dumps({"hits": pages.hits, "misses": pages.misses, "sent": sent}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
