"""Many clips in one folder, matched by name: masks with their truth, video and rival."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vidlab.errors import SourceError
from vidlab.video.ucf101 import VIDEO_SUFFIXES


@dataclass(frozen=True, slots=True)
class ClipPaths:
    """Where the parts of one clip lie; None for what was not asked for.

    Attributes:
        masks: Folder of PNGs, or a result folder.
        truth: Folder of PNGs with true masks.
        video: Video or folder of images.
        against: Masks to compare with, as `masks`.
    """

    masks: Path
    truth: Path | None
    video: Path | None
    against: Path | None

    @property
    def given(self) -> list[Path]:
        """Everything that is read."""
        return [path for path in (self.masks, self.truth, self.video, self.against) if path is not None]


def holds_masks(folder: Path) -> bool:
    """Whether a folder holds masks itself: PNGs, or a result folder's `masks/`."""
    return (folder / "masks").is_dir() or any(_visible(folder, suffix=".png"))


def holds_clips(folder: Path) -> bool:
    """Whether a folder holds no masks itself, but folders that do."""
    if not folder.is_dir() or holds_masks(folder):
        return False
    return any(holds_masks(path) for path in _folders(folder))


def match_clips(
    masks: Path, *, truth: Path | None, video: Path | None, against: Path | None
) -> tuple[dict[str, ClipPaths], dict[str, str]]:
    """Match what belongs to each clip by the names of the folders.

    Args:
        masks: Folder with a folder of masks for each clip.
        truth: Folder with NAME or NAME/truth for each clip.
        video: Folder with NAME/frames, NAME, or a video file NAME.mp4 (or another suffix) for each clip.
        against: As `masks`.

    Returns:
        Name → the parts of each clip that is complete, and name → what is wrong with each other one. What
        only `video` names is passed over: a clip that nobody segmented and that has no truth is no clip.

    Raises:
        SourceError: `truth`, `video` or `against` is no folder.
    """
    for path, option in ((truth, "truth"), (video, "video"), (against, "against")):
        if path is not None and not path.is_dir():
            raise SourceError(f"{option} must be a folder with an entry for each clip, got {path}")
    names = {path.name for path in _folders(masks)}
    names |= {path.name for root in (truth, against) if root is not None for path in _folders(root)}
    found: dict[str, ClipPaths] = {}
    wrong: dict[str, str] = {}
    for name in sorted(names):
        try:
            found[name] = _match(name, masks, truth=truth, video=video, against=against)
        except SourceError as error:
            wrong[name] = str(error)
    return found, wrong


def _match(
    name: str, masks: Path, *, truth: Path | None, video: Path | None, against: Path | None
) -> ClipPaths:
    if not (masks / name).is_dir():
        raise SourceError(f"every clip must have masks, got no folder {masks / name}")
    for root in (masks, against):
        if root is not None and (root / name).is_dir() and not holds_masks(root / name):
            raise SourceError(f"every clip must have masks, got neither PNGs nor masks/ in {root / name}")
    if against is not None and not (against / name).is_dir():
        raise SourceError(f"every clip must be there on both sides, got no folder {against / name}")
    return ClipPaths(
        masks=masks / name,
        truth=None if truth is None else _truth(truth / name),
        video=None if video is None else _video(video / name),
        against=None if against is None else against / name,
    )


def _truth(path: Path) -> Path:
    for folder in (path / "truth", path):
        if folder.is_dir():
            return folder
    raise SourceError(f"every clip must have true masks, got neither {path} nor {path / 'truth'}")


def _video(path: Path) -> Path:
    for folder in (path / "frames", path):
        if folder.is_dir():
            return folder
    files = [path.with_name(path.name + suffix) for suffix in VIDEO_SUFFIXES]
    files = [file for file in files if file.is_file()]
    if len(files) == 1:
        return files[0]
    got = ", ".join(file.name for file in files) or f"neither {path} nor {path}{VIDEO_SUFFIXES[0]}"
    raise SourceError(f"every clip must have one video, got {got}")


def _folders(folder: Path) -> Iterator[Path]:
    return (path for path in _visible(folder, suffix="") if path.is_dir())


def _visible(folder: Path, *, suffix: str) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise SourceError(f"{folder} must be a readable folder, got: {error.strerror or error}") from None
    return (path for path in entries if not path.name.startswith(".") and path.name.lower().endswith(suffix))
