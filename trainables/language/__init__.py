"""A character-level transformer, from scratch and fine-tuned."""
