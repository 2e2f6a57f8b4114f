"""Look into an uploaded file, in a process of its own that hostile files cannot make large, slow or lasting.

`python -m vidlab.web.probe` reads its task as JSON from stdin, and says what it found as JSON on stdout.
"""

import json
import math
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidlab.errors import MaskError, VideoError, VidlabError
from vidlab.params import WebParams
from vidlab.web.home import MB, hidden
from vidlab.web.refusals import TOO_LARGE, UNUSABLE, WRONG_TYPE, WebError
from vidlab.web.sniff import CONTAINERS, START, container_of
from vidlab.web.unpack import ZIP, unpack

if TYPE_CHECKING:
    from vidlab.types import VideoInfo
    from vidlab.web.schemas import UploadKind

GRACE_S = 5.0  # beyond the limit of processor time, for a process that sleeps
UPLOAD, VIDEO, COCO = "upload", "video", "masks.json"  # names in the folder of an upload
MAX_RATE = 1000.0  # frames per second; what declares more declares nonsense


def probe(folder: Path, *, kind: "UploadKind", name: str, params: WebParams) -> dict[str, Any]:
    """Look into an uploaded file; masks that come in a zip are unpacked beside it.

    Args:
        folder: Where it lies, as `upload`; afterwards it lies there under the name in the facts.
        kind: What it is to hold.
        name: What the visitor calls it.
        params: Limits.

    Returns:
        What was found: `path` in the folder, number of frames, size and so on.

    Raises:
        WebError: It is not of this kind, cannot be read, or is beyond a limit.
    """
    task = {"folder": str(folder), "kind": kind, "name": name, "params": params.model_dump()}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "vidlab.web.probe"],
            input=json.dumps(task).encode(),
            stdout=subprocess.PIPE,
            timeout=params.probe_s + GRACE_S,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_slow(name, params) from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        if -done.returncode in (24, 9):  # SIGXCPU, and what follows it
            raise _too_slow(name, params) from None
        raise WebError(UNUSABLE, f"{name} could not be looked into; the file is damaged") from None
    if "error" in answer:
        raise WebError(answer["status"], answer["error"])
    return dict(answer)


def _too_slow(name: str, params: WebParams) -> WebError:
    return WebError(UNUSABLE, f"looking into {name} took longer than {params.probe_s:g} s; it is refused")


def main() -> None:
    """Do the task on stdin."""
    task = json.loads(sys.stdin.buffer.read())
    params, folder = WebParams.model_validate(task["params"]), Path(task["folder"])
    _limit(params)
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints is no answer
    json.dump(look(folder, kind=task["kind"], name=task["name"], params=params), answers)


def look(folder: Path, *, kind: "UploadKind", name: str, params: WebParams) -> dict[str, Any]:
    """Do in this process what `probe` does; return `status` and `error` instead of raising."""
    try:
        return (_look_into_video if kind == "video" else _look_into_masks)(folder, params)
    except WebError as error:
        status, said = error.status, str(error)
    except MemoryError:
        status, said = TOO_LARGE, f"{folder / UPLOAD} takes more memory than a file may"
    except (VidlabError, OSError) as error:
        status, said = UNUSABLE, str(error)
    names = {str(folder / inside): name for inside in (UPLOAD, COCO)}
    return {"status": status, "error": hidden(said, names=names, root=folder)}


def _limit(params: WebParams) -> None:
    """Bound memory, processor time and the size of what is written."""
    memory = params.probe_memory_mb * MB
    seconds = max(1, math.ceil(params.probe_s))
    unpacked = max(params.max_unpacked_mb, params.max_upload_mb) * MB
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, unpacked),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, hard))


def _look_into_video(folder: Path, params: WebParams) -> dict[str, Any]:
    path = folder / UPLOAD
    with path.open("rb") as file:
        if container_of(file.read(START)) is None:
            raise WebError(WRONG_TYPE, f"a video must be {CONTAINERS}, got {path}")
    from vidlab.video import PyavReader

    info = PyavReader(path).info
    _check_size(info.size_hw, path=path, params=params)
    n_frames, duration_s = _length(path, info)
    for value, most, unit in (
        (n_frames, params.max_frames, "frames"),
        (duration_s, params.max_length_s, "seconds"),
    ):
        if value is not None and value > most:
            raise WebError(
                TOO_LARGE, f"a video may have {most} {unit}, got {value:.0f} in {path}; cut it shorter"
            )
    path.rename(folder / VIDEO)
    return {
        "path": VIDEO,
        "n_frames": n_frames,
        "fps": round(info.fps, 4) if 0 < info.fps <= MAX_RATE else None,
        "duration_s": None if duration_s is None else round(duration_s, 3),
        "size_hw": list(info.size_hw),
        "codec": info.codec,
    }


def _length(path: Path, info: "VideoInfo") -> tuple[int | None, float | None]:
    """Return the number of frames and the length by the packets, as far as these can be read."""
    from vidlab.video.index import read_index

    try:
        index = read_index(path, info)
    except VideoError:
        return info.n_frames, info.duration_s
    return len(index), float(index.times_s[-1] - index.times_s[0]) + float(index.tick * index.time_base)


def _check_size(size_hw: tuple[int, int], *, path: Path, params: WebParams) -> None:
    if max(size_hw) > params.max_side_px:
        height, width = size_hw
        raise WebError(
            TOO_LARGE,
            f"pictures may have {params.max_side_px} pixels a side, got {width}×{height} in {path}; scale it",
        )


def _look_into_masks(folder: Path, params: WebParams) -> dict[str, Any]:
    path = folder / UPLOAD
    with path.open("rb") as file:
        start = file.read(START)
    if start.startswith(ZIP):
        inside, form = unpack(path, folder, params=params), "png"
        facts = _mask_facts(folder / inside, params)
        path.unlink()
    elif start.lstrip()[:1] in (b"[", b"{"):
        inside, form = COCO, "coco"
        path.rename(folder / inside)
        facts = _mask_facts(folder / inside, params)
    else:
        raise WebError(WRONG_TYPE, f"masks must be a zip of PNGs or a COCO JSON, got {path}")
    return {"path": inside, "format": form, **facts}


def _mask_facts(path: Path, params: WebParams) -> dict[str, Any]:
    from vidlab.classes import class_name
    from vidlab.masks.source import open_masks
    from vidlab.types import OBJECT_CLASS_ID

    try:
        masks = open_masks(path, probs=False, size_hw=None, n_frames=None, class_id=OBJECT_CLASS_ID)
    except RecursionError:
        raise MaskError(f"masks must be COCO results, got {path}, which is nested too deep") from None
    _check_size(masks.size_hw, path=path, params=params)
    if masks.last_index >= params.max_frames:
        raise WebError(
            TOO_LARGE, f"masks may be of {params.max_frames} frames, got frame {masks.last_index} in {path}"
        )
    return {
        "n_frames": masks.n_frames,
        "last_index": masks.last_index,
        "size_hw": list(masks.size_hw),
        "classes": [class_name(class_id) for class_id in masks.class_ids],
    }


if __name__ == "__main__":
    main()
