"""Augmentation: a recipe, one concrete draw of it, and the pixels it makes."""
