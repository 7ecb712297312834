"""The parts of demo.py that are of the search indexer alone; the others are in examples/lib."""
