import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch._dynamo.eval_frame as frames
from numpy.testing import assert_allclose
from torch import Tensor, nn
from torch.utils import checkpoint as checkpointing
from torch.utils.checkpoint import checkpoint

from compgraph import collect, components, edges
from compgraph.errors import SiteError
from compgraph.observe.run.eager import eager, unrecorded
from compgraph.observe.run.restore import observing
from compgraph.statistics import Statistics


def rows(n: int = 60, d: int = 6) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(1))


class Plain(nn.Module):
    """The network that all others here are in disguise."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first, self.second, self.last = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def body(self, x: Tensor) -> Tensor:
        return torch.tanh(self.second(torch.tanh(self.first(x))))

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.body(x))


LAYERS = ["first", "second", "last"]


class Checkpointed(Plain):
    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant

    def forward(self, x: Tensor) -> Tensor:
        return self.last(checkpoint(self.body, x, use_reentrant=self.reentrant))


class WithoutGrad(Plain):
    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


class FrozenBackbone(Plain):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = self.body(x)
        return self.last(x)


class GradLeftOff(Plain):
    def forward(self, x: Tensor) -> Tensor:
        torch.set_grad_enabled(False)
        return super().forward(x)


class Inferring(Plain):
    @torch.inference_mode()
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


class InferringBackbone(Plain):
    def forward(self, x: Tensor) -> Tensor:
        with torch.inference_mode():
            x = self.body(x)
        return self.last(x)


class CompiledInPlace(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.second.compile(backend="eager")
        self.compile(backend="eager")


class CompiledFunction(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.run = torch.compile(self.body, backend="eager")

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.run(x))


def made_in_inference_mode() -> nn.Module:
    with torch.inference_mode():
        return Plain()


DISGUISES: dict[str, Callable[[], nn.Module]] = {
    "no_grad": WithoutGrad,
    "frozen backbone": FrozenBackbone,
    "set_grad_enabled(False)": GradLeftOff,
    "inference_mode": Inferring,
    "backbone in inference_mode": InferringBackbone,
    "checkpoint": lambda: Checkpointed(reentrant=False),
    "reentrant checkpoint": lambda: Checkpointed(reentrant=True),
    "compiled": lambda: torch.compile(Plain(), backend="eager"),
    "compiled in place": CompiledInPlace,
    "compiled function": CompiledFunction,
    "made in inference_mode": made_in_inference_mode,
}


def effects(stats: Statistics) -> list[np.ndarray]:
    """Everything of a model that gradients tell, and its moments."""
    parts = components(stats, "gradient")
    return [
        *(block.effect for block in edges(stats, parts, "gradient")),
        *(each.xy for each in stats.moments.values()),
        *(each.yy for each in stats.moments.values()),
    ]


def assert_same(found: Statistics, right: Statistics) -> None:
    for a, b in zip(effects(found), effects(right), strict=True):
        assert_allclose(a, b, rtol=1e-5, atol=1e-6 * abs(b).max())


@pytest.fixture(scope="module")
def right() -> Statistics:
    return collect(Plain(), rows(), LAYERS)


def process_state() -> dict[str, object]:
    """Everything that running a model step by step switches off."""
    return {
        "fast path": torch.backends.mha.get_fastpath_enabled(),
        "compile": torch.compile,
        "stance": frames._stance.stance,
        "frames": (frames.set_eval_frame, frames._maybe_set_eval_frame),
        "checkpoints": (checkpointing.CheckpointFunction, vars(checkpointing.CheckpointFunction).get("apply")),
        "generator": checkpointing._checkpoint_without_reentrant_generator,
        "enter": vars(torch.inference_mode)["__enter__"],
        "cudnn": (torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        "modes": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "functions": torch.overrides._get_current_function_mode_stack(),
    }


@pytest.fixture(autouse=True)
def _all_is_put_back() -> Iterator[None]:
    before = process_state()
    yield
    assert process_state() == before


@pytest.mark.parametrize("name", DISGUISES)
def test_what_hides_the_steps_of_a_forward_changes_nothing(name, right):
    assert_same(collect(DISGUISES[name](), rows(), LAYERS), right)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_callers_may_be_in_either_mode(mode, right):
    with mode():
        assert_same(collect(Plain(), rows(), LAYERS), right)
        with torch.no_grad():
            assert not torch.is_grad_enabled()


def test_compiled_submodules_are_tapped_by_the_names_in_their_state_dict(right):
    model = Plain()
    model.second = torch.compile(model.second, backend="eager")
    assert "second._orig_mod.weight" in model.state_dict()
    assert_same(collect(model, rows(), ["first", "second._orig_mod", "last"]), right)


def test_a_model_compiled_before_runs_compiled_afterwards():
    calls = []

    def backend(graph: torch.fx.GraphModule, _inputs: list[Tensor]) -> Callable[..., object]:
        calls.append(graph)
        return graph.forward

    model = torch.compile(Plain(), backend=backend)
    collect(model, rows(), LAYERS)
    assert not calls, "our run compiled the model, hooks and all"
    assert torch.equal(model(rows()), model._orig_mod(rows()))
    assert len(calls) == 1


def test_compilers_without_a_stance_run_eagerly(monkeypatch, right):
    monkeypatch.delattr(torch.compiler, "set_stance")
    calls = []
    model = Plain()
    model.run = torch.compile(model.body, backend=lambda graph, _inputs: calls.append(graph) or graph.forward)
    model.body = model.run
    assert_same(collect(model, rows(), LAYERS), right)
    assert not calls


LAZY = """
import sys, torch, compgraph
from torch import nn

class Late(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last, self.run, self.graphs = nn.Linear(6, 4), nn.Linear(4, 2), None, []

    def forward(self, x):
        if self.run is None:
            self.run = torch.compile(self.first, backend=lambda graph, _: self.graphs.append(graph) or graph.forward)
        return self.last(self.run(x))

compgraph.collect(nn.Sequential(nn.Linear(6, 2), nn.Linear(2, 2)), torch.randn(9, 6))
assert "torch._dynamo" not in sys.modules, "the compiler was imported"
compile, model = torch.compile, Late()
stats = compgraph.collect(model, torch.randn(9, 6), ["first", "last"])
compgraph.edges(stats, compgraph.components(stats, "gradient"), "gradient")
assert not model.graphs, "compiled"
assert torch.compile is compile
assert torch._dynamo.eval_frame._stance.stance == "default"
model(torch.randn(9, 6))
assert model.graphs, "no longer compiled afterwards"
"""


@pytest.mark.slow
def test_the_compiler_is_not_imported_and_may_come_in_the_midst_of_a_run():
    subprocess.run([sys.executable, "-W", "ignore", "-c", LAZY], check=True)


class Padded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=True)
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.head(self.encoder(x, src_key_padding_mask=mask)[:, 0])


def padded() -> dict[str, Tensor]:
    mask = torch.zeros(40, 5, dtype=torch.bool)
    mask[:20, 3:] = True
    return {"x": torch.randn(40, 5, 6), "mask": mask}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_transformers_with_a_padding_mask_take_the_ordinary_path():
    model, data = Padded().eval(), padded()
    stats = collect(model, data, ["encoder.layers.0.linear1", "encoder.layers.1", "head"])
    ordinary = model(**data)  # parameters that require gradients keep it off the fast path
    found = stats.moments[stats.pairs[-1]]
    assert_allclose(found.mean_y, ordinary.detach().double().numpy().mean(axis=0), atol=1e-6)
    with torch.no_grad():
        assert_allclose(model(**data).numpy(), ordinary.detach().numpy(), atol=1e-5)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.seen = nn.GRU(6, 4, batch_first=True), []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(torch.backends.cudnn.enabled)
        return self.rnn(x)[0]


def test_gradients_of_recurrent_modules_do_without_cudnn():
    model = Recurrent()
    for module, gradients in ((model, True), (model, False), (nn.Identity(), True)):
        with observing(module, gradients=gradients):
            model(torch.randn(2, 3, 6))
    assert model.seen == [False, True, True]


class Doubled(torch.autograd.Function):
    """Has a derivative of its own, and switches recording on inside."""

    @staticmethod
    def forward(_ctx: object, x: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        with torch.enable_grad():
            assert torch.is_grad_enabled()
            with torch.no_grad():
                assert not torch.is_grad_enabled()
        assert not torch.is_grad_enabled()
        return 2 * x

    @staticmethod
    def backward(_ctx: object, grad: Tensor) -> Tensor:
        return 2 * grad


def test_detach_custom_functions_and_our_own_code_keep_their_meaning():
    x = torch.ones(3, requires_grad=True)
    with eager(nn.Identity(), gradients=True):
        assert not x.detach().requires_grad
        with torch.enable_grad():
            assert Doubled.apply(x).requires_grad
        with unrecorded():
            assert not (2 * x).requires_grad
        assert (2 * x).requires_grad
        with eager(nn.Identity()):
            assert not (2 * x).requires_grad
        assert torch.is_grad_enabled()
        (gradient,) = torch.autograd.grad(Doubled.apply(x).sum(), x)
    assert gradient.tolist() == [2, 2, 2]


class Remembering(Plain):
    """Keeps a table that was made in inference mode, as position codes are."""

    def __init__(self, *, inside: bool) -> None:
        super().__init__()
        with torch.inference_mode():
            self.table = 1 + torch.rand(8)
        self.inside = inside

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        return self.last(Scaled.apply(x, self.table) if self.inside else x * self.table)


class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor, table: Tensor) -> Tensor:
        ctx.save_for_backward(table)
        return x * table

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.saved_tensors[0], None


def test_tables_made_in_inference_mode_work_or_are_named():
    stats = collect(Remembering(inside=False), rows(), LAYERS)
    assert effects(stats)[1].any()
    stats = collect(Remembering(inside=True), rows(), LAYERS)
    with pytest.raises(SiteError, match=r"made in torch\.inference_mode\(\).*clone it outside"):
        effects(stats)


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt(), SystemExit()])
def test_everything_is_put_back_whatever_ends_the_run(error, gradients):
    before, during = process_state(), {}

    def run() -> None:
        with eager(nn.GRU(2, 2), gradients=gradients):
            during.update(process_state())
            torch.set_grad_enabled(not gradients)
            raise error

    with pytest.raises(type(error)) as caught:
        run()
    assert caught.value is error
    assert process_state() == before
    same = {name for name in before if before[name] == during[name]}
    assert same <= {"compile", "frames", "modes" if gradients else "", *([] if gradients else ["cudnn", "functions"])}


@contextmanager
def another_thread_runs_a_model() -> Iterator[Callable[..., object]]:
    with eager(nn.Identity(), gradients=True), ThreadPoolExecutor(1) as other:
        yield lambda call, *args: other.submit(call, *args).result()


def test_other_threads_keep_their_modes():
    def inferring() -> bool:
        with torch.inference_mode():
            return torch.ones(1).is_inference()

    def recording() -> bool:
        with torch.no_grad():
            return torch.is_grad_enabled()

    def checkpointed() -> list[Tensor]:
        x, seen = torch.ones(2, requires_grad=True), []
        checkpoint(lambda y: seen.append(y) or y.sin().sin(), x, use_reentrant=False).sum().backward()
        return seen

    with another_thread_runs_a_model() as there:
        assert there(inferring)
        assert not there(recording)
        assert len(there(checkpointed)) == 2


def test_two_threads_put_all_back_once_both_are_done():
    before, first, second = process_state(), eager(nn.Identity()), eager(nn.Identity())
    with ThreadPoolExecutor(1) as a, ThreadPoolExecutor(1) as b:
        for thread, step in ((a, first.__enter__), (b, second.__enter__)):
            thread.submit(step).result()
        a.submit(first.__exit__, None, None, None).result()
        assert not torch.backends.mha.get_fastpath_enabled()
        b.submit(second.__exit__, None, None, None).result()
    assert process_state() == before


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_keyword_calls_hooks_and_overridden_calls_go_on_working():
    class Own(Plain):
        def __call__(self, *args: object, **kwargs: object) -> object:
            return SimpleNamespace(value=super().__call__(*args, **kwargs)).value

    model = Own()
    seen = []
    model.second.register_forward_pre_hook(lambda _module, args: seen.append(len(args[0])))
    model.second.register_full_backward_hook(lambda _module, _given, got: seen.append(got[0].shape[1]))
    assert_same(collect(model, {"x": rows()}, LAYERS), collect(Plain(), {"x": rows()}, LAYERS))
    assert 8 in seen
    assert 60 in seen
