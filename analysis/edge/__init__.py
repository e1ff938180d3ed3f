"""What studies of ``flowadam rodflow`` say: flows beside optimizers at the edge of stability."""
