"""How large each class is, over the frames, before and after."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vidlab.viz.colors import distinct_colors, to_hex

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of one class all lines have one color; thin is before, thick is after, dotted is the truth.
STYLES: dict[str, dict[str, Any]] = {
    "raw": {"linewidth": 0.8, "alpha": 0.8},
    "stable": {"linewidth": 2.0},
    "masks": {"linewidth": 1.6},
    "truth": {"linewidth": 1.3, "linestyle": ":"},
}


def plot_class_areas(
    axes: "Axes", area_px: Mapping[str, NDArray[np.float64]], *, names: Mapping[int, str]
) -> "Axes":
    """Draw the area of each class in each version, in the colors of the class contours.

    Args:
        axes: Where to draw.
        area_px: `raw`, `stable`, `masks` or `truth` → float64 (T, K), pixels.
        names: Class → name of each of the K.

    Returns:
        The axes.
    """
    colors = distinct_colors(names)
    for version, areas in area_px.items():
        for name, color, values in zip(names.values(), colors, areas.T, strict=True):
            label = f"{name}, {version}" if len(area_px) > 1 else name
            axes.plot(values, color=to_hex(color), label=label, **STYLES[version])
    axes.set(xlabel="frame", ylabel="area (pixels)")
    title = "Area of each class: thin before, thick after" if "stable" in area_px else "Area of each class"
    axes.set_title(title, fontsize="medium", loc="left")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    return axes
