"""Formulas as MathML, which browsers draw themselves: pages need no script from elsewhere."""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import latex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator


def converted(latex: str, *, block: bool) -> str:
    """Return the MathML of a formula."""
    # Sizes by hand are for TeX; in MathML delimiters grow by themselves.
    known = re.sub(r"\\[bB]igg?[lr]?(?![a-zA-Z])", "", latex).replace(r"\tfrac", r"\frac").replace(r"\dots", r"\ldots")
    return str(latex2mathml.tex2mathml(known, as_block=block))


def inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a sentence."""
    self.body.append(converted(node.astext(), block=False))
    raise nodes.SkipNode


def block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on a line of its own."""
    self.body.append(f'<div class="formula">{converted(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
