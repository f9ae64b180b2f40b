"""A network of ResNet-18's shape with weights as drawn: what its sixteen convolutions and eight shortcuts cost.

He et al., "Deep residual learning for image recognition", doi:10.1109/CVPR.2016.90. Nothing was trained, so no groups
are to be found; the norms' statistics are those of the images, without which activations would grow with depth.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from real.case import Case, in_rows


class BasicBlock(nn.Module):
    """Two convolutions beside a shortcut, which is a convolution itself where the shape changes."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.downsample: nn.Module | None = None
        if stride != 1 or n_in != n_out:
            self.downsample = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        """Add what the block computes to what came."""
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class ResNet18(nn.Module):
    """A stem, four stages of two blocks, and a linear classifier of what is left on average."""

    def __init__(self, width: int = 64, n_classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = _stage(width, width, 1)
        self.layer2 = _stage(width, 2 * width, 2)
        self.layer3 = _stage(2 * width, 4 * width, 2)
        self.layer4 = _stage(4 * width, 8 * width, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8 * width, n_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits of the classes."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def _stage(n_in: int, n_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(n_in, n_out, stride), BasicBlock(n_out, n_out, 1))


def smooth_images(n: int, side: int, *, seed: int = 0) -> Tensor:
    """Make images whose power falls with frequency, as a photograph's does: noise of five sizes, added."""
    chance = torch.Generator().manual_seed(seed)
    noise = [torch.randn(n, 3, 2**k, 2**k, generator=chance) * 2.0 ** (1 - k) for k in range(1, 6)]
    return torch.stack([interpolate(each, (side, side), mode="bilinear") for each in noise]).sum(0)


def load(*, small: bool = False) -> Case:
    """Draw the weights, and let the norms see the images."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = ResNet18(8, 10) if small else ResNet18()
    data = smooth_images(8 if small else 200, 32 if small else 112)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the plain mean of all batches
    model.train()
    in_rows(model, data, 50)
    model.eval()
    about = f"ResNet-18's shape, random weights; {len(data)} random smooth images of {data.shape[-1]} px"
    return Case("resnet18_shape", about, model, data, lambda: check(model, data), batch_size=50)


def check(model: ResNet18, data: Tensor) -> Mapping[str, float]:
    """Measure whether logits are of a usual size and differ between images."""
    logits = in_rows(model, data, 50)
    return {"standard deviation of a logit over images": float(logits.std(0).mean())}
