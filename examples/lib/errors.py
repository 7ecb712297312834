"""What goes wrong in a way that a person can do something about."""


class DemoError(Exception):
    """Ends the demo with its text: what was tried, on what, and what to do."""
