"""Components by what they do to the outputs: read subspaces, turned by their near-commutant until blocks come apart."""
