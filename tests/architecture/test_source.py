"""Promises about the source itself: documented, short, and without anything that executes what it reads."""

import ast
import dataclasses
import inspect
import re
import textwrap
from pathlib import Path

import pytest

import compgraph as cg

SOURCE = Path(__file__).parents[1] / "src" / "compgraph"
FILES = {str(path.relative_to(SOURCE)): path for path in sorted(SOURCE.rglob("*.py"))}
LONGEST_FILE, LONGEST_BODY = 300, 40

every_file = pytest.mark.parametrize("name", FILES)


def tree(name: str) -> ast.Module:
    return ast.parse(FILES[name].read_text())


def functions(module: ast.AST) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def body_length(function: ast.FunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def sections(text: str) -> dict[str, str]:
    """Return the numpydoc sections of a docstring: heading to content."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}$", inspect.cleandoc(text), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def entries(section: str) -> set[str]:
    names = [line for line in section.splitlines() if line and not line.startswith(" ")]
    return {name.strip().lstrip("*") for line in names for name in line.split(" : ")[0].split(",")}


def undocumented(function) -> list[str]:
    """Say what a function's docstring lacks."""
    text = inspect.getdoc(function) or ""
    found, signature = sections(text), inspect.signature(function)
    parameters = {name for name in signature.parameters if name not in ("self", "cls")}
    lacking = sorted(parameters - entries(found.get("Parameters", "")))
    if signature.return_annotation not in (None, inspect.Signature.empty) and not {"Returns", "Yields"} & set(found):
        lacking.append("Returns")
    code = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    if any(isinstance(node, ast.Raise) for node in ast.walk(code)) and "Raises" not in found:
        lacking.append("Raises")
    return lacking if text else ["docstring"]


PUBLIC = {name: getattr(cg, name) for name in cg.__all__}
FUNCTIONS = {name: value for name, value in PUBLIC.items() if inspect.isfunction(value)}
CLASSES = {name: value for name, value in PUBLIC.items() if inspect.isclass(value)}


def test_public_names_are_sorted_and_of_the_two_kinds() -> None:
    assert list(cg.__all__) == sorted(cg.__all__, key=lambda name: (name.islower(), name))
    assert set(FUNCTIONS) | set(CLASSES) == set(PUBLIC)


def test_names_that_other_code_counts_on() -> None:
    assert {
        *("analyze", "collect", "components", "edges", "build_graph", "communities", "task_profile"),
        *("agreement", "save", "load", "sites", "Space", "Moments", "Sample", "Components", "Partition", "Agreement"),
    } <= set(cg.__all__)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_functions_are_documented(name) -> None:
    assert not undocumented(FUNCTIONS[name])


@pytest.mark.parametrize("name", CLASSES)
def test_public_classes_are_documented(name) -> None:
    text = CLASSES[name].__doc__ or ""
    assert text
    assert not text.startswith(f"{name}(")  # what dataclasses write themselves
    if dataclasses.is_dataclass(CLASSES[name]):
        found = sections(text)
        listed = entries(found.get("Attributes", "")) | entries(found.get("Parameters", ""))
        assert {field.name for field in dataclasses.fields(CLASSES[name])} <= listed


@pytest.mark.parametrize("name", CLASSES)
def test_public_methods_are_documented(name) -> None:
    own = {key: value for key, value in vars(CLASSES[name]).items() if not key.startswith("_")}
    methods = {key: getattr(value, "__func__", value) for key, value in own.items()}
    lacking = {key: undocumented(value) for key, value in methods.items() if inspect.isfunction(value)}
    properties = {key: ["docstring"] for key, value in own.items() if isinstance(value, property) and not value.__doc__}
    assert not {key: value for key, value in {**lacking, **properties}.items() if value}


@every_file
def test_files_are_short(name) -> None:
    assert len(FILES[name].read_text().splitlines()) < LONGEST_FILE


@every_file
def test_functions_are_short(name) -> None:
    assert not {each.name: body_length(each) for each in functions(tree(name)) if body_length(each) > LONGEST_BODY}


@every_file
def test_modules_say_what_they_are(name) -> None:
    assert ast.get_docstring(tree(name))


def dangers(module: ast.Module) -> list[str]:
    """List what could execute a file that is read, or speak when imported."""
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            found += [
                name for name in names if name.split(".")[0] in ("pickle", "dill", "cloudpickle", "marshal", "joblib")
            ]
        if isinstance(node, ast.Call):
            called, options = ast.unparse(node.func), {each.arg: ast.unparse(each.value) for each in node.keywords}
            if called in ("eval", "exec", "compile", "os.system", "__import__"):
                found.append(called)
            if called == "torch.load" and options.get("weights_only") != "True":
                found.append(called)
            if called in ("np.load", "numpy.load") and options.get("allow_pickle") != "False":
                found.append(called)
            if options.get("shell") == "True":
                found.append("shell=True")
    for node in module.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "print":
            found.append("print")
    return found


@every_file
def test_nothing_that_is_read_is_executed(name) -> None:
    assert not dangers(tree(name))


@pytest.mark.parametrize(
    ("code", "danger"),
    [
        ("import pickle", "pickle"),
        ("from joblib import load", "joblib"),
        ("def f(x):\n    return eval(x)", "eval"),
        ("exec('1')", "exec"),
        ("torch.load(path)", "torch.load"),
        ("torch.load(path, weights_only=False)", "torch.load"),
        ("np.load(path)", "np.load"),
        ("subprocess.run(text, shell=True)", "shell=True"),
        ("print('hello')", "print"),
    ],
)
def test_dangers_are_seen(code, danger) -> None:
    assert dangers(ast.parse(code)) == [danger]


def addresses(module: ast.Module) -> list[str]:
    """List the network addresses in strings that are not docstrings."""
    documented = [node for node in ast.walk(module) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
    docstrings = {id(node.body[0].value) for node in documented if node.body and ast.get_docstring(node) is not None}
    texts = [
        n.value
        for n in ast.walk(module)
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docstrings
    ]
    return [text for text in texts if re.search(r"(https?|ftp|wss?)://", text)]


@every_file
def test_no_network_addresses(name) -> None:
    assert not addresses(tree(name))


def test_addresses_are_seen() -> None:
    assert addresses(ast.parse('def f():\n    """See https://doi.org/1."""\n    return "http://x.y"')) == ["http://x.y"]


def test_pages_load_nothing_from_elsewhere() -> None:
    pages = [path for path in SOURCE.rglob("*") if path.suffix in (".html", ".js", ".css")]
    assert pages
    for path in pages:
        assert not re.search(
            r"(src|href)\s*=\s*[\"']?(https?:)?//|@import|url\(\s*[\"']?(https?:)?//", path.read_text()
        )


def test_long_functions_and_missing_sections_are_seen() -> None:
    def lacks(rows, *, limit: int) -> int:
        """Return something."""
        if limit:
            raise ValueError(rows)
        return limit

    assert undocumented(lacks) == ["limit", "rows", "Returns", "Raises"]
    long = ast.parse('def f():\n    """Doc."""\n' + "    x = 1\n" * 41)
    assert [body_length(each) for each in functions(long)] == [41]
