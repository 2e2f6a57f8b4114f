"""Pictures and their masks on disk, matched by name, each in the clip that it comes from."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vidlab.errors import SourceError
from vidlab.video.images import SUFFIXES

IMAGES, MASKS = ("images", "frames"), ("masks", "labels", "truth")  # what folders of each are called
NUMBER = re.compile(r"[-_. ]*\d+$")  # what differs between the frames of a clip


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture and its mask.

    Attributes:
        clip: The clip they come from; pictures of one clip are alike.
        image: File of the picture.
        mask: PNG with the class index of each pixel.
    """

    clip: str
    image: Path
    mask: Path


def find_pairs(root: Path, *, masks: Path | None = None) -> list[Pair]:
    """List the pictures of a folder with their masks, in the order of clips and names.

    What is found, whichever fits first:

    - with `masks`: pictures in `root`, masks of the same names in `masks`;
    - `root/images/` and `root/masks/`: files of the same names, in one folder per clip, or all together; then
      names without their last number say which clip it is (`street_0041.jpg` is of `street`);
    - `root/CLIP/images/` (or `frames/`) and `root/CLIP/masks/` (or `labels/`, `truth/`) for each clip.

    Raises:
        SourceError: There are no pictures, or names do not match.
    """
    if not root.is_dir():
        raise SourceError(f"pictures to train on must be in a folder, got {root}, which is none")
    if masks is not None:
        return _matched(root, masks)
    both = _both(root)
    if both is not None:
        return _matched(*both)
    clips = [(path.name, _both(path)) for path in sorted(root.iterdir()) if path.is_dir()]
    pairs = [
        Pair(name, pair.image, pair.mask)
        for name, folders in clips
        if folders is not None
        for pair in _matched(*folders)
    ]
    if not pairs:
        raise SourceError(
            "a folder to train on must have images/ and masks/ in it, or in a folder for each clip, got "
            f"{root}"
        )
    return pairs


def clip_of(file: Path, root: Path) -> str:
    """Return the name of the clip that a file below a folder belongs to.

    >>> root = Path("images")
    >>> [clip_of(root / name, root) for name in ("street_0041.jpg", "street/0041.jpg", "0041.jpg")]
    ['street', 'street', '']
    """
    folder = file.parent.relative_to(root)
    return str(folder) if folder.parts else NUMBER.sub("", file.stem)


def _both(folder: Path) -> tuple[Path, Path] | None:
    found = [
        next((folder / name for name in names if (folder / name).is_dir()), None) for names in (IMAGES, MASKS)
    ]
    images, masks = found
    return None if images is None or masks is None else (images, masks)


def _matched(images: Path, masks: Path) -> list[Pair]:
    if not masks.is_dir():
        raise SourceError(f"masks to train on must be in a folder, got {masks}, which is none")
    pictures = _by_name(images, SUFFIXES)
    drawn = _by_name(masks, frozenset({".png"}))
    if not pictures:
        raise SourceError(f"a folder must hold pictures to train on, got none in {images}")
    _require_none(pictures.keys() - drawn.keys(), f"every picture in {images} must have a mask in {masks}")
    _require_none(drawn.keys() - pictures.keys(), f"every mask in {masks} must have a picture in {images}")
    return [Pair(clip_of(pictures[name], images), pictures[name], drawn[name]) for name in sorted(pictures)]


def _by_name(folder: Path, suffixes: frozenset[str]) -> dict[str, Path]:
    """Return the files below a folder by their path in it without suffix."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.name.startswith(".") or path.suffix.lower() not in suffixes or not path.is_file():
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise SourceError(f"pictures must have different names, got {found[name]} and {path.name}")
        found[name] = path
    return found


def _require_none(names: Iterable[str], rule: str) -> None:
    missing = sorted(names)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise SourceError(f"{rule}, got none for {missing[0]}{more}")
