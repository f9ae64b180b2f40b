import pytest
import torch
from torch import Tensor, nn
from torch.ao.nn.quantized import dynamic
from torch.nn.utils import parametrizations

from compgraph import collect, components, edges
from compgraph.errors import BadRequest, SiteError
from compgraph.observe.run.unwrap import bare


def mlp() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2))


class Wrap(nn.Module):
    """Hands attributes it lacks on to the model inside, and computes something else."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def __getattr__(self, name: str) -> object:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("inner"), name)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(10 * x)


@pytest.mark.parametrize("wrap", [lambda m: torch.compile(m, backend="eager"), nn.DataParallel])
def test_a_wrapper_that_delegates_attributes_is_the_model(wrap):
    model = Wrap(wrap(mlp()))
    assert model.inner is not None
    assert bare(model) is model
    x = torch.randn(50, 6)
    stats = collect(model, x)
    found = stats.moments[stats.pairs[-1]]
    assert found.mean_y == pytest.approx(model(x).detach().numpy().mean(axis=0), rel=1e-5)


def test_wrappers_of_torch_are_taken_off_in_any_order():
    inside = mlp()
    assert bare(nn.DataParallel(torch.compile(nn.DataParallel(inside), backend="eager"))) is inside


def test_distributed_data_parallel_is_taken_off(tmp_path):
    inside = mlp()
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        assert bare(nn.parallel.DistributedDataParallel(inside)) is inside
    finally:
        torch.distributed.destroy_process_group()


def named(name: str, base: type[nn.Module], module: str) -> type[nn.Module]:
    """A class that is found where torch has it, without a group of processes to shard over."""
    return type(name, (base,), {"__module__": module})


FSDP = named("FullyShardedDataParallel", nn.Module, "torch.distributed.fsdp.fully_sharded_data_parallel")
FSDP2 = named("FSDPModule", nn.Module, "torch.distributed.fsdp._fully_shard._fully_shard")
SHARDED_LINEAR = type("FSDPLinear", (FSDP2, nn.Linear), {})


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: nn.Sequential(FSDP()), r"'0' is sharded by FSDP \(FullyShardedDataParallel\).*get_model_state_dict"),
        (lambda: nn.Sequential(nn.ReLU(), spread()), r"'1' is spread over several processes \(Linear\).*DTensors"),
        (lambda: SHARDED_LINEAR(2, 2), r"the model is sharded by FSDP \(FSDPLinear\)"),
        (lambda: nn.Sequential(mlp(), dynamic.Linear(2, 2)), r"'1' is quantised \(Linear\).*Pass the float model"),
        (lambda: torch.jit.script(mlp()), r"the model is TorchScript \(RecursiveScriptModule\).*Pass the nn\.Module"),
        (lambda: nn.Sequential(nn.LazyLinear(3)), "Run it once on a batch first"),
        (lambda: exported().module(), r"graph of an exported program.*torch\.export\.unflatten\(program\)"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:torch.quantize_per_tensor")
def test_what_cannot_be_tapped_is_named(model, message):
    with pytest.raises(SiteError, match=message):
        bare(model())


def spread() -> nn.Linear:
    """A layer whose weight says that two processes share it."""
    layer = nn.Linear(2, 2)
    layer.weight.device_mesh = torch.empty(2)
    layer.weight.device_mesh.size = lambda: 2
    return layer


@pytest.mark.parametrize("kind", ["FullyShardedDataParallel", "fully_shard"])
@pytest.mark.filterwarnings("ignore:FSDP is switching", "ignore:When using ``NO_SHARD``", "ignore::FutureWarning")
def test_the_remedy_for_sharded_models_works(kind, tmp_path):
    fsdp = pytest.importorskip("torch.distributed.fsdp")
    if not hasattr(fsdp, kind):
        pytest.skip("this torch has no such sharding")
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        options = {"device_id": torch.device("cpu")} if kind == "FullyShardedDataParallel" else {}
        model, fresh, plain = getattr(fsdp, kind)(mlp(), **options), mlp(), mlp()
        with torch.no_grad():
            fresh[0].weight.zero_()
        with pytest.raises(SiteError, match="sharded by FSDP"):
            bare(model)
        fresh.load_state_dict(get_model_state_dict(model, options=StateDictOptions(full_state_dict=True)))
    finally:
        torch.distributed.destroy_process_group()
    assert bare(fresh) is fresh
    assert torch.equal(fresh[0].weight, plain[0].weight)


def exported() -> torch.export.ExportedProgram:
    return torch.export.export(mlp(), (torch.randn(8, 6),), dynamic_shapes=({0: torch.export.Dim("rows")},))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (exported, r"is an ExportedProgram; .* torch\.export\.unflatten\(program\)"),
        (lambda: nn.Linear, r"is a type; .* Linear\(\.\.\.\)"),
        (lambda: mlp().state_dict(), r"is an OrderedDict; .* module\.load_state_dict"),
        (lambda: torch.relu, "needed is a torch.nn.Module. Hooks need modules"),
        (lambda: 3, r"model is an int; needed is a torch\.nn\.Module\.$"),
    ],
)
def test_what_is_no_module_is_named_with_a_remedy(model, message):
    with pytest.raises(BadRequest, match=message):
        bare(model())


@pytest.mark.filterwarnings("ignore:.isinstance.treespec")
def test_the_remedy_for_exported_programs_works():
    stats = collect(torch.export.unflatten(exported()), torch.randn(40, 6))
    assert stats.layers == collect(mlp(), torch.randn(40, 6)).layers


def frozen(model: nn.Sequential) -> nn.Module:
    return model.requires_grad_(requires_grad=False)


def parametrised(model: nn.Sequential) -> nn.Module:
    class Halved(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return weight / 2

    nn.utils.parametrize.register_parametrization(model[0], "weight", Halved())
    return model


def traced(model: nn.Sequential) -> nn.Module:
    return torch.fx.symbolic_trace(model)


def normed(model: nn.Sequential) -> nn.Module:
    parametrizations.weight_norm(model[0])
    parametrizations.spectral_norm(model[2])
    return model


@pytest.mark.parametrize("change", [frozen, parametrised, traced, normed])
def test_models_as_people_have_them_are_analysed_with_gradients(change):
    model, x = change(mlp()), torch.randn(60, 6)
    stats = collect(model, x)
    effect = edges(stats, components(stats, "gradient"), "gradient")[0].effect
    assert stats.layers == ("input", "1", "2")
    found = stats.moments[stats.pairs[-1]]
    assert found.mean_y == pytest.approx(model.eval()(x).detach().numpy().mean(axis=0), rel=1e-4)
    assert effect.any()
