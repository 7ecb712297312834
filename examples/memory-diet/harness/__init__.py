"""The parts of diet.py: each measures or reckons one thing. Standard library only."""
