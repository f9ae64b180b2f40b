"""What a pass keeps of the rows it sees."""
