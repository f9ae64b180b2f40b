"""The LSTM of resemblyzer, which tells speakers by 1.6 seconds of speech; here made voices stand in for speech.

Wan et al., "Generalized end-to-end loss for speaker verification", doi:10.1109/ICASSP.2018.8462665. Weights of
resemblyzer (Apache 2.0). The voices are pulses through formants that change from vowel to vowel: they have a pitch and
a vocal tract, as speakers do, but no consonants; the network is used outside what it was trained on.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from real.case import Case, auc, found, in_rows

REMEDY = (
    "resemblyzer needs its weights: pip install --no-deps resemblyzer, or set REAL_RESEMBLYZER to its pretrained.pt."
)
RATE, N_FRAMES, HOP, WINDOW, N_MELS = 16_000, 160, 160, 400, 40
# First three formants of vowels in Hz: a, e, i, o, u, schwa.
VOWELS = torch.tensor(
    [[730, 1090, 2440], [530, 1840, 2480], [270, 2290, 3010], [570, 840, 2410], [300, 870, 2240], [500, 1500, 2500]]
).float()


class SpeakerEncoder(nn.Module):
    """Three recurrent layers; the last state of the last becomes a direction that stands for the speaker."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(N_MELS, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, 256)

    def forward(self, mels: Tensor) -> Tensor:
        """Return directions of unit length."""
        _, (hidden, _) = self.lstm(mels)
        raw = self.linear(hidden[-1]).relu()
        return raw / raw.norm(dim=1, keepdim=True)


def filters() -> Tensor:
    """Return Slaney's mel filters, each of area one, as resemblyzer's audio library has them by default."""
    step, knee = 200 / 3, 15.0  # linear below 1 kHz, then logarithmic: 27 steps for a factor of 6.4
    top = knee + 27 * math.log(RATE / 2000) / math.log(6.4)
    mels = torch.linspace(0, top, N_MELS + 2)
    hertz = torch.where(mels < knee, step * mels, 1000 * 6.4 ** ((mels - knee) / 27))
    bins = torch.linspace(0, RATE / 2, WINDOW // 2 + 1)
    low, middle, high = hertz[:-2, None], hertz[1:-1, None], hertz[2:, None]
    sides = torch.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)).clamp(min=0)
    return sides * 2 / (high - low)


def mel_frames(sound: Tensor) -> Tensor:
    """Return the power of sounds (n, samples) in 40 bands, 25 ms every 10 ms: (n, 160, 40); not its logarithm."""
    window = torch.hann_window(WINDOW)
    spectrum = torch.stft(sound, WINDOW, HOP, window=window, pad_mode="constant", return_complex=True)
    return (filters() @ spectrum.abs().square()).transpose(1, 2)[:, :N_FRAMES]


def voices(n_speakers: int, n_each: int, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Make sounds of 1.6 s at -30 dBFS, and return them with the number of their speaker."""
    chance = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=chance)

    speaker = torch.arange(n_speakers).repeat_interleave(n_each)
    tract, pitch = (0.85 + 0.4 * drawn(n_speakers))[speaker], (85 * 2.6 ** drawn(n_speakers))[speaker]
    tilt, n, length = (0.8 + 0.8 * drawn(n_speakers))[speaker, None, None], len(speaker), RATE * 16 // 10
    melody = nn.functional.interpolate(0.25 * drawn(n, 1, 7) - 0.12, length, mode="linear")[:, 0]
    phase = 2 * math.pi * (pitch[:, None] * 2**melody).cumsum(1) / RATE
    spoken = VOWELS[torch.randint(len(VOWELS), (n, 8), generator=chance)] * tract[:, None, None]
    formants = nn.functional.interpolate(spoken.transpose(1, 2), length // HOP, mode="linear")
    loud = nn.functional.interpolate(0.3 + drawn(n, 1, 12), length, mode="linear")[:, 0]
    sound = 0.003 * torch.randn(n, length, generator=chance)
    for k in range(1, 40):
        tone = k * pitch[:, None, None]
        resonance = (1 / (1 + ((tone - formants) / 90) ** 2)).sum(1, keepdim=True) * k**-tilt * (tone < 7500)
        sound += nn.functional.interpolate(resonance, length, mode="linear")[:, 0] * torch.sin(k * phase)
    sound = sound * loud
    return sound * 10 ** (-30 / 20) / sound.square().mean(1, keepdim=True).sqrt(), speaker


def load(*, small: bool = False) -> Case:
    """Read the weights; those of the loss and of the optimiser beside them are not needed."""
    path = found("REAL_RESEMBLYZER", REMEDY, package="resemblyzer", inside="resemblyzer/pretrained.pt")
    saved = torch.load(path, weights_only=True, map_location="cpu")["model_state"]
    model = SpeakerEncoder()
    model.load_state_dict({key: value for key, value in saved.items() if not key.startswith("similarity")})
    sound, speaker = voices(4 if small else 40, 2 if small else 8)
    data = mel_frames(sound)
    about = f"LSTM speaker encoder; {len(data)} mel spectrograms of {int(speaker.max()) + 1} made voices (no speech)"
    return Case("resemblyzer", about, model, data, lambda: check(model, data, speaker))


def check(model: SpeakerEncoder, data: Tensor, speaker: Tensor) -> Mapping[str, float]:
    """Compare sounds of one voice with those of two."""
    towards = in_rows(model, data)
    similarity, same = towards @ towards.T, speaker[:, None] == speaker
    other = ~torch.eye(len(data), dtype=torch.bool)
    one, two = similarity[same & other], similarity[~same]
    return {
        "similarity within a voice": float(one.mean()),
        "between voices": float(two.mean()),
        "AUC of one voice against two": auc(one.tolist(), two[:: max(1, len(two) // 5000)].tolist()),
    }
