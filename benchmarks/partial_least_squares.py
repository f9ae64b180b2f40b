"""What partial least squares costs and how exact it is: from moments, against scikit-learn and ikpls."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.cross_decomposition import PLSRegression
from sklearn.exceptions import ConvergenceWarning

import measuring
from compgraph import Moments
from compgraph.decompose import partial_least_squares

COMPONENTS = 10
FLOOR, OURS, FIT = "X'X and X'Y alone", "compgraph, from rows", "compgraph, from moments"
DEFAULT, CONVERGED, IKPLS = "PLSRegression, default tol 1e-6", "PLSRegression, tol 1e-14", "ikpls"


def make_data(n: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows whose i-th variance falls like 1/i, as activations' do, and a noisy linear layer of them."""
    rng = np.random.default_rng(measuring.SEED)
    basis = np.linalg.qr(rng.standard_normal((width, width)))[0]
    x = (rng.standard_normal((n, width)) / np.sqrt(np.arange(1, width + 1))) @ basis + rng.standard_normal(width)
    clean = x @ rng.standard_normal((width, width)) / np.sqrt(width)
    return x, clean + 0.1 * clean.std() * rng.standard_normal((n, width))


def ours(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fit from the rows: moments first, then the decomposition."""
    return partial_least_squares(Moments.of(x, y), COMPONENTS).coefficients()


def scikit_learn(x: np.ndarray, y: np.ndarray, **settings: Any) -> np.ndarray:
    """Fit by the power iterations of scikit-learn."""
    return PLSRegression(COMPONENTS, scale=False, **settings).fit(x, y).coef_.T


def ikpls(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fit by the improved kernel algorithm of ikpls."""
    from ikpls.numpy import PLS

    model = PLS(algorithm=2, scale_X=False, scale_Y=False)
    return model.fit(x, y, COMPONENTS).B[-1]


def exact(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fit by the definition: deflate the rows themselves, with a full SVD for every component."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    weights, x_loadings, y_loadings = [], [], []
    for _ in range(COMPONENTS):
        weight = np.linalg.svd(x.T @ y)[0][:, 0]
        score = x @ weight
        x_loading, y_loading = x.T @ score / (score @ score), y.T @ score / (score @ score)
        x, y = x - np.outer(score, x_loading), y - np.outer(score, y_loading)
        for kept, each in zip((weights, x_loadings, y_loadings), (weight, x_loading, y_loading), strict=True):
            kept.append(each)
    w, p, q = (np.array(each).T for each in (weights, x_loadings, y_loadings))
    return w @ np.linalg.solve(p.T @ w, q.T)


def first_fits(subjects: dict[str, Callable[[], np.ndarray]]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Run every subject once, and note which of them warned that it did not converge."""
    results, notes = {}, {}
    for name, run in subjects.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            results[name] = run()
        unfinished = sum(issubclass(each.category, ConvergenceWarning) for each in caught)
        notes[name] = f"{unfinished} of {COMPONENTS} components did not converge" if unfinished else ""
    return results, notes


def main() -> None:
    """Measure and report."""
    asked = measuring.request("partial_least_squares", str(__doc__))
    n, width, repeats = (2_000, 64, 3) if asked.quick else (20_000, 256, 7)
    x, y = make_data(n, width)
    moments = Moments.of(x, y)
    fits = {
        FIT: lambda: partial_least_squares(moments, COMPONENTS).coefficients(),
        OURS: partial(ours, x, y),
        IKPLS: partial(ikpls, x, y),
        DEFAULT: partial(scikit_learn, x, y),
        CONVERGED: partial(scikit_learn, x, y, tol=1e-14, max_iter=100_000),
    }
    if not measuring.installed("ikpls"):
        del fits[IKPLS]
    before, wanted = measuring.load(), exact(x, y)
    results, notes = first_fits(fits)
    subjects = {FLOOR: lambda: (x.T @ x, x.T @ y), **fits}
    times = measuring.interleaved(subjects, repeats)
    rows = [
        {
            "subject": name,
            "seconds": measuring.Spread.of(times[name].wall),
            "times the floor": measuring.ratio(times[name].wall, times[FLOOR].wall),
            "times ours from rows": measuring.ratio(times[name].wall, times[OURS].wall),
            "times ours from moments": measuring.ratio(times[name].wall, times[FIT].wall),
            "error": float(np.abs(results[name] - wanted).max() / np.abs(wanted).max()) if name in results else "-",
            "note": notes.get(name, ""),
        }
        for name in subjects
    ]
    facts = {
        "about": __doc__,
        "n": n,
        "p = q": width,
        "components": COMPONENTS,
        "seed": measuring.SEED,
        "repeats": f"{repeats} rounds, interleaved; median (lowest to highest), ratios within a round",
        "error": "largest |error| of a regression coefficient / largest coefficient, against deflation with full SVDs",
        "target": "PLSRegression at least 50 times the fit from moments, and a larger error",
        "missing": "" if IKPLS in fits else "ikpls is not installed: pip install compgraph[benchmark]",
        "load before and after": [before, measuring.load()],
    }
    measuring.report(asked, facts, rows, times)


if __name__ == "__main__":
    main()
