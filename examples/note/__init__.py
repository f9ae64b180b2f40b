"""The experiments of the research note that compgraph began from, and what only they need."""
