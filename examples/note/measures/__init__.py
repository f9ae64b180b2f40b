"""What the experiments measure."""
