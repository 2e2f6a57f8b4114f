"""Mask average precision as COCO computes it."""

import contextlib
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from vidlab.types import Instances


def mask_ap50(preds: Sequence[Instances], targets: Sequence[Instances], *, min_area_px: int) -> float:
    """Mean over classes of the average precision at mask IoU 0.5 (COCO's AP50), [0, 1].

    Args:
        preds: What the network found in each picture.
        targets: What is there.
        min_area_px: Objects of which fewer pixels can be seen neither count nor harm.
    """
    truth = COCO()
    truth.dataset = {
        "images": [
            {"id": number, "height": target.size_hw[0], "width": target.size_hw[1]}
            for number, target in enumerate(targets)
        ],
        "categories": [{"id": int(i)} for i in sorted({c for t in targets for c in t.class_ids.tolist()})],
        "annotations": [
            {"id": number + 1, "iscrowd": 0, **entry} for number, entry in enumerate(_entries(targets))
        ],
    }
    found = [entry for entry in _entries(preds) if entry["area"] > 0]
    if not found:
        return 0.0
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        truth.createIndex()
        run = COCOeval(truth, truth.loadRes(found), "segm")
        run.params.areaRng, run.params.areaRngLbl = [[min_area_px, 1e10]], ["all"]
        run.evaluate()
        run.accumulate()
    precision: NDArray[np.float64] = run.eval["precision"][0, :, :, 0, -1]  # at IoU 0.5: recall, class
    return float(precision[precision > -1].mean())


def _entries(frames: Sequence[Instances]) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = []
    for image_id, found in enumerate(frames):
        for mask, score, class_id in zip(found.masks, found.scores, found.class_ids, strict=True):
            packed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
            entries.append(
                {
                    "image_id": image_id,
                    "category_id": int(class_id),
                    "segmentation": packed,
                    "area": float(mask.sum()),
                    "bbox": coco_mask.toBbox(packed).tolist(),
                    "score": float(score),
                }
            )
    return entries
