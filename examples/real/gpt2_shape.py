"""A network of GPT-2 small's shape with weights as drawn: what twelve blocks and 50,257 outputs cost.

Radford et al., "Language models are unsupervised multitask learners", 2019. Nothing was trained, so no groups are to be
found.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from real.case import Case


class Attention(nn.Module):
    """Causal attention of several heads."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return what each position reads at those before it."""
        q, k, v = (each.unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for each in self.c_attn(x).chunk(3, -1))
        return self.c_proj(scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))


class MLP(nn.Module):
    """Two linear layers, the hidden one four times as wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Work on each position by itself."""
        return self.c_proj(gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    """Attention and a perceptron, each behind a norm and beside the residual stream."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(width), Attention(width, n_heads)
        self.ln_2, self.mlp = nn.LayerNorm(width), MLP(width)

    def forward(self, x: Tensor) -> Tensor:
        """Add both to the stream."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT2(nn.Module):
    """Embeddings, blocks, a norm, and the embedding again as the head."""

    def __init__(
        self, *, n_blocks: int = 12, width: int = 768, n_heads: int = 12, n_tokens: int = 50257, length: int = 1024
    ) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(n_tokens, width), nn.Embedding(length, width)
        self.h = nn.ModuleList(Block(width, n_heads) for _ in range(n_blocks))
        self.ln_f, self.lm_head = nn.LayerNorm(width), nn.Linear(width, n_tokens, bias=False)
        for name, weights in self.named_parameters():
            if weights.ndim == 2:  # the last layers of a block are drawn smaller, by the number of sums in the stream
                nn.init.normal_(weights, std=0.02 / math.sqrt(2 * n_blocks) if "c_proj" in name else 0.02)
        self.lm_head.weight = self.wte.weight

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits of the next token at every position."""
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1], device=tokens.device))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


def load(*, small: bool = False) -> Case:
    """Draw weights and tokens; eight sequences a batch, since the logits of 64 would take 1.6 GB."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = GPT2(n_blocks=2, width=32, n_heads=4, n_tokens=101, length=16) if small else GPT2()
    shape, n_tokens = ((8, 16) if small else (64, 128)), model.wte.num_embeddings
    tokens = torch.randint(n_tokens, shape, generator=torch.Generator().manual_seed(0))
    about = f"GPT-2 small's shape, random weights; {shape[0]} sequences of {shape[1]} random tokens"
    return Case("gpt2_shape", about, model, list(torch.split(tokens, 8)), lambda: check(model, tokens[:2]))


def check(model: GPT2, tokens: Tensor) -> Mapping[str, float]:
    """Measure whether a position is blind to those after it, and how unsure an untrained network is."""
    with torch.no_grad():
        logits, of_half = model(tokens), model(tokens[:, : tokens.shape[1] // 2])
    seen = float((logits[:, : of_half.shape[1]] - of_half).abs().max())
    odds = logits.log_softmax(-1)
    entropy = -float((odds.exp() * odds).sum(-1).mean())
    return {"effect of later tokens": seen, "entropy, of its largest": entropy / math.log(logits.shape[-1])}
