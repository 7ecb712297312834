"""The parts of the bench; run.py is what to start."""
