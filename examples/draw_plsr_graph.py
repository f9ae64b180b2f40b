"""
The two sides of every layer, linked by PLSR
============================================

A layer's activations are one space seen from two sides: what the layer *writes* (out) and what the next one *reads*
(in). Partial least squares regression of each layer on the one before gives directions for both sides; its
coefficients link layers, and correlations link the two sides of a layer. This draws that graph for a network that
learnt two products, y_A = x1 x2 and y_B = x3 x4, and measures what the picture does not show: its components mix
the two products.

Run ``python examples/draw_plsr_graph.py figures/plsr-graph.png``; it takes a few seconds. Without a file it draws in
memory alone.
"""

import sys
from collections import OrderedDict
from itertools import pairwise
from pathlib import Path

import numpy as np
from torch import nn

import compgraph as cg
from compgraph.connect import write_atomically
from compgraph.show import figure_bytes, graph_figure, layered_positions
from compgraph.toys import multiplication

# %%
# The network, its layers under names that fit a picture. The modules and their weights are the toy's own.
toy = multiplication(seed=0)
first, second = toy.model.layers
model = nn.Sequential(OrderedDict(first=first, second=second, head=toy.model.head))

# %%
# One call, with partial least squares for the directions and for the links, and at most four directions a side.
analysis = cg.analyze(
    model,
    toy.data,
    ["first", "second", "head"],
    method="plsr",
    rule="plsr",
    algorithm="layered",
    n_components=4,
    n_null=19,
)
print(analysis)

# %%
# The drawing. Colours are groups of the graph, which are not the tasks: see the numbers below.
figure = graph_figure(analysis.graph, analysis.found)
axes = figure.axes[0]
x_of = {}
for node, (x, _) in layered_positions(analysis.graph, analysis.found).items():
    x_of[analysis.graph.nodes[node]["layer"], analysis.graph.nodes[node]["side"]] = x
columns = sorted(x_of.values())
bottom = axes.get_ylim()[0]
axes.set_ylim(bottom + 34, axes.get_ylim()[1])
for number, (left, right) in enumerate(pairwise(columns)):
    words = "PLSR, layer to layer" if number % 2 == 0 else "inside"
    axes.annotate("", (left + 8, bottom + 6), (right - 8, bottom + 6), arrowprops={"arrowstyle": "-", "color": "#888"})
    axes.text((left + right) / 2, bottom + 12, words, ha="center", va="top", fontsize=9, color="#555")
figure.set_size_inches(8, 3.9)
if sys.argv[1:]:
    write_atomically(Path(sys.argv[1]), figure_bytes(figure, ".png", dpi=150))

# %%
# Do the groups follow the two products? In the task inputs only one product's factors vary, so the share of a
# component's variance that belongs to each task can be measured, and groups can be held against the labels and chance.
profile = cg.task_profile(analysis, model, toy.tasks)
score = cg.agreement(analysis.found, profile.labels, weights=dict(analysis.graph.nodes(data="share")))
mixed = np.mean(list(profile.interference.values()))
print(f"{analysis.found.n_groups} groups; weighted ARI {score.weighted_ari:.2f}, by chance {score.chance_mean:.2f}")
print(f"of a component's variance {mixed:.0%} is the other task's on average")
assert analysis.found.n_groups > 2
assert score.weighted_ari < 0.9
