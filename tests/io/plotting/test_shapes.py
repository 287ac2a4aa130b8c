import json

from peft_sp.io.plotting.shapes import Markers, Words, plain


def test_a_shape_as_data_for_json():
    data = plain((Markers(((1.0, 1 / 3),), "ink", "circle", 4.5), Words(1, 2, "a<b")))
    assert json.loads(json.dumps(data)) == [
        {
            "kind": "markers",
            "points": [[1.0, 0.333333]],
            "colour": "ink",
            "outline": "circle",
            "size": 4.5,
        },
        {
            "kind": "words",
            "x": 1,
            "y": 2,
            "text": "a<b",
            "size": 8.0,
            "anchor": "start",
            "colour": "ink",
            "bold": False,
        },
    ]
