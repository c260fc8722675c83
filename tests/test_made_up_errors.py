"""The made-up run: the files of a training, of one mind with each other."""

from made_up_errors import made_up_errors

from seglib.data.dataset import open_dataset
from seglib.metrics import pooled
from seglib.runs import predicted, validation


def test_its_files_agree_with_its_pixels(tmp_path):
    run = made_up_errors(tmp_path, n_images=4, size=96, n_checkpoints=2)
    found, data = predicted.of_validation(run, "best"), open_dataset(run.data_path())
    counts = predicted.counts(found.scores())
    assert len(counts) == 4 == len(data.indices("val")) and not found.missing(4)
    assert validation.validation_steps(run) == [50, 100] and run.state().name == "finished"
    budget = found.stored().pooled()
    wrong, union = sum(c.fp + c.fn for c in counts), sum(c.tp + c.fp + c.fn for c in counts)
    assert 0 < wrong == sum(budget.values()) - budget["union"] and union == budget["union"]
    assert run.best_iou() == pooled(counts).iou
