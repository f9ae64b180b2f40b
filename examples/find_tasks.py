"""
Find the two tasks of a network
===============================

Step by step, in one call, and held against the known tasks. Run ``python examples/find_tasks.py``; it takes a few
seconds and needs no data.
"""

import tempfile
from pathlib import Path

import compgraph as cg
from compgraph.show import graph_figure
from compgraph.toys import multiplication

# %%
# A 4-16-16-2 network that learnt two products, y_A = x1 x2 and y_B = x3 x4.
toy = multiplication(seed=0)
model, inputs = toy.model, toy.data

# %%
# One pass over the inputs; then components, edges, the graph and its groups.
stats = cg.collect(model, inputs, layers=["layers.*.act", "head"])
parts = cg.components(stats, "interaction")
graph = cg.build_graph(parts, cg.edges(stats, parts, "gradient"))
found = cg.communities(graph, "spectral", seed=0)
figure = graph_figure(graph, found)

# %%
# The same as a page that opens offline.
with tempfile.TemporaryDirectory() as folder:
    page = cg.save(graph, Path(folder) / "tasks.html", groups=found)
    print(f"the page has {page.stat().st_size:,} bytes")

# %%
# Which task a component serves shows in inputs in which one task varies and the other rests.
profile = cg.task_profile(parts, model, toy.tasks)
score = cg.agreement(found, profile.labels, weights=dict(graph.nodes(data="share")))
print(f"{found.n_groups} groups, p = {found.p_value:.2f}, importance-weighted ARI {score.weighted_ari:.2f}")
assert found.n_groups == 2
assert score.weighted_ari > 0.9

# %%
# In one call, which also compares with untrained twins of the network and with random bases.
analysis = cg.analyze(model, inputs)
print(analysis)
assert analysis.groups.assignment == found.assignment
