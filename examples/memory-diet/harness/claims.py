"""What the article claims, and whether a measured pair bears it out. Pure: it measures nothing."""

from dataclasses import dataclass
from enum import Enum
from statistics import median

TOLERANCE = 0.2
"""A claim holds if what was measured reaches it up to a fifth."""
NOISE = 0.05
"""A change by less than this share of what was before is none: runs differ by as much."""


class Kind(Enum):
    """What the article's figure is."""

    SHARE = "share"
    """The share of the memory before that was saved, 0 to 1."""
    SAVED = "saved"
    """Bytes saved."""
    TIMES = "times"
    """Memory before, divided by memory after."""
    FASTER = "faster"
    """Requests a second after, divided by those before."""
    SOME = "some"
    """It saves something; the article has no figure."""


class Verdict(Enum):
    """Whether a claim holds, as the table says it."""

    HOLDS = "yes"
    PARTLY = "in part"
    NOT = "no"


@dataclass(frozen=True, slots=True)
class Claim:
    """One figure of the article."""

    article: str
    """As the table shows it."""
    kind: Kind
    figure: float
    """In the unit of its kind; for SOME it means nothing."""
    otherwise: str
    """Why it does not hold, or in part only, on a machine where that is so."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The medians of one figure before and after: bytes, or requests a second."""

    before: float
    after: float

    @classmethod
    def of(cls, before: list[float], after: list[float]) -> "Sides":
        return cls(median(before), median(after))

    def ratio(self, kind: Kind) -> float:
        """How many times better it got; less than 1 is worse."""
        better, worse = self.before, self.after
        if kind is Kind.FASTER:
            better, worse = worse, better
        return better / worse


def effect(kind: Kind, sides: Sides) -> float:
    """What was measured, in the unit of the claim."""
    saved = sides.before - sides.after
    match kind:
        case Kind.SHARE | Kind.SOME:
            return saved / sides.before
        case Kind.SAVED:
            return saved
        case Kind.TIMES | Kind.FASTER:
            return sides.ratio(kind)


def verdict(claim: Claim, sides: Sides) -> Verdict:
    """Whether it got better at all, and then by as much as was claimed."""
    ratio = sides.ratio(claim.kind)
    if 1 - 1 / ratio < NOISE:
        return Verdict.NOT
    if claim.kind is Kind.SOME or effect(claim.kind, sides) >= claim.figure * (1 - TOLERANCE):
        return Verdict.HOLDS
    return Verdict.PARTLY
