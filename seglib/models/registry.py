"""Registry: from a ModelConfig to a network, built-in or one of your_models.py."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import traceback
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from seglib.exceptions import InputError
from seglib.models.listing import YOUR_MODELS, model_names, problem
from seglib.models.skeleton import EncoderDecoder
from seglib.models.unet import UNet
from seglib.settings import nearest
from seglib.training.config import ModelConfig

MODELS: dict[str, type[EncoderDecoder]] = {"UNet": UNet}


def build_model(config: ModelConfig, file: Path = YOUR_MODELS) -> nn.Module:
    """The network of `config`, (N, 1, H, W) float images to (N, 1, H, W) logits, freshly initialised, in training mode.

    Weights are drawn from torch's global generator: call `torch.manual_seed` before. A class that is not in `MODELS`
    is taken from `file`, which is imported (run) for it.
    Raises InputError for an unknown name, for a setting the class does not take, and, with class, file and line, for a
    class of one's own that cannot be imported or built or whose output has not the input's size.
    """
    if config.name in MODELS:
        return MODELS[config.name](**_arguments(MODELS[config.name], config))
    cls = _own_class(config.name, Path(file))
    arguments = _arguments(cls, config)
    try:
        model = cls(**arguments)
        _try_out(model, config.depth)
    except Exception as error:
        raise _explained(f"class {config.name} cannot be built", error, Path(file), cls) from error
    return model


def _own_class(name: str, file: Path) -> type[EncoderDecoder]:
    names = [entry.name for entry in model_names(file)]
    if name not in names:
        trouble = problem(file)
        reason = f" {trouble.file}, line {trouble.line}: {trouble.message}." if trouble else ""
        raise InputError(f"model.name is {name!r}; allowed: {', '.join(names)}.{nearest(name, names)}{reason}")
    try:
        return getattr(_import(file), name)
    except Exception as error:
        raise _explained(f"class {name}: the file cannot be imported", error, file) from error


def _import(file: Path) -> ModuleType:
    if file == YOUR_MODELS:
        return importlib.import_module("seglib.models.your_models")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _arguments(cls: type, config: ModelConfig) -> dict[str, Any]:
    """What of the config the class takes, and `extra`. A changed setting that would be ignored is an error."""
    keys = {f.name: f.default for f in fields(config) if f.name not in ("name", "extra")}
    taken = _keywords(cls)
    for key in config.extra:
        if key in keys:
            raise InputError(f"model.extra holds {key!r}; it is a setting of its own: use model.{key}.")
        if key not in taken:
            own = sorted(taken - set(keys))
            allowed = ", ".join(own) or "nothing"
            raise InputError(f"model.extra holds {key!r}; {cls.__name__} takes: {allowed}.{nearest(key, own)}")
    for key, default in keys.items():
        if key not in taken and getattr(config, key) != default:
            raise InputError(
                f"model.{key} is {getattr(config, key)!r}, but {cls.__name__} does not take it; leave it out."
            )
    return {key: getattr(config, key) for key in keys if key in taken} | config.extra


def _keywords(cls: type) -> set[str]:
    """Names that `cls(...)` takes: of its own __init__, and of its bases' as long as each passes **kwargs on."""
    names: set[str] = set()
    for base in inspect.getmro(cls):
        if base is nn.Module:
            break
        if "__init__" in vars(base):
            parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
            names |= {p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
            if not any(p.kind is p.VAR_KEYWORD for p in parameters):
                break
    return names


def _try_out(model: nn.Module, depth: int) -> None:
    """One small picture through the network, so that channels that do not fit show here and not in the trainer."""
    side = 2**depth + 1
    model.eval()
    with torch.no_grad():
        shape = tuple(model(torch.zeros(1, 1, side, side)).shape)
    model.train()
    if shape != (1, 1, side, side):
        raise ValueError(
            f"its output has shape {shape} for an input of shape {(1, 1, side, side)}; they must be equal."
        )


def _explained(what: str, error: Exception, file: Path, cls: type | None = None) -> InputError:
    """The error with the last line of `file` that was being run, else the line where the class begins."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == file]
    if isinstance(error, SyntaxError) and error.lineno:
        lines.append(error.lineno)
    if not lines and cls is not None:
        lines = [entry.line for entry in model_names(file) if entry.name == cls.__name__]
    at = f"{file}, line {lines[-1]}" if lines else str(file)
    message = " ".join(str(error).split())
    return InputError(f"{what} ({at}): {type(error).__name__}: {message}")
