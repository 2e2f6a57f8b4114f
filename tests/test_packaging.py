"""What the repository promises around the code: pins that agree, files that travel, warnings that count."""

import os
import re
import subprocess
import tomllib
import warnings
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement

MAX_BYTES = 1_000_000
# Written so that this file does not hold what it looks for.
MACHINE_PATH = re.compile(
    rb"(?<![\w./~$}\]-])/(?:wor" rb"k|roo" rb"t|ho" rb"me/\w+|Use" rb"rs/\w+|op" rb"t)/[\w.]"
)
REGISTRY = re.compile(
    rb"py" rb"pi\.org|python" rb"hosted|download\.py" rb"torch|conda\.ana" rb"conda|registry\.np" rb"mjs"
    rb"|index" rb"-url *[=:]? *\S*:|find" rb"-links"
)  # fmt: skip


def committed_files() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("this copy of the source has no git history to list committed files")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def size_faults(sizes: dict[str, int]) -> list[str]:
    return [name for name, size in sizes.items() if size > MAX_BYTES and not name.startswith("data/weights/")]


def leaks(text: bytes) -> list[bytes]:
    return [match.group() for rule in (MACHINE_PATH, REGISTRY) for match in rule.finditer(text)]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def declared() -> dict[str, Requirement]:
    """Every requirement of the core and of all extras, by name, the package's own extras left out."""
    texts = [*project()["dependencies"], *chain.from_iterable(project()["optional-dependencies"].values())]
    found = {requirement.name: requirement for requirement in map(Requirement, texts)}
    found.pop("vidlab")
    return found


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines)


def conda() -> tuple[list[str], list[str]]:
    """The entries of environment.yml: those of conda, those of pip."""
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (from_pip,) = [entry["pip"] for entry in entries if isinstance(entry, dict)]
    return [entry for entry in entries if isinstance(entry, str)], from_pip


def test_no_committed_file_is_large() -> None:
    sizes = {path.relative_to(ROOT).as_posix(): path.stat().st_size for path in committed_files()}
    assert size_faults(sizes) == []


def test_large_file_is_reported_outside_the_weights() -> None:
    sizes = {"figures/big.png": MAX_BYTES + 1, "data/weights/net.pt": MAX_BYTES + 1, "README.md": 10}
    assert size_faults(sizes) == ["figures/big.png"]


def test_no_committed_file_names_a_machine_or_a_registry() -> None:
    found = {path.relative_to(ROOT).as_posix(): leaks(path.read_bytes()) for path in committed_files()}
    assert {name: leak for name, leak in found.items() if leak} == {}


@pytest.mark.parametrize(
    ("parts", "leaking"),
    [
        (("saved to ", "/wor", "k/main/runs"), True),
        (("/roo", "t/.cache/torch"), True),
        (("'/ho", "me/ada/video.mp4'"), True),
        (("--extra-index", "-url ht", "tps://x"), True),
        (("https://py", "pi.org/simple"), True),
        (("runs/wor", "k/a.png and ../shared/real, data/home/x"), False),
        (("~/.cache/torch and $HO", "ME/wor", "k/x"), False),
    ],
)
def test_leaks_are_told_from_harmless_text(parts: tuple[str, ...], leaking: bool) -> None:
    assert bool(leaks("".join(parts).encode())) == leaking


def test_every_requirement_is_pinned_at_a_version_it_accepts() -> None:
    versions = pins()
    needs = {need.name.lower(): need.specifier for need in declared().values()}
    assert needs.keys() <= versions.keys()
    assert {name: versions[name] for name, spec in needs.items() if versions[name] not in spec} == {}


def test_installer_and_build_backend_are_pinned() -> None:
    assert {"uv", "hatchling"} <= set(pins())


def test_all_names_every_other_extra() -> None:
    extras = project()["optional-dependencies"]
    (everything,) = map(Requirement, extras["all"])
    assert everything.extras == set(extras) - {"all"}


def test_conda_environment_agrees_with_the_package() -> None:
    _, from_pip = conda()
    listed = [Requirement(entry) for entry in from_pip if not entry.startswith("-")]
    known = declared()
    assert [need.name for need in listed if need.name not in known] == []
    assert {need.name: need.specifier for need in listed} == {
        need.name: known[need.name].specifier for need in listed
    }


def test_conda_environment_lists_the_main_packages_by_name() -> None:
    from_conda, from_pip = conda()
    assert {re.split("[=<>]", entry)[0] for entry in from_conda} == {"python", "pip", "ffmpeg"}
    wanted = (
        "jupyterlab torch torchvision opencv-python-headless av decord numpy matplotlib ipywidgets papermill"
    )
    assert set(wanted.split()) <= {re.split("[=<>]", entry)[0] for entry in from_pip}


def test_conda_environment_installs_this_package_with_known_extras_from_the_pins() -> None:
    from_conda, from_pip = conda()
    (editable,) = [entry for entry in from_pip if entry.startswith("-e")]
    extras = Requirement(editable.replace("-e .", "vidlab")).extras
    assert extras
    assert extras <= set(project()["optional-dependencies"])
    assert "-c constraints.txt" in from_pip
    (python,) = [entry.removeprefix("python=") for entry in from_conda if entry.startswith("python=")]
    assert python in Requirement(f"python{project()['requires-python']}").specifier


def test_every_make_target_is_explained() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (.*)$", text, flags=re.M)[0].split())
    assert phony == set(re.findall(r"^([a-z-]+):.*## \S", text, flags=re.M))
    wanted = {"demo", "setup", "test", "test-slow", "check", "notebooks", "lab", "clean", "help"}
    assert wanted <= phony


def test_integration_script_is_executable() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.parametrize("module", ["vidlab", "vidlab.flow.dis", "test_anything"])
def test_warning_in_our_code_is_an_error(module: str) -> None:
    with pytest.raises(UserWarning, match="careless"):
        exec("import warnings; warnings.warn('careless')", {"__name__": module})


def test_warning_in_other_code_is_not_an_error() -> None:
    with warnings.catch_warnings(record=True) as seen:
        exec("import warnings; warnings.warn('theirs')", {"__name__": "vidlabel.io"})
    assert [str(warning.message) for warning in seen] == ["theirs"]
