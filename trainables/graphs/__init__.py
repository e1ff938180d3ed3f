"""Link prediction by a two-layer graph convolution, on random and on real graphs."""
