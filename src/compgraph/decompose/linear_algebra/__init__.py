"""Factorisations of matrices, as robust and as cheap as they can be: the one place where NumPy and SciPy factorise."""
