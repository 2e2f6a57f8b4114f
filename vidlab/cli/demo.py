"""`vidlab demo`: the whole story on the sample scene this repository owns."""

from pathlib import Path

from vidlab import jobs
from vidlab.classes import class_ids
from vidlab.cli.progress import progress_bar
from vidlab.cli.tables import print_comparison, print_paths
from vidlab.errors import SourceError
from vidlab.jobs.notebook import ROOT, notebook_parameters, run_notebook
from vidlab.params import DEFAULT_METHOD, EvidenceParams, method_params

MODEL = "maskrcnn_demo"
VIDEO = Path("data/sample/video.mp4")
TRUTH = Path("data/sample/truth")
CLASSES = ("dog",)  # what the true masks show
MIN_SCORE = (
    0.7  # as one sets it who wants no false alarms: objects then drop out, which is what there is to see
)
NOTEBOOK = Path("notebooks/hw2_01_why_do_masks_flicker.ipynb")


def run_demo(out: Path) -> int:
    """Run network, stabilizer and notebook on the sample scene, and say what came out.

    Raises:
        SourceError: A piece of the repository is missing.
    """
    video, truth, notebook = (_piece(path) for path in (VIDEO, TRUTH, NOTEBOOK))
    folder = out / "stabilized"
    print(f"1/2  {MODEL} finds masks in {VIDEO}, {DEFAULT_METHOD} stabilizes them")
    with progress_bar("stabilizing") as progress:
        result = jobs.stabilize(
            video,
            masks_from=jobs.Network(MODEL),
            out=folder,
            class_ids=class_ids(CLASSES),
            method=method_params(DEFAULT_METHOD),
            evidence=EvidenceParams(min_score=MIN_SCORE),
            truth=truth,
            force=True,
            progress=progress,
            command=["vidlab", "demo"],
        )
    print(f"2/2  {NOTEBOOK.name} runs on the same scene (about a minute)")
    executed = out / NOTEBOOK.name
    takes_out = "out" in notebook_parameters(notebook)
    parameters = {"out": str((out / "notebook").resolve())} if takes_out else {}
    run_notebook(notebook, out=executed, parameters=parameters, force=True)
    title = f"raw against stable ({DEFAULT_METHOD}), {MODEL} on the sample scene, {result.n_frames} frames"
    print_comparison(result.raw, result.stable, change=result.change, title=title)
    print_paths({"overlay video": folder / "overlay.mp4", "notebook": executed, "plots": folder / "plots"})
    return 0


def _piece(path: Path) -> Path:
    if not (ROOT / path).exists():
        raise SourceError(
            f"the demo needs {path} of the repository, got none in {ROOT}; "
            "clone the repository and install it with: pip install -e ."
        )
    return ROOT / path
