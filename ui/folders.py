"""The dialog that opens a data set: type a path or click through the folders of this machine."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from seglib.data.dataset import ChoiceNeeded, open_dataset
from seglib.data.substitute import csv_of
from seglib.exceptions import InputError
from ui import importing, registry, state
from ui.literal import literal

_OPEN, _PATH, _LOST = "folders_open", "folders_path", "folders_lost"
_SPLITS = {
    "As the names say": (None, None),
    "By name": ("name", None),
    "Each file on its own": ("file", None),
    "Blocks of one movie": (None, "blocks"),
}


def show(lost: Path | None = None, run_id: str | None = None) -> None:
    """Open the dialog on the next `keep_open()`; with `lost` to find the folder that lay there, and then show a run."""
    st.session_state[_OPEN] = True
    st.session_state[_LOST] = lost and (lost, run_id)
    if lost is not None:
        st.session_state[_PATH] = str(next((p for p in lost.parents if p.is_dir()), Path.home()))
    st.session_state.setdefault(_PATH, str(Path.home()))


def keep_open() -> None:
    """Draw the dialog while it is wanted; the shell calls this on every run."""
    if st.session_state.get(_OPEN):
        _dialog()


def _close() -> None:
    st.session_state[_OPEN] = False


@st.dialog("Open a data set", width="medium", icon=":material/folder_open:", on_dismiss=_close)
def _dialog() -> None:
    lost = st.session_state.get(_LOST)
    if lost is not None:
        st.info(f"Where does `{lost[0]}` lie now? Its runs will find their images there.", icon=":material/search:")
    st.caption(
        "A folder with `images/` and `masks/` of equal names, or with a `dataset.csv`, is opened as it lies. "
        "HDF5 files, TIFF stacks, Zarr stores, nnU-Net and Cell Tracking Challenge folders and zips are imported "
        "into a new folder."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Folder or file on this machine", key=_PATH, placeholder=str(Path.home()))
        st.button("Try the demo", icon=":material/science:", key="try_demo", on_click=_try_demo)
    folder = Path(st.session_state[_PATH] or Path.home()).expanduser()
    above = st.container()
    foreign = importing.is_foreign(folder)
    dropped = _dropped() if lost is None and not foreign else None
    if dropped is not None:
        _import(*dropped)
        return
    with above:
        _browser(folder) if not folder.is_file() else _back(folder)
    if foreign:
        _import(folder.resolve(), folder.name)
        return
    choice = _split_choice(folder)
    _opener(folder, choice)


def _back(file: Path) -> None:
    """From a file to the folders: room for what is in it."""
    label = f"Back to {file.parent.name or file.parent}"
    st.button(label, icon=":material/arrow_back:", key="folder_back", on_click=_walk, args=(file.parent,))


def _dropped() -> tuple[Path, str] | None:
    try:
        return importing.dropped()
    except (InputError, OSError) as error:
        st.error(literal(error), icon=":material/error:")
        return None


def _import(path: Path, name: str) -> None:
    """What the source is and its import; when the folder is there, it comes into view."""
    entry = importing.panel(path, name)
    if entry is not None:
        lost, in_view = st.session_state.get(_LOST), st.session_state.get(state.RUN)
        if lost is None:
            state.choose_dataset(entry.name)
        else:
            state.choose_dataset(registry.found_again(lost[0], entry.path).name)
            state.choose_run(lost[1] or in_view)
        _close()
        st.rerun()


def _browser(folder: Path) -> None:
    with st.container(height=240, gap="xsmall", key="folder_list"):
        st.button(
            "..",
            icon=":material/arrow_upward:",
            key="folder_up",
            type="tertiary",
            on_click=_walk,
            args=(_above(folder),),
            disabled=folder.parent == folder,
            help="One folder up",
        )
        try:
            inside = subfolders(folder)
        except InputError as error:
            way = "" if folder.is_dir() else f" The nearest that is: `{_above(folder)}`, behind the arrow."
            st.warning(f"{literal(error)}{way}", icon=":material/folder_off:")
            return
        for sub in inside:
            icon = ":material/database:" if looks_like_data(sub) else ":material/folder:"
            st.button(sub.name, icon=icon, key=f"folder_{sub.name}", type="tertiary", on_click=_walk, args=(sub,))
        files = importing.importable_files(folder)
        for file in files:
            icon = ":material/folder_zip:" if file.suffix.lower() == ".zip" else ":material/stacks:"
            st.button(file.name, icon=icon, key=f"file_{file.name}", type="tertiary", on_click=_walk, args=(file,))
        if not inside and not files:
            st.caption("No folders in here.")


def _above(folder: Path) -> Path:
    """The nearest folder above that exists: one wrong letter in a long path must not cost many clicks."""
    return next((parent for parent in folder.parents if parent.is_dir()), folder.parent)


def subfolders(folder: Path, limit: int = 300) -> list[Path]:
    """Visible folders in `folder`, by name. Raises InputError if it is none or may not be read."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder on this machine.")
    try:
        names = sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=lambda p: p.name.lower())
        return [p for p in names if p.is_dir()][:limit]
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}.") from None


def looks_like_data(folder: Path) -> bool:
    try:
        return (folder / "dataset.csv").is_file() or (folder / "images").is_dir()
    except OSError:
        return False


def _split_choice(folder: Path) -> tuple[str | None, str | None]:
    """Only a folder without a csv leaves anything to choose."""
    if not looks_like_data(folder) or csv_of(folder) is not None:
        return None, None
    choice = st.segmented_control(
        "Which pictures belong together",
        list(_SPLITS),
        default="As the names say",
        required=True,
        key="folder_split",
        help="Pictures that belong together, such as the frames of a movie, stay on one side of train and validation.",
    )
    return _SPLITS[choice]


def _opener(folder: Path, choice: tuple[str | None, str | None]) -> None:
    data = None
    if looks_like_data(folder):
        try:
            data = open_dataset(folder, grouping=choice[0], split=choice[1])
            counts = data.counts()
            st.success(
                f"{len(data.records)} images: {counts['train']} train, {counts['val']} val, "
                f"{counts['unlabelled']} unlabelled.",
                icon=":material/check:",
            )
        except ChoiceNeeded:
            st.info(
                "The names of these pictures form one group: say above which belong together.",
                icon=":material/account_tree:",
            )
        except InputError as error:
            st.error(literal(error), icon=":material/error:")
    elif folder.is_dir():
        st.info(
            "Not a data set: it has neither `images/` nor a `dataset.csv`. Walk on, or type a path.",
            icon=":material/info:",
        )
    if st.button(
        "Open this data set",
        type="primary",
        disabled=data is None,
        key="folder_take",
        on_click=_take,
        args=(folder, *choice),
    ):
        st.rerun()


def _walk(folder: Path) -> None:
    st.session_state[_PATH] = str(folder)


def _take(folder: Path, grouping: str | None, split: str | None) -> None:
    lost, in_view = st.session_state.get(_LOST), st.session_state.get(state.RUN)
    if lost is None:
        state.choose_dataset(registry.add(folder, grouping, split).name)
    else:
        state.choose_dataset(registry.found_again(lost[0], folder, grouping, split).name)
        state.choose_run(lost[1] or in_view)
    _close()


def _try_demo() -> None:
    state.choose_dataset(registry.DEMO)
    _close()
