import numpy as np
import pytest

from vidlab.errors import ShapeError
from vidlab.viz.fields import draw_map, draw_motion

SIZE_HW = (4, 6)
NO_LOSS = np.zeros(SIZE_HW, bool)


def moving(dx: float, dy: float) -> np.ndarray:
    """Flow to the previous frame of a picture that moved by (dx, dy)."""
    return np.zeros((*SIZE_HW, 2), np.float32) - np.float32([dx, dy])


def test_directions_differ_in_hue_and_speeds_in_strength():
    right, left, slow = (
        draw_motion(moving(dx, 0), full_px=4, lost=NO_LOSS)[0, 0].astype(int) for dx in (4, -4, 1)
    )
    assert right[0] > right[2]  # red to the right, cyan to the left
    assert left[2] > left[0]
    assert slow.min() > right.min()


def test_motion_beyond_the_full_length_looks_the_same():
    far, full = (draw_motion(moving(dx, 0), full_px=4, lost=NO_LOSS) for dx in (40, 4))
    assert np.array_equal(far, full)


def test_flow_of_another_size_is_refused():
    with pytest.raises(ShapeError, match="flow and lost must match"):
        draw_motion(moving(0, 0), full_px=1, lost=np.zeros((2, 2), bool))


def test_map_runs_from_dark_to_bright_over_the_picture():
    image = np.full((*SIZE_HW, 3), 100, np.uint8)
    values = np.linspace(0, 1, 24, dtype=np.float32).reshape(SIZE_HW)
    drawn = draw_map(image, values)
    assert drawn[0, 0].sum() < drawn[-1, -1].sum()
    assert drawn[-1, -1, 2] < drawn[-1, -1, 0]  # yellow: RGB, not BGR
    assert np.array_equal(image, np.full((*SIZE_HW, 3), 100, np.uint8))


def test_map_of_another_size_is_refused():
    with pytest.raises(ShapeError, match="image and values must match"):
        draw_map(np.zeros((*SIZE_HW, 3), np.uint8), np.zeros((2, 2), np.float32))
