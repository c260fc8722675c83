"""your_models.py: listed without running it, built by its class name, and its mistakes shown with their line."""

import textwrap

import pytest
import torch

from seglib.exceptions import InputError
from seglib.models import build_model
from seglib.models.listing import YOUR_MODELS, ModelEntry, model_names, problem
from seglib.models.plan import n_parameters
from seglib.training.config import ModelConfig


@pytest.fixture
def write(tmp_path):
    def _write(text: str):
        file = tmp_path / "mine.py"
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    return _write


def names(file) -> list[str]:
    return [entry.name for entry in model_names(file)]


def test_the_worked_example_is_listed_and_built():
    entries = {entry.name: entry for entry in model_names()}
    assert list(entries) == ["UNet", "DilatedUNet"]
    assert entries["DilatedUNet"].doc.startswith("U-Net whose base looks further")
    line = YOUR_MODELS.read_text(encoding="utf-8").splitlines()[entries["DilatedUNet"].line - 1]
    assert line.startswith("class DilatedUNet")
    assert problem() is None
    config = ModelConfig(name="DilatedUNet", depth=2, channels=4, extra={"dilations": [1, 3]})
    model = build_model(config)
    assert model.training
    assert [m.dilation for m in model.base_module if isinstance(m, torch.nn.Conv2d)] == [(1, 1), (3, 3)]
    assert model(torch.zeros(1, 1, 5, 7)).shape == (1, 1, 5, 7)
    assert sum(p.numel() for p in model.parameters()) == n_parameters(config), "two convolutions, as the U-Net has"


def test_the_example_looks_further_than_the_unet():
    def reach(name: str) -> int:
        torch.manual_seed(0)
        model = build_model(ModelConfig(name=name, depth=1, channels=4, norm="none", downsampling="average_pool"))
        x = torch.randn(1, 1, 64, 64, requires_grad=True)
        model(x)[0, 0, 32, 32].backward()
        return int(x.grad.ne(0).sum())

    assert reach("DilatedUNet") > reach("UNet")


def test_only_descendants_of_a_model_are_listed(write):
    file = write("""
        from seglib.models import unet
        from seglib.models.unet import UNet as Base
        raise RuntimeError("listing must not run this")

        class Loose: ...
        class _Hidden(Base): ...
        class A(Base):
            '''First line.

            Second.'''
        class B(A): ...
        class C(unet.UNet): ...
        class D(_Hidden): ...
        class E(Loose): ...
        """)
    assert names(file) == ["UNet", "A", "B", "C", "D"]
    assert model_names(file)[1] == ModelEntry("A", 8, "First line.")


def test_a_file_that_does_not_parse_leaves_the_unet_and_says_where(write):
    file = write("import os\nclass A(UNet)\n    pass\n")
    assert names(file) == ["UNet"]
    trouble = problem(file)
    assert (trouble.file, trouble.line) == (file, 2)
    assert "does not parse" in trouble.message
    assert build_model(ModelConfig(depth=1, channels=2), file) is not None
    with pytest.raises(InputError, match=r"model\.name is 'A'; allowed: UNet\. .*mine\.py, line 2: does not parse"):
        build_model(ModelConfig(name="A"), file)


def test_files_that_cannot_be_read_are_a_problem(tmp_path):
    missing, binary = tmp_path / "missing.py", tmp_path / "binary.py"
    binary.write_bytes(b"x = '\xff\xfe'\n")
    assert "cannot be read" in problem(missing).message
    assert "UTF-8" in problem(binary).message
    assert names(missing) == names(binary) == ["UNet"]


def test_a_class_that_takes_a_built_in_name_is_a_problem(write):
    file = write("class UNet(EncoderDecoder): ...")
    assert "built-in" in problem(file).message
    assert names(file) == ["UNet"]


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(InputError, match=r"'DilatdUNet'; allowed: UNet, DilatedUNet\. Did you mean DilatedUNet\?"):
        build_model(ModelConfig(name="DilatdUNet"))


def test_extra_is_checked():
    with pytest.raises(
        InputError, match=r"model\.extra holds 'dilatons'; DilatedUNet takes: .*Did you mean dilations\?"
    ):
        build_model(ModelConfig(name="DilatedUNet", extra={"dilatons": [1]}))
    with pytest.raises(InputError, match=r"model\.extra holds 'depth'; .* use model\.depth"):
        build_model(ModelConfig(extra={"depth": 3}))
    with pytest.raises(InputError, match=r"model\.extra holds 'dilations'; UNet takes: foreground_prior"):
        build_model(ModelConfig(extra={"dilations": [1]}))


def test_a_wrong_value_in_extra_names_class_and_line():
    with pytest.raises(
        InputError, match=r"class DilatedUNet cannot be built \(.*your_models\.py, line \d+\): ValueError"
    ):
        build_model(ModelConfig(name="DilatedUNet", extra={"dilations": [0]}))


BROKEN = """\
from torch import nn
from seglib.models.unet import UNet

class WrongChannels(UNet):
    def construct_base_module(self):
        return nn.Conv2d(1, 1, 3)

class Raises(UNet):
    def construct_skip_module(self, level):
        return nn.Conv2d(self.channels_for(level), 1, 3)

class Shrinks(UNet):
    def construct_output_module(self):
        return nn.Conv2d(self.channels_at(0), 1, 3)
"""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("WrongChannels", r"class WrongChannels cannot be built \(.*mine\.py, line 4\): RuntimeError: .*channels"),
        ("Raises", r"class Raises cannot be built \(.*mine\.py, line 10\): AttributeError: .*channels_for"),
        ("Shrinks", r"class Shrinks cannot be built \(.*mine\.py, line 12\): ValueError: its output has shape"),
    ],
)
def test_a_class_that_does_not_work_is_shown_with_its_line(write, name, message):
    with pytest.raises(InputError, match=message) as caught:
        build_model(ModelConfig(name=name, depth=1, channels=2), write(BROKEN))
    assert "\n" not in str(caught.value)


def test_a_file_that_fails_when_imported_is_shown_with_its_line(write):
    file = write("""\
        from seglib.models.unet import UNet
        import a_package_nobody_has

        class A(UNet): ...
        """)
    with pytest.raises(
        InputError, match=r"class A: the file cannot be imported \(.*mine\.py, line 2\): ModuleNotFound"
    ):
        build_model(ModelConfig(name="A"), file)


SKELETON_ONLY = """\
from torch import nn
from seglib.models.skeleton import EncoderDecoder

class Flat(EncoderDecoder):
    '''A net of one's own from the skeleton, without the U-Net's settings.'''
    def __init__(self, *, width: int = 3, **skeleton):
        self.width = width
        super().__init__(**skeleton)
    def construct_input_module(self): return nn.Conv2d(1, self.width, 3, padding=1)
    def construct_encoder_module(self, level): return nn.Identity()
    def construct_downsampling_module(self, level): return nn.MaxPool2d(2)
    def construct_skip_module(self, level): return nn.Identity()
    def construct_base_module(self): return nn.Identity()
    def construct_upsampling_module(self, level): return nn.Upsample(scale_factor=2)
    def construct_merge_module(self, level): return Sum()
    def construct_decoder_module(self, level): return nn.Identity()
    def construct_output_module(self): return nn.Conv2d(self.width, 1, 1)

class Sum(nn.Module):
    def forward(self, skip, x): return skip + x
"""


def test_a_class_on_the_bare_skeleton_takes_what_it_knows_and_refuses_the_rest(write):
    file = write(SKELETON_ONLY)
    assert names(file) == ["UNet", "Flat"]
    model = build_model(ModelConfig(name="Flat", depth=2, extra={"width": 5}), file)
    assert model.output_module.in_channels == 5
    with pytest.raises(InputError, match=r"model\.norm is 'group', but Flat does not take it"):
        build_model(ModelConfig(name="Flat", norm="group"), file)
