"""Pictures are coarse: what is drawn is tested where it is drawn."""

from collections.abc import Iterator
from functools import partial

import pytest

from compgraph.show import figure_bytes, report


@pytest.fixture(autouse=True, scope="module")
def _coarse_pictures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "figure_bytes", partial(figure_bytes, dpi=30))
        yield
