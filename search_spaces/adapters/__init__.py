"""What library optimizers lack to be used like any other."""
