"""What must hold at the end; each is printed with `ok` or `FAILED`."""

from harness.results import LEAST_AT_REST, Results
from lib.units import mib


class Checks:
    """Prints each result as it comes and remembers whether all of them held."""

    def __init__(self) -> None:
        self.failed = 0

    def expect(self, holds: bool, text: str, otherwise: str = "") -> None:
        if holds:
            print(f"ok      {text}", flush=True)
        else:
            self.failed += 1
            print(f"FAILED  {text}{': ' + otherwise if otherwise else ''}", flush=True)

    def measured(self, results: Results) -> None:
        """The figures are what they claim to be."""
        rest = results.resident.at_rest.rss
        self.expect(
            rest >= LEAST_AT_REST,
            f"resident.py holds at least {mib(LEAST_AT_REST)} MiB at rest",
            f"it holds {mib(rest)} MiB",
        )
        record = results.run.record
        self.expect(
            results.run.exit_code == 0 and record["outcome"] == "success",
            "the job ended with exit code 0, outcome success",
            f"exit code {results.run.exit_code}, outcome {record['outcome']}",
        )
        there = [report["documents"] for report in results.resident.reports]
        here = results.run.report.get("report", {}).get("documents", 0)
        self.expect(
            set(there) == {here},
            f"each run indexed the same {here:,} pages",
            f"resident.py {there}, the job {here}",
        )
        sampled = results.run.seen.peak_anonymous
        recorded = record["peak_anon_bytes"] or 0
        self.expect(
            recorded >= 0.9 * sampled,
            "the peak that ebb recorded is no less than what was seen from outside",
            f"{mib(recorded)} MiB recorded, {mib(sampled)} MiB seen",
        )

    def nothing_left(self, left: list[str], when: str) -> None:
        self.expect(
            not left,
            f"no process and no cgroup of the run is left {when}",
            ", ".join(left),
        )
