"""One line for each word a student meets here: `st.metric("IoU", …, help=explain("iou"))`."""

from __future__ import annotations

TERMS = {
    "iou": "Intersection over union: pixels cell in both masks over pixels cell in either. 1 is perfect.",
    "pooled iou": "IoU of all images together: pixels are summed over the images first, so big images count more.",
    "mean iou": "The mean of the images' own IoU; an image with neither cell nor prediction has none and is left out.",
    "dice": "Twice the overlap over the sum of both areas = 2·IoU / (1 + IoU). It forgives a little more than IoU.",
    "elastic sigma": "How smooth the bending is, in px: small = ripples within a cell, large = whole cells lean.",
    "elastic displacement": "How far the bending moves a pixel, in px; too far for its smoothness and cells fold.",
    "threshold": "A pixel counts as cell from this probability on.",
    "false positive": "A pixel called cell where the mask says background.",
    "false negative": "A pixel of a cell that the prediction missed.",
    "train": "Images the network learns from.",
    "val": "Images kept aside: they only measure how well the network does on pictures it has not learned from.",
    "unlabelled": "Images without a mask: never trained on or scored, but you can run a network on them.",
    "unused": "Labelled images that belong to neither train nor val.",
    "group": "Pictures that must stay on one side of the split, such as the frames of one movie.",
    "epoch": "One pass over the training data; here as many draws as there are images (or crops to cover them).",
    "loss": "What the training makes smaller. Only compare it between runs with the same loss.",
    "recipe": "The ranges and probabilities of all augmentations, saved under one name.",
    "region": "One connected patch of wrong pixels.",
    "error budget": "1 − IoU split into kinds of mistake; the parts add up to it exactly.",
    "equivalent diameter": "Diameter of the disc with the same area as the cell, in pixels.",
    "checkpoint": "The weights of a network saved during training: best = highest validation IoU, last = the newest.",
}


def explain(term: str) -> str:
    """The line for a term, as help=. Raises KeyError for an unknown one: a page must not show an empty '?'."""
    return TERMS[term.lower()]
