"""Small smooth problems on which optimizers come to the edge of stability."""
