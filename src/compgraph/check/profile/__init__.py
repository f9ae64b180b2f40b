"""What each component serves: tasks by their inputs, heads by gradients, and what an example uses."""
