"""The parts of demo.py: each measures or looks after one thing. Standard library only."""
