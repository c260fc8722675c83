"""The app: the shell, its routes and its middleware. Start with `streamlit run app.py`."""

import sys
from pathlib import Path

import streamlit as st

sys.path.insert(0, str(Path(__file__).resolve().parent))  # `import ui` and `import seglib` from any working directory

from ui import (
    change_pictures,
    crops,
    delta,
    film_route,
    normalised,
    places,
    preview_route,
    realism,
    routes,
    security,
    tensorboard,
    weak_images,
)

PIXELS = [
    *change_pictures.ROUTES,
    *crops.ROUTES,
    *delta.ROUTES,
    *film_route.ROUTES,
    *normalised.ROUTES,
    *places.ROUTES,
    *preview_route.ROUTES,
    *realism.ROUTES,
    *weak_images.ROUTES,
]
ROUTES = [*PIXELS, *routes.ROUTES]
app = st.App("ui/shell.py", routes=ROUTES, middleware=security.middleware(), lifespan=tensorboard.lifespan)
