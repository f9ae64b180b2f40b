"""What data can be, read as calls of a model: arguments by name, and the axis that holds their samples."""
