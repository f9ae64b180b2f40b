"""Real networks to try compgraph on: defined here, with weights from where their authors put them."""

NAMES = ("gomoku", "onet", "minilm", "crepe", "resemblyzer", "mnist_heads", "resnet18_shape", "gpt2_shape")
