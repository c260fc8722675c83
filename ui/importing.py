"""Import in the dialog that opens a data set: what a source is, what the person must say, and the folder made of it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePosixPath
from typing import Any

import streamlit as st

from seglib.data.readers import read_image, read_mask
from seglib.data.sample import Sample
from seglib.exceptions import InputError
from seglib.places import cache_root
from seglib.runs import jobs
from seglib.runs.files import read_json
from seglib.sources import folder as ours
from seglib.sources.recognise import kind_of
from ui import pixels, progress, registry
from ui.literal import literal
from ui.uploads import safe_name, shown_name

SUFFIXES = (".zip", ".h5", ".hdf5", ".hdf", ".tif", ".tiff")
_CHOICES, _SOURCE, _IMPORT, _NAME = "import_choices", "import_source", "import_job", "import_folder"
_LABELS = {
    "image_key": "Images",
    "mask_key": "Masks",
    "axes": "Axes",
    "channel": "Channel",
    "label": "Class that is cell",
    "grouping": "Which pictures belong together",
}
_HELP = {
    "axes": "T time, Z focal plane, N independent pictures, C channel, Y rows, X columns, S colour. Frames and focal "
    "planes stay in one group; independent pictures are groups of their own.",
    "channel": "Counted from 0. The network takes one.",
    "label": "The masks name classes, not cells.",
    "grouping": "Pictures that belong together stay on one side of train and validation.",
}


def is_foreign(path: Path) -> bool:
    """Whether `path` is something that must be imported before it can be opened."""
    return kind_of(path) not in (None, ours.KIND)


def importable_files(folder: Path, limit: int = 100) -> list[Path]:
    """Visible files in `folder` that may be a data set, by name."""
    try:
        files = sorted((p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES), key=lambda p: p.name.lower())
        return [p for p in files if not p.name.startswith(".") and p.is_file()][:limit]
    except OSError:
        return []


def keep(content: bytes, name: str) -> Path:
    """Write a dropped file to uploads/<hash><suffix> of the cache, unless it is there, and give its path."""
    suffix = PurePosixPath(shown_name(name)).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{shown_name(name)}: not taken; allowed: {', '.join(SUFFIXES)}, or a zip of a folder.")
    file = cache_root() / "uploads" / f"{hashlib.sha256(content).hexdigest()}{suffix}"
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        part = file.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(content)
        part.replace(file)
    return file


def dropped() -> tuple[Path, str] | None:
    """(file kept, its name) of what was dropped into the dialog."""
    given = st.file_uploader(
        "Or drop a data set here: a zip of a folder, an HDF5 file or a TIFF stack",
        type=[suffix[1:] for suffix in SUFFIXES],
        key="import_file",
        help="It stays on this machine, in the cache folder.",
    )
    if given is None:
        return None
    known = st.session_state.setdefault("import_kept", {})
    if given.file_id not in known:
        known.clear()
        known[given.file_id] = keep(given.getvalue(), given.name)
    return known[given.file_id], shown_name(given.name)


def panel(path: Path, name: str) -> registry.Entry | None:
    """What `path` is, its choices and its import; the new data set once it is made."""
    if st.session_state.get(_SOURCE) != str(path):
        st.session_state[_SOURCE] = str(path)
        for key in [k for k in st.session_state if str(k).startswith("import_choice_")] + [_CHOICES, _IMPORT, _NAME]:
            st.session_state.pop(key, None)
    if job := st.session_state.get(_IMPORT):
        return _running(jobs.Job(Path(job)))
    inputs = {"source": str(path), "name": name, "choices": _chosen(), "stamp": _stamp(path)}
    job = jobs.find("recognise", inputs)
    gone = job.state().name == "done" and not (job.result / "source.json").is_file()
    if gone or not (job.folder / "job.json").exists() or job.state().name in ("cancelled", "interrupted"):
        job = jobs.start("recognise", inputs, again=gone)
    if not _settled(job, "Looking into it"):
        return None
    told = read_json(job.result / "source.json")
    st.markdown(f"**{literal(told['kind'])}**")
    _arrays(told["arrays"])
    _ask(told)
    if "planned" in told:
        _preview(job, told["preview"])
        _consequences(told["planned"])
        _start(inputs, name)
    return None


def _settled(job: jobs.Job, what: str) -> bool:
    """Whether the job is done; draws how it stands if not."""
    standing = progress.of_job(job)
    if standing.live:
        _watch(job, what)
    elif standing.state != "done":
        st.error(literal(standing.reason) or f"{what}: {standing.state}.", icon=":material/error:")
    return standing.state == "done"


@st.fragment(run_every=0.5)
def _watch(job: jobs.Job, what: str) -> None:
    standing = progress.of_job(job)
    if not standing.live:
        st.rerun()
    st.caption(f"{what} …")
    progress.draw(standing, key="import_watch", cancel=job.cancel)


def _chosen() -> dict[str, Any]:
    """What the person has said so far, as the job wants it."""
    said = {k: v for k, v in st.session_state.get(_CHOICES, {}).items() if v is not None}
    return {key: int(value) if key == "channel" else value for key, value in said.items()}


def _stamp(path: Path) -> str:
    """Changes when the file does; of a folder, when files in it or in the folders of it come and go."""
    places = [path, *sorted(p for p in path.iterdir() if p.is_dir())[:50]] if path.is_dir() else [path]
    return "-".join(f"{status.st_size}.{status.st_mtime_ns}" for status in (place.stat() for place in places))


def _arrays(arrays: list[dict]) -> None:
    rows = [
        {
            "key": array["key"] or "/",
            "shape": " × ".join(map(str, array["shape"])),
            "type": array["dtype"],
            "axes in the file": array["axes"] or "not named",
        }
        for array in arrays[:50]
    ]
    if rows:
        st.dataframe(rows, hide_index=True, key="import_arrays", height="content")


def _ask(told: dict[str, Any]) -> None:
    """A select box for each thing that may be said; what is open has no answer until the person gives one."""
    open_questions = {question["name"]: question for question in told["questions"]}
    names = [name for name in _LABELS if name in told["options"] or name in open_questions]
    for name in names:
        question = open_questions.get(name)
        options = dict(question["options"] if question else told["options"][name])
        used = told["choices"].get(name)
        if name == "mask_key" and not used and not question:
            used = "none"
        index = None if question or str(used) not in options else list(options).index(str(used))
        if question:
            st.warning(literal(question["text"]) + " Say it below.", icon=":material/help:")
        st.selectbox(
            _LABELS[name],
            list(options),
            index=index,
            format_func=lambda value, options=options: f"{value}: {options[value]}",
            placeholder="choose",
            key=f"import_choice_{name}",
            on_change=_say,
            args=(name,),
            help=_HELP.get(name),
        )


def _say(name: str) -> None:
    """Take over one answer. Another array has other axes and channels, so answers about these are forgotten."""
    said = dict(st.session_state.get(_CHOICES, {}))
    said[name] = st.session_state[f"import_choice_{name}"]
    after = {"image_key": ("axes", "channel"), "axes": ("channel",)}.get(name, ())
    for other in after:
        said.pop(other, None)
        st.session_state.pop(f"import_choice_{other}", None)
    st.session_state[_CHOICES] = said


def _preview(job: jobs.Job, name: str) -> None:
    """The first picture with its outlines, read as training would read it: a wrong axis is seen at once."""
    image = next(iter(job.result.glob("preview_image.*")), None)
    if image is None:
        return
    try:
        png = _thumbnail(str(image), image.stat().st_mtime_ns)
    except InputError as error:
        st.error(literal(error).replace(str(job.result), "preview"), icon=":material/error:")
        return
    st.image(png, caption=f"{name}, with the outlines of its mask" if _mask_of(image) else f"{name}, no mask")


def _mask_of(image: Path) -> Path | None:
    return next(iter(image.parent.glob("preview_mask.*")), None)


@st.cache_data(max_entries=8, show_spinner=False)
def _thumbnail(file: str, written: int) -> bytes:
    image, mask = read_image(file), _mask_of(Path(file))
    shape = image.shape[:2]
    labels = read_mask(mask)[0] if mask else pixels.np.zeros(shape, "int32")
    sample = Sample("preview", "preview", image, labels, pixels.np.ones(shape, bool))
    return pixels.thumbnail(sample, 320, outlined=True)


def _consequences(planned: dict[str, Any]) -> None:
    sides = ", ".join(f"{n:,} {side}" for side, n in planned["split"].items() if n) or "none"
    n_groups = len(planned["groups"])
    st.success(
        f"{planned['n_images']:,} pictures in {n_groups:,} {'group' if n_groups == 1 else 'groups'}: "
        f"{planned['n_pairs']:,} with a mask ({sides}), {planned['n_unlabelled']:,} unlabelled.",
        icon=":material/check:",
    )
    with st.expander("What was decided", icon=":material/rule:"):
        lines = planned["decisions"] + [f"left out: {line}" for line in planned["left_out"][:20]]
        st.markdown("\n".join(f"- {literal(line)}" for line in lines))


def _start(inputs: dict[str, Any], name: str) -> None:
    """Where it goes, and the button. The default lies beside the demo data set."""
    folder = st.text_input(
        "Folder of the new data set",
        value=str(free_folder(name)),
        key=_NAME,
        help="A new folder. Nothing is overwritten, and the source stays as it is.",
    )
    target = Path(folder).expanduser() if folder.strip() else None
    if target is not None and target.exists() and (not target.is_dir() or any(target.iterdir())):
        st.error("This folder is there already and not empty; choose another name.", icon=":material/folder_off:")
        target = None
    elif target is not None and not target.is_absolute():
        st.error("Give the whole path of the folder.", icon=":material/folder_off:")
        target = None
    st.button(
        "Import",
        type="primary",
        icon=":material/download:",
        key="import_start",
        disabled=target is None,
        on_click=_begin,
        args=(inputs, target),
    )


def _begin(inputs: dict[str, Any], folder: Path) -> None:
    job = jobs.start("import", {**inputs, "folder": str(folder)})
    st.session_state[_IMPORT] = str(job.folder)


def free_folder(name: str) -> Path:
    """A folder beside the demo data set that is not there yet, called after the source."""
    stem = PurePosixPath(safe_name(name)).stem.removesuffix(".ome") or "data"
    place = registry.demo_folder().parent
    names = [stem, *(f"{stem}-{i}" for i in range(2, 1000))]
    return next(place / each for each in names if not (place / each).exists())


def _running(job: jobs.Job) -> registry.Entry | None:
    """The import under way; the new data set once it is done."""
    if _settled(job, "Importing"):
        st.session_state.pop(_IMPORT, None)
        st.session_state.pop(_SOURCE, None)
        return registry.add(Path(job.inputs["folder"]))
    if not job.state().live:
        st.button(
            "Back", icon=":material/arrow_back:", key="import_back", on_click=st.session_state.pop, args=(_IMPORT,)
        )
    return None
