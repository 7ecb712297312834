"""Sizes for people."""


def mib(size: int) -> str:
    """A size in bytes as MiB, with as many places as say something."""
    value = size / 2**20
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
