"""Find the two tasks of a network, step by step and in one call.

Run ``python examples/find_tasks.py``; it takes a few seconds and needs no data.
"""

import tempfile
from pathlib import Path

import compgraph as cg
from compgraph.toys import multiplication


def main() -> None:
    """Print what is found, and check it against the known tasks."""
    toy = multiplication(seed=0)
    model, inputs = toy.model, toy.data

    stats = cg.collect(model, inputs, layers=["layers.*.act", "head"])
    parts = cg.components(stats, "interaction")
    graph = cg.build_graph(parts, cg.edges(stats, parts, "gradient"))
    found = cg.communities(graph, "spectral", seed=0)
    with tempfile.TemporaryDirectory() as folder:
        page = cg.save(graph, Path(folder) / "tasks.html", groups=found)
        print(f"the page has {page.stat().st_size:,} bytes")

    profile = cg.task_profile(parts, model, toy.tasks)
    score = cg.agreement(found, profile.labels, weights=dict(graph.nodes(data="share")))
    print(f"{found.n_groups} groups, p = {found.p_value:.2f}, importance-weighted ARI {score.weighted_ari:.2f}")
    assert found.n_groups == 2
    assert score.weighted_ari > 0.9

    analysis = cg.analyze(model, inputs)
    print(analysis)
    assert analysis.groups.assignment == found.assignment


if __name__ == "__main__":
    main()
