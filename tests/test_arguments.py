import numpy as np
import pytest

from compgraph.arguments import whole_number
from compgraph.errors import BadRequest


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_integers_become_plain_ints(value) -> None:
    assert type(whole_number(value, "seed", minimum=0)) is int


@pytest.mark.parametrize("value", [-1, 0, True, 1.0, "1", None, np.float64(2), np.bool_(True)])
def test_the_rest_is_refused(value) -> None:
    with pytest.raises(BadRequest, match=r"n_seeds=.*a whole number of at least 1 is needed"):
        whole_number(value, "n_seeds", minimum=1)
