"""The arithmetic of the table, and that the catalogue is always the same. No venv, no ebb.

`python3 -m unittest` in this folder; `make test` runs it too.
"""

import sqlite3
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import catalogue  # noqa: E402
from harness import report, techniques  # noqa: E402
from harness.claims import Claim, Kind, Sides, Verdict, effect, verdict  # noqa: E402
from harness.sides import Facts  # noqa: E402
from harness.techniques import MIB, Technique  # noqa: E402


def claim(kind: Kind, figure: float) -> Claim:
    return Claim("claimed", kind, figure, "of a reason")


class Verdicts(unittest.TestCase):
    def says(
        self, expected: Verdict, kind: Kind, figure: float, before: float, after: float
    ) -> None:
        self.assertIs(verdict(claim(kind, figure), Sides(before, after)), expected)

    def test_a_median_is_taken_of_each_side(self) -> None:
        self.assertEqual(Sides.of([9.0, 1.0, 3.0], [2.0, 8.0, 2.0, 4.0]), Sides(3.0, 3.0))

    def test_a_ratio_of_memory_is_before_by_after_and_of_speed_after_by_before(self) -> None:
        self.assertEqual(Sides(300.0, 100.0).ratio(Kind.TIMES), 3.0)
        self.assertEqual(Sides(100.0, 300.0).ratio(Kind.FASTER), 3.0)

    def test_an_effect_is_in_the_unit_of_its_claim(self) -> None:
        sides = Sides(400.0, 100.0)
        found = {kind: effect(kind, sides) for kind in Kind}
        expected = {
            Kind.SHARE: 0.75,
            Kind.SAVED: 300.0,
            Kind.TIMES: 4.0,
            Kind.FASTER: 0.25,
            Kind.SOME: 0.75,
        }
        self.assertEqual(found, expected)

    def test_a_claim_holds_up_to_a_fifth_below_it(self) -> None:
        self.says(Verdict.HOLDS, Kind.SAVED, 100, 180, 100)
        self.says(Verdict.PARTLY, Kind.SAVED, 100, 179, 100)
        self.says(Verdict.HOLDS, Kind.SHARE, 0.5, 100, 60)
        self.says(Verdict.PARTLY, Kind.SHARE, 0.5, 100, 61)
        self.says(Verdict.HOLDS, Kind.TIMES, 10, 80, 10)
        self.says(Verdict.PARTLY, Kind.TIMES, 10, 79, 10)
        self.says(Verdict.HOLDS, Kind.FASTER, 2, 100, 160)
        self.says(Verdict.PARTLY, Kind.FASTER, 2, 100, 159)

    def test_what_gets_worse_or_changes_by_noise_does_not_hold(self) -> None:
        for kind, figure in (
            (Kind.SHARE, 0.01),
            (Kind.SAVED, 1),
            (Kind.TIMES, 1.1),
            (Kind.SOME, 0),
        ):
            self.says(Verdict.NOT, kind, figure, 100, 120)
            self.says(Verdict.NOT, kind, figure, 100, 100)
            self.says(Verdict.NOT, kind, figure, 100, 96)
        self.says(Verdict.NOT, Kind.FASTER, 2, 100, 80)
        self.says(Verdict.NOT, Kind.FASTER, 2, 100, 104)

    def test_a_claim_without_a_figure_holds_with_any_saving_above_noise(self) -> None:
        self.says(Verdict.HOLDS, Kind.SOME, 0, 100, 94)

    def test_the_articles_own_figures_bear_themselves_out(self) -> None:
        measured = {"workers": (1280, 738), "orm": (400, 300), "resident": (708, 22)}
        measured |= {"imports": (169, 100), "cache": (100, 90), "small-cache": (100, 90)}
        self.assertEqual(set(measured), {technique.name for technique in techniques.ALL})
        for technique in techniques.ALL:
            for row in technique.rows:
                sides = Sides(*(size * MIB for size in measured[technique.name]))
                if row.claim.kind is Kind.FASTER:
                    sides = Sides(100, 195)
                self.assertIs(verdict(row.claim, sides), Verdict.HOLDS, row.label)


class Tables(unittest.TestCase):
    def result(self, before: float, after: float, answers: str = "aaa") -> report.Result:
        """Three runs of the two caches; the medians are the two that are given."""
        shape = techniques.ALL[-1]
        technique = Technique("pair", shape.before, shape.after, shape.rows)
        sizes = [(before * share, after * share) for share in (0.5, 1.0, 2.0)]
        facts = [
            [
                Facts(answer, 5, {"peak": size[side]})
                for size, answer in zip(sizes, answers, strict=True)
            ]
            for side in (0, 1)
        ]
        return report.Result(technique, *facts)

    def test_a_row_shows_medians_their_ratio_and_the_verdict(self) -> None:
        line = report.table([self.result(300 * MIB, 120 * MIB)], 3).splitlines()[1]
        self.assertEqual(line.split()[-5:], ["modest", "300", "120", "2.5", "yes"])

    def test_a_claim_that_does_not_hold_has_its_reason_below(self) -> None:
        shape = techniques.ALL[-1].rows[0]
        text = report.table([self.result(100 * MIB, 120 * MIB)], 3)
        self.assertEqual(text.splitlines()[1].split()[-1], "no")
        self.assertIn(f"{shape.label}: no, since {shape.claim.otherwise}.", " ".join(text.split()))
        held = report.table([self.result(300 * MIB, 120 * MIB)], 3)
        self.assertNotIn("since", held)

    def test_one_other_answer_in_any_run_is_seen(self) -> None:
        self.assertTrue(self.result(2, 1).same_answers())
        self.assertFalse(self.result(2, 1, "aab").same_answers())

    def test_json_has_the_figures_of_the_table(self) -> None:
        found = report.as_json([self.result(300.0, 120.0)], 3, HERE, 1.0)
        row = found["techniques"][0]["rows"][0]
        self.assertEqual((row["before"], row["after"], row["ratio"]), (300.0, 120.0, 2.5))
        self.assertEqual((row["measured"], row["verdict"]), (0.6, "yes"))


class Readme(unittest.TestCase):
    """The table that README.md shows is one of this program, and agrees with itself."""

    def test_each_row_is_there_and_its_verdict_follows_from_its_figures(self) -> None:
        block = (HERE / "README.md").read_text().split("```\n")[1]
        lines = iter(block.splitlines()[1:])
        for technique in techniques.ALL:
            for row in technique.rows:
                line = next(lines)
                self.assertTrue(line.startswith(f"  {row.label}  "), line)
                self.assertIn(f"  {row.claim.article}  ", line)
                cells = line.partition(f"  {row.claim.article}  ")[2].split(maxsplit=3)
                before, after = (
                    float(cell.removesuffix("/s").replace(",", "")) for cell in cells[:2]
                )
                unit = 1 if row.claim.kind is Kind.FASTER else MIB
                sides = Sides(before * unit, after * unit)
                self.assertAlmostEqual(
                    sides.ratio(row.claim.kind), float(cells[2]), delta=0.06 * float(cells[2])
                )
                self.assertEqual(verdict(row.claim, sides).value, cells[3], line)
        self.assertEqual(next(lines), "", "a row that is none of the table's")


class Catalogues(unittest.TestCase):
    def dump(self, shows: int) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "catalogue.db"
            catalogue.write(file, catalogue.Catalogue(shows, 3, 2))
            db = sqlite3.connect(file)
            lines = list(db.iterdump())
            db.close()
            return lines

    def test_the_same_numbers_make_the_same_rows(self) -> None:
        self.assertEqual(self.dump(2), self.dump(2))
        self.assertNotEqual(self.dump(2), self.dump(3))


if __name__ == "__main__":
    unittest.main()
