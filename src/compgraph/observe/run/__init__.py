"""One run of a model: watched, fed, and left as it was."""
