"""A small web app's own packages, as far as its search indexer pulls them in."""
