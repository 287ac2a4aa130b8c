import numpy as np
import pytest

from peft_sp.io.plotting.plotter import draw


def test_png_has_the_size_of_its_window(predictions, tmp_path):
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")
    widths = {}
    for prediction in predictions:
        path = tmp_path / "a.png"
        draw(prediction, path)
        with image.open(path) as picture:
            widths[len(prediction.protein.window)] = picture.width
            light = np.asarray(picture.convert("L"))
        assert 540 < light.shape[0] < 640
        # A white page with ink on it, and none at its edges.
        assert light[0].min() == light[:, 0].min() == light[:, -1].min() == 255
        assert light.min() < 40 and 0.005 < (light < 128).mean() < 0.1
    assert widths[1] == widths[12] < widths[70]
