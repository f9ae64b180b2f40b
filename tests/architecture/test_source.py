"""Promises about the source: short, and nothing that executes what it reads. Each test names all offenders."""

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "compgraph"
LONGEST_FILE, LONGEST_BODY, FULLEST_FOLDER = 300, 40, 14


def lengths(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): len(path.read_text().splitlines()) for path in folder.rglob("*.py")}


def body_lengths(module: ast.Module) -> dict[str, int]:
    """Return the lines of every function, its docstring not counted."""
    found = {}
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            found[node.name] = body[-1].end_lineno - body[0].lineno + 1 if body else 0
    return found


def fullness(folder: Path) -> dict[str, int]:
    places = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    return {str(place.relative_to(folder)): len(list(place.glob("[!_]*.py"))) for place in places}


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


def asks_for_a_probe(module: ast.Module) -> list[str]:
    """List the questions which of the probes one is, which its methods are there to answer."""
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
    asked = [ast.unparse(call) for call in calls if ast.unparse(call.func) in ("isinstance", "issubclass")]
    return [each for each in asked if re.search(r"\b(Pullback|MergedProbe)\b", each)]


def loads(page: str) -> bool:
    return bool(re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//|@import|url\(\s*[\"']?(https?:)?//", page))


def test_files_are_short() -> None:
    assert not {name: n for name, n in lengths(SOURCE).items() if n >= LONGEST_FILE}


def test_functions_are_short(trees) -> None:
    long = {f"{name}: {each}": n for name, tree in trees.items() for each, n in body_lengths(tree).items()}
    assert not {name: n for name, n in long.items() if n > LONGEST_BODY}


def test_folders_are_small() -> None:
    assert not {name: n for name, n in fullness(SOURCE).items() if n > FULLEST_FOLDER}


def test_modules_say_what_they_are(trees) -> None:
    assert not [name for name, tree in trees.items() if not ast.get_docstring(tree)]


def test_nothing_that_is_read_is_executed(trees) -> None:
    found = {name: each for name, tree in trees.items() if (each := dangers(tree))}
    # Work is handed to processes of our own, and no file is read.
    assert found == {"dealing.py": ["joblib"]}


def test_no_network_addresses(trees) -> None:
    assert not {name: found for name, tree in trees.items() if (found := addresses(tree))}


def test_probes_are_not_told_apart(trees) -> None:
    assert not {name: found for name, tree in trees.items() if (found := asks_for_a_probe(tree))}


def test_pages_load_nothing_from_elsewhere() -> None:
    pages = [path for path in SOURCE.rglob("*") if path.suffix in (".html", ".js", ".css")]
    assert pages
    assert not [path.name for path in pages if loads(path.read_text())]


def test_long_files_and_full_folders_are_seen(tmp_path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("a.py", "inner/b.py", "inner/c.py"):
        (tmp_path / name).write_text("x = 1\n" * 7)
    assert lengths(tmp_path) == {"a.py": 7, "inner/b.py": 7, "inner/c.py": 7}
    assert fullness(tmp_path) == {".": 1, "inner": 2}


def test_long_functions_are_seen() -> None:
    assert body_lengths(ast.parse('def f():\n    """Doc."""\n' + "    x = 1\n" * 41)) == {"f": 41}


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


def test_addresses_are_seen() -> None:
    assert addresses(ast.parse('def f():\n    """See https://doi.org/1."""\n    return "http://x.y"')) == ["http://x.y"]


def test_questions_to_a_probe_are_seen() -> None:
    code = "isinstance(probe, Probe)\nisinstance(probe, Pullback | Probe)\nissubclass(kind, probes.MergedProbe)"
    assert len(asks_for_a_probe(ast.parse(code))) == 2


@pytest.mark.parametrize(
    "page", ['<script src="https://a.b/c.js">', "<link href=//a.b>", "@import 'a'", "url(http://a)"]
)
def test_loading_pages_are_seen(page) -> None:
    assert loads(page)
    assert not loads('<a id="https://a.b">')
