"""ONet, the last network of MTCNN: is this a face, where is its box, where are its landmarks.

Zhang et al., "Joint face detection and alignment using multitask cascaded convolutional networks",
doi:10.1109/LSP.2016.2603342. Weights of facenet-pytorch (MIT); crops of scikit-image's part of LFW, grey.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from real.case import Case, auc, found, in_rows

WEIGHTS = (
    "onet needs its weights: pip install --no-deps facenet-pytorch==2.6.0 (its pins conflict with recent torch), or "
    "set REAL_ONET to its data/onet.pt."
)
FACES = "onet needs faces: pip install scikit-image, or set REAL_FACES to its data/lfw_subset.npy."


class ONet(nn.Module):
    """Four convolutions, a dense layer, three heads."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.pool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.pool3 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2, self.dense6_3 = nn.Linear(256, 2), nn.Linear(256, 4), nn.Linear(256, 10)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the box, the landmarks, and the probabilities of no face and a face, in the order of the original."""
        x = self.pool1(self.prelu1(self.conv1(images)))
        x = self.pool2(self.prelu2(self.conv2(x)))
        x = self.pool3(self.prelu3(self.conv3(x)))
        x = self.prelu4(self.conv4(x))
        x = self.prelu5(self.dense5(x.transpose(1, 3).flatten(1)))  # trained where images are width by height
        return self.dense6_2(x), self.dense6_3(x), self.dense6_1(x).softmax(1)


def load(*, small: bool = False) -> Case:
    """Read weights and crops; the first hundred crops are faces."""
    model = ONet()
    weights = found("REAL_ONET", WEIGHTS, package="facenet-pytorch", inside="facenet_pytorch/data/onet.pt")
    model.load_state_dict(torch.load(weights, weights_only=True))
    model.eval()
    faces = found("REAL_FACES", FACES, package="scikit-image", inside="skimage/data/lfw_subset.npy")
    crops = np.load(faces, allow_pickle=False)
    grey = torch.from_numpy(crops.astype(np.float32))[:, None]
    images = interpolate(grey, (48, 48), mode="bilinear", align_corners=False).expand(-1, 3, -1, -1)
    data = ((images * 255 - 127.5) / 128).contiguous()
    about = "MTCNN ONet; 100 faces and 100 other crops of LFW, grey, 25 px made 48 px"
    return Case("onet", about, model, data[:: 20 if small else 1], lambda: check(model, data))


def check(model: ONet, data: Tensor) -> Mapping[str, float]:
    """Tell faces from the rest, and look where landmarks are: eyes above nose above mouth, left of right."""
    _, landmarks, face = in_rows(model, data)
    x, y = landmarks[:100, :5], landmarks[:100, 5:]
    upright = (y[:, :2].amax(1) < y[:, 2]) & (y[:, 2] < y[:, 3:].amin(1)) & (x[:, 0] < x[:, 1]) & (x[:, 3] < x[:, 4])
    return {
        "AUC of faces": auc(face[:100, 1].tolist(), face[100:, 1].tolist()),
        "faces with landmarks in order": float(upright.float().mean()),
    }
