"""Several processes, one result: bytes exchanged over a group of torch.distributed, and work dealt out over it."""
