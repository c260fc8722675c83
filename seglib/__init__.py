"""seglib: from yeast images and masks to a trained U-Net and a map of its mistakes.

Importing the package is cheap: it loads neither torch nor OpenCV; import the room you need.
"""

__version__ = "0.4.0"
