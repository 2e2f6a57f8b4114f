"""The form in which semantic networks take pictures: their size, and their normalization. Loads no torch."""

InputSize = int | tuple[int, int] | None  # shorter side; height and width, whatever the shape; or as it is
INPUT_SHORT_PX = 520  # the size at which torchvision trained and measured its weights
MASK_THRESHOLD = 0.5  # of a mask head's probability, as in the Mask R-CNN paper
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, per channel, for images in [0, 1]


def input_hw(size_hw: tuple[int, ...], *, wanted: InputSize) -> tuple[int, int]:
    """Return height and width at which a network sees a picture, in pixels.

    >>> [input_hw((480, 854), wanted=size) for size in (240, (256, 256), None)]
    [(240, 427), (256, 256), (480, 854)]
    """
    if isinstance(wanted, tuple):
        return wanted
    if wanted is None:
        return (size_hw[0], size_hw[1])
    scale = wanted / min(size_hw)
    height, width = (max(1, round(side * scale)) for side in size_hw)
    return (height, width)
