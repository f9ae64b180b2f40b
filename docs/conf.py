"""How Sphinx builds the pages: offline, and with every warning an error (see the Makefile)."""

import shutil
import sys
import warnings
from pathlib import Path

import compgraph

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project, author = "compgraph", "The compgraph authors"
project_copyright = "The compgraph authors; MIT licence"
version = release = compgraph.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",  # pages in Markdown, and the executed notebooks
    "sphinx_gallery.gen_gallery",
    "mathml",
    "code_links",
]
exclude_patterns = ["_build", "_ext", "sg_*", "gallery/sg_*"]
exclude_patterns += [f"gallery/*.{suffix}" for suffix in ("ipynb", "py", "codeobj.json")]
html_theme, html_title = "furo", f"compgraph {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = html_show_sourcelink = False
pygments_style, pygments_dark_style = "friendly", "monokai"

# Names in single backticks are code, and links where there is something to link to.
default_role = "py:obj"
autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it in words; signatures stay readable
autodoc_preserve_defaults = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_attributes_as_param_list = True

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the committed outputs are shown; tests/docs runs the cells
myst_all_links_external = False

# The gallery takes every folder below as a part of itself, and the note's experiments are a book of their own.
shutil.rmtree(HERE / "_build" / "examples", ignore_errors=True)
(HERE / "_build" / "examples").mkdir(parents=True)
for example in [*(HERE.parent / "examples").glob("*.py"), HERE.parent / "examples" / "README.txt"]:
    shutil.copy2(example, HERE / "_build" / "examples")

sphinx_gallery_conf = {
    "examples_dirs": "_build/examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"(find_tasks|add_a_method|draw_plsr_graph)\.py",  # the others are shown without being run
    "nested_sections": False,
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("gallery_figures.figures",),
    "reset_modules": (),
    "capture_repr": (),  # only what an example prints
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "plot_gallery": True,
    "abort_on_example_error": True,
    "remove_config_comments": True,
}

warnings.filterwarnings("ignore", message="IProgress not found")
