"""A batch on a Ray of its own, to be killed: python ray_driver.py CLIPS OUT; prints task and frames done."""

import sys
from pathlib import Path

from cluster_tasks import plan

from vidlab.batch.engines import create_engine
from vidlab.batch.work import Event
from vidlab.params import BatchParams


def tell(event: Event) -> None:
    """Print how far a task is."""
    sys.stdout.write(f"{event.name} {event.done}\n")
    sys.stdout.flush()


def main(clips: Path, out: Path) -> None:
    """Do all tasks."""
    engine = create_engine("ray", params=BatchParams(jobs=2), options=None, out=out)
    for _ in engine.run(plan(clips, out=out), report=tell):
        pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
