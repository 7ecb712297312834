"""The same from diskcache, in a directory: `after.py CATALOGUE LINES DIRECTORY`"""

import json
import sys
from pathlib import Path

from diskcache import Cache
from transcripts import Transcripts, answer


class Pages:
    def __init__(self, transcripts: Transcripts, cache: Cache) -> None:
        self.hits = 0
        self.misses = 0
        self._transcripts = transcripts
        self._cache = cache

    def page(self, episode: int) -> str:
        page = self._cache.get(episode)
        if page is None:
            self.misses += 1
            page = self._transcripts.page(episode)
            self._cache[episode] = page
        else:
            self.hits += 1
        return page


def main(catalogue: Path, lines: int, directory: Path) -> None:
    transcripts = Transcripts(catalogue, lines)
    with Cache(directory) as cache:
        pages = Pages(transcripts, cache)
        sent = answer(transcripts.requests(), pages.page)
        print(json.dumps({"hits": pages.hits, "misses": pages.misses, "sent": sent}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
