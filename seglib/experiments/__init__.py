"""Experiments: what a trained network is asked beyond its own val images, and what an augmentation costs."""
