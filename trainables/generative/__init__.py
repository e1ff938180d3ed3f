"""A generative flow network on a grid."""
