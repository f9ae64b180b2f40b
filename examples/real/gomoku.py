"""Policy and value of an AlphaZero player of five-in-a-row on 8 x 8; positions of games it plays against itself.

The network and its weights are those of github.com/junxiaosong/AlphaZero_Gomoku (MIT), as arrays in torch's layout.
"""

from collections.abc import Iterable, Mapping

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import conv2d

from real.case import Case, found, in_rows

SIDE, IN_A_ROW = 8, 5
REMEDY = (
    "gomoku needs its weights: set REAL_GOMOKU to gomoku-8x8.safetensors, the arrays of best_policy_8_8_5.model of "
    "junxiaosong/AlphaZero_Gomoku in torch's layout, by the names of this module."
)


class Gomoku(nn.Module):
    """A trunk of three convolutions, and two heads on it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(4, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.conv3 = nn.Conv2d(64, 128, 3, padding=1)
        self.policy_conv = nn.Conv2d(128, 4, 1)
        self.policy = nn.Linear(4 * SIDE**2, SIDE**2)
        self.value_conv = nn.Conv2d(128, 2, 1)
        self.value_hidden = nn.Linear(2 * SIDE**2, 64)
        self.value = nn.Linear(64, 1)

    def forward(self, board: Tensor) -> dict[str, Tensor]:
        """Return logits of the moves, and the expected result for who is to move."""
        trunk = self.conv3(self.conv2(self.conv1(board).relu()).relu()).relu()
        policy = self.policy(self.policy_conv(trunk).relu().flatten(1))
        hidden = self.value_hidden(self.value_conv(trunk).relu().flatten(1)).relu()
        return {"policy": policy, "value": self.value(hidden).tanh()}


def planes(own: Tensor, other: Tensor, last: Tensor, first_to_move: bool) -> Tensor:
    """Encode boards whose cells are numbered as moves are; the author's planes have their rows upside down."""
    turn = torch.full_like(own, float(first_to_move))
    return torch.stack([own, other, last, turn], 1).view(-1, 4, SIDE, SIDE).flip(2)


def won(stones: Tensor) -> Tensor:
    """Tell the boards with five stones in a row."""
    boards = stones.view(-1, 1, SIDE, SIDE)
    across, diagonal = torch.ones(1, 1, 1, IN_A_ROW), torch.eye(IN_A_ROW)[None, None]
    kernels = (across, across.transpose(2, 3), diagonal, diagonal.flip(3))
    return torch.stack([conv2d(boards, each).flatten(1).amax(1) >= IN_A_ROW for each in kernels]).any(0)


def play(model: Gomoku, n_games: int, *, seed: int = 0, random_moves: float = 0.25) -> Tensor:
    """Play games side by side, some moves at random, and return the different positions that were met."""
    chance = torch.Generator().manual_seed(seed)
    own, other, last = (torch.zeros(n_games, SIDE**2) for _ in range(3))
    met = []
    for turn in range(SIDE**2):
        met.append(planes(own, other, last, turn % 2 == 0))
        odds = in_rows(model, met[-1])["policy"].softmax(1)
        at_random = torch.rand(n_games, 1, generator=chance) < random_moves
        odds = torch.where(at_random, torch.ones_like(odds), odds + 1e-9) * (own + other == 0)
        last = torch.zeros_like(own).scatter(1, torch.multinomial(odds, 1, generator=chance), 1.0)
        own, other = other, own + last
        on = ~won(other)
        own, other, last, n_games = own[on], other[on], last[on], int(on.sum())
        if not n_games:
            break
    return torch.unique(torch.cat(met), dim=0)


def load(*, small: bool = False) -> Case:
    """Read the weights, and let the player play for its inputs."""
    model = Gomoku()
    model.load_state_dict(load_file(found("REAL_GOMOKU", REMEDY)))
    met = play(model, 10 if small else 150)
    order = torch.randperm(len(met), generator=torch.Generator().manual_seed(0))
    about = "AlphaZero player of five-in-a-row; positions of games against itself, a quarter of the moves at random"
    return Case("gomoku", about, model, met[order[:2000]], lambda: check(model, met))


def open_fours() -> tuple[Tensor, list[set[int]]]:
    """Return boards where four own stones are in a row and the other's four lie apart, and the moves that win."""
    own, other, last, wins = [], [], [], []
    for row in range(SIDE):
        for column in range(1, SIDE - 4):
            start, away = SIDE * row + column, SIDE * ((row + 3) % SIDE)
            own.append(_stones(range(start, start + 4)))
            other.append(_stones([away, away + 2, away + 5, away + 7]))
            last.append(_stones([away]))
            wins.append({start - 1, start + 4})
    return planes(torch.stack(own), torch.stack(other), torch.stack(last), True), wins


def _stones(cells: Iterable[int]) -> Tensor:
    board = torch.zeros(SIDE**2)
    board[list(cells)] = 1
    return board


def check(model: Gomoku, met: Tensor) -> Mapping[str, float]:
    """Measure whether moves are legal, whether an open four is completed, and whether the value sees it."""
    free = 1 - met[:, :2].sum(1).flip(1).flatten(1)
    boards, wins = open_fours()
    said = in_rows(model, boards)
    chosen = said["policy"].argmax(1).tolist()
    return {
        "probability on free cells": float((in_rows(model, met)["policy"].softmax(1) * free).sum(1).mean()),
        "open fours completed": sum(move in each for move, each in zip(chosen, wins, strict=True)) / len(wins),
        "value of an open four": float(said["value"].mean()),
    }
