"""Figures that an example makes without pyplot, as pictures of the gallery."""

from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst


def figures(_block: object, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save every new figure among an example's names, and return the text that shows them."""
    names, seen = block_vars["example_globals"], block_vars.setdefault("seen_figures", set())
    paths = []
    for each in list(names.values()):
        if isinstance(each, Figure) and id(each) not in seen:
            path = next(block_vars["image_path_iterator"])
            each.savefig(path, dpi=120)
            seen.add(id(each))
            paths.append(path)
    return figure_rst(paths, gallery_conf["src_dir"])
