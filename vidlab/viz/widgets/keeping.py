"""What a person takes away from the panel: parameters as text to paste, and as a file."""

import json
from pathlib import Path

from vidlab.jobs.method_file import write_method
from vidlab.jobs.output import result_file
from vidlab.jobs.stabilize import method_name
from vidlab.params import MethodParams
from vidlab.viz.widgets.controls import as_settings, changed


def as_papermill(params: MethodParams) -> str:
    r"""Return a method and its changed tunables as options, as a parameters cell, and as papermill's dict.

    >>> from vidlab.params import ExponentialParams
    >>> print(as_papermill(ExponentialParams(alpha=0.3)))
    --method exponential --set alpha=0.3
    <BLANKLINE>
    method = "exponential"
    settings = ["alpha=0.3"]
    <BLANKLINE>
    parameters = {"method": "exponential", "settings": ["alpha=0.3"]}
    """
    method, settings = method_name(params), as_settings(changed(params))
    options = " ".join([f"--method {method}", *(f"--set {text}" for text in settings)])
    listed = json.dumps(settings)
    cell = f'method = "{method}"\nsettings = {listed}'
    return f'{options}\n\n{cell}\n\nparameters = {{"method": "{method}", "settings": {listed}}}'


def save_best(params: MethodParams, path: Path) -> None:
    """Write a method and all its tunables as the JSON that `vidlab stabilize --params` takes.

    Raises:
        OutputError: The file is already there, or cannot be written.
    """
    with result_file(path, force=False) as partial:
        write_method(partial, params)
