"""The page before a browser sees it: nothing from elsewhere, nothing inline, every text in both languages."""

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import ROOT

from vidlab.params import METHODS
from vidlab.schema import tunables

STATIC = ROOT / "vidlab" / "web" / "static"
PAGE = (STATIC / "index.html").read_text("utf-8")
SCRIPTS = {path.name: path.read_text("utf-8") for path in sorted(STATIC.glob("*.js"))}
TEXTS = {name: json.loads((STATIC / f"{name}.json").read_text("utf-8")) for name in ("en", "ru")}
RUSSIAN_FORMS, ENGLISH_FORMS = {"one", "few", "many", "other"}, {"one", "other"}
SVG = "http://www.w3.org/2000/svg"  # a name, not an address
# Keys that scripts put together; what fills the gap is in the list.
KEYS = re.compile(r"""(?:\bt\(|say\(\w+, |say: |label: |hint: |announce\()\(?["']([\w.]+)["']""")
BUILT = {
    "drop.{}": ("video", "masks"),
    "drop.{}.hint": ("video", "masks"),
    "view.{}": ("original", "raw", "stable", "overlay", "difference"),
    "view.{}.short": ("raw", "stable"),
    "plot.{}": ("iou", "area_px"),
    "view.{}.help": ("overlay", "difference"),
    "kind.{}": ("segment", "stabilize"),
    "state.{}": ("queued", "running", "done", "failed", "cancelled"),
    "stage.{}": ("loading", "segmenting", "stabilizing", "drawing", "packing"),
    "table.{}": ("metric", "raw", "stable", "change"),
    "change.{}": ("better", "worse", "same"),
    "better.{}": ("higher", "lower"),
    "tile.{}": ("agreement", "overlap", "area"),
    "tile.{}.help": ("agreement", "overlap", "area"),
    "verdict.{}": ("flicker.less", "flicker.more", "change.less", "change.more"),
    "method.{}": tuple(METHODS),
}


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and the text inside scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style") and data.strip():
            self.inside.append(data)


TAGS = Tags(PAGE)


def base(key: str) -> str:
    """The key without the form of a number."""
    stem, _, form = key.rpartition(".")
    return stem if form in RUSSIAN_FORMS else key


def used_keys() -> set[str]:
    found = {key for text in SCRIPTS.values() for key in KEYS.findall(text)}
    found |= set(re.findall(r'data-i18n(?:-label|-hint)?="([^"]+)"', PAGE))
    return found | {pattern.format(word) for pattern, words in BUILT.items() for word in words}


def test_page_asks_nothing_of_other_machines() -> None:
    texts = {**SCRIPTS, **{path.name: path.read_text("utf-8") for path in STATIC.glob("*.css")}, "page": PAGE}
    for name, text in texts.items():
        assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text.replace(SVG, "")) == [], name


def test_page_has_no_inline_script_or_style() -> None:
    assert TAGS.inside == []
    for tag, attributes in TAGS.tags:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
    assert not any('setAttribute("style"' in text or "innerHTML" in text for text in SCRIPTS.values())


def test_every_file_that_is_named_is_there() -> None:
    named = {value for _, a in TAGS.tags for value in (a.get("src"), a.get("href")) if value}
    assert {STATIC.parent / name for name in named if name.startswith("static/")}
    for name in named:
        assert not name.startswith("/"), "addresses are relative, so that the page works below any path"
        if name.startswith("static/"):
            assert (STATIC.parent / name).is_file()
    imported = {name for text in SCRIPTS.values() for name in re.findall(r'from "\./([\w.]+)"', text)}
    assert imported <= set(SCRIPTS)


def test_every_script_is_used() -> None:
    imported = {name for text in SCRIPTS.values() for name in re.findall(r'from "\./([\w.]+)"', text)}
    loaded = {str(a["src"]).removeprefix("static/") for tag, a in TAGS.tags if tag == "script"}
    assert imported | loaded == set(SCRIPTS)


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.*")), ids=lambda path: path.name)
def test_files_are_of_a_length_that_can_be_read(path: Path) -> None:
    if path.suffix in (".js", ".css", ".html"):
        assert len(path.read_text("utf-8").splitlines()) <= 250


def test_every_text_that_is_used_is_there_in_english() -> None:
    known = set(TEXTS["en"]) | {base(key) for key in TEXTS["en"]}
    assert used_keys() - known == set()


def test_no_text_is_left_over() -> None:
    written = "".join([PAGE, *SCRIPTS.values()])
    unused = {base(key) for key in TEXTS["en"]} - used_keys()
    assert {key for key in unused if f'"{key}"' not in written and not key.startswith("unit.")} == set()


def test_russian_has_every_english_text() -> None:
    assert {base(key) for key in TEXTS["en"]} - {base(key) for key in TEXTS["ru"]} == set()


@pytest.mark.parametrize(("language", "forms"), [("en", ENGLISH_FORMS), ("ru", RUSSIAN_FORMS)])
def test_counted_texts_have_every_form_of_their_language(language: str, forms: set[str]) -> None:
    counted: dict[str, set[str]] = {}
    for key in TEXTS[language]:
        if base(key) != key:
            counted.setdefault(base(key), set()).add(key.rpartition(".")[2])
    assert counted
    assert {key: found for key, found in counted.items() if found != forms} == {}


def test_both_languages_fill_in_the_same_values() -> None:
    def gaps(text: str) -> set[str]:
        return set(re.findall(r"\{(\w+)\}", text))

    for key, text in TEXTS["en"].items():
        if key in TEXTS["ru"]:
            assert gaps(TEXTS["ru"][key]) == gaps(text), key


def test_every_setting_and_method_is_explained_in_russian() -> None:
    settings = {one.name for model in METHODS.values() for one in tunables(model)}
    wanted = {f"param.{name}{end}" for name in settings for end in ("", ".help")}
    wanted |= {f"method.{name}.help" for name in METHODS}
    units = {one.unit for model in METHODS.values() for one in tunables(model)} - {""}
    assert (wanted | {f"unit.{unit}" for unit in units}) - set(TEXTS["ru"]) == set()


def test_every_metric_of_the_table_is_explained_in_russian() -> None:
    from vidlab.web.metric_words import MEANINGS

    wanted = {f"metric.{name}{end}" for name in MEANINGS for end in ("", ".help")}
    assert wanted - set(TEXTS["ru"]) == set()


def test_page_travels_with_the_package() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this copy of the source has no git history to list committed files")
    listed = subprocess.run(
        ["git", "ls-files", "vidlab/web/static"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    here = {f"vidlab/web/static/{path.name}" for path in STATIC.iterdir()}
    assert here == set(
        listed.stdout.split()
    )  # the wheel takes what lies in the package and git does not ignore
