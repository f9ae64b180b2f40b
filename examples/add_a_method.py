"""
Add a component method
======================

Canonical correlation analysis, in a dozen lines. A method is a function from the moments of a pair of spaces to axes
and strengths of its ``x`` side; for what a layer writes it gets the same moments with ``x`` and ``y`` exchanged. Where
the two sides need different functions, both go into a `compgraph.decompose.Method`.
"""

import numpy as np

import compgraph as cg
from compgraph.decompose import register_method
from compgraph.show import graph_figure
from compgraph.testing import check_component_method
from compgraph.toys import multiplication


def canonical(moments: cg.Moments, n_components: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the directions of x that correlate most with y; their strength is the variance of x that they carry."""
    values, vectors = np.linalg.eigh(moments.xx / moments.n)
    kept = values > values.max() * 1e-8
    whitener = vectors[:, kept] / np.sqrt(values[kept])
    reached = np.linalg.pinv(moments.yy, hermitian=True)
    shared = whitener.T @ moments.xy @ reached @ moments.xy.T @ whitener / moments.n
    axes = (whitener @ np.linalg.eigh(shared)[1][:, ::-1][:, :n_components]).T
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return axes, np.einsum("kd,de,ke->k", axes, moments.xx, axes) / moments.n


# %%
# It keeps what every method promises, such as the same directions in other units, and none where nothing varies; a
# function that does not is told what it breaks, and on which data.
check_component_method(canonical)

# %%
# By its name or as a function, it is a method like the others.
register_method("cca", canonical)
toy = multiplication(seed=0)
stats = cg.collect(toy.model, toy.data, layers=["layers.*.act", "head"])
named, passed = cg.components(stats, "cca", n_components=2), cg.components(stats, canonical, n_components=2)
for space, part in named.items():
    assert np.array_equal(part.axes, passed[space].axes)
    print(f"{space!s:18} variance of its two components: {np.round(part.strength, 3)}")

# %%
# So are its components.
graph = cg.build_graph(named, cg.edges(stats, named, "correlation"))
assert len(graph) == 12
print(graph)
figure = graph_figure(graph)
