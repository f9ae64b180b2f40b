"""Links out of the docs: files of the repository that are not pages become code, since the pages may lie anywhere."""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform


class OutOfTheDocs(SphinxPostTransform):
    """Show the path of a file outside docs/ in place of a link that would not work in a browser."""

    default_priority = 5

    def run(self, **_options: Any) -> None:
        """Replace the links of one page."""
        docs = Path(self.env.srcdir)
        here = Path(self.env.doc2path(self.env.docname)).parent
        for link in list(self.document.findall(addnodes.pending_xref)):
            path = self._outside(link, [here, docs.parent])  # what is included keeps the links of the root
            if path is not None:
                link.replace_self(nodes.literal(text=str(path.relative_to(docs.parent))))

    def _outside(self, link: addnodes.pending_xref, folders: list[Path]) -> Path | None:
        if link.get("refdomain") not in ("doc", None, "") and link.get("reftype") != "myst":
            return None
        target = link["reftarget"].lstrip("/")
        if target.removesuffix(".md") in self.env.found_docs:
            return None
        for folder in folders:
            for name in (target, f"{target}.md"):
                there = (folder / name).resolve()
                if target and there.exists() and Path(self.env.srcdir) not in there.parents:
                    return there
        return None


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.add_post_transform(OutOfTheDocs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
