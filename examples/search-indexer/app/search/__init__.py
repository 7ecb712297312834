"""Reading the corpus, analysing its text, writing the index, searching it."""
