"""The report: typed rows whatever happened, and a page that shows them and trusts no name."""

from html.parser import HTMLParser
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from vidlab.batch.report import write_report
from vidlab.batch.store import OUTCOME, Batch, Store
from vidlab.batch.table import metric_columns
from vidlab.batch.work import Kind, Outcome, Task

ODD = "<script>alert('x')</script> & co"
METRICS = {"raw_j_mean": 0.5, "stable_j_mean": 0.75, "raw_jitter_median_px": None, "stable_n_pairs": 5}


class Page(HTMLParser):
    """Rows of texts, links by text, and how deep tags are nested."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.links: list[tuple[str, str]] = []
        self.scripts = 0
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "a":
            self.links.append((dict(attrs)["href"], ""))
        self.scripts += tag == "script"

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += f"{data.strip()} " if data.strip() else ""
        if self.links and not self.links[-1][1]:
            self.links[-1] = (self.links[-1][0], data.strip())


def task(out: Path, name: str, *, kind: Kind = "stabilize", number: int = 0, **settings: object) -> Task:
    key = f"{number:x}".rjust(64, "a")
    own = {"method": "median", "params": {"window": 5}, **settings} if kind == "stabilize" else settings
    return Task(key, kind, name, f"/videos/{name}", str(out / "results" / f"{number}-{key[:12]}"), own)


def give(store: Store, task: Task, outcome: Outcome) -> None:
    store.record(task, outcome)
    if outcome.succeeded:
        Path(task.folder).mkdir()
        (Path(task.folder) / OUTCOME).write_text(outcome.to_json())


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    store.make()
    return store


def written(store: Store, tasks: list[Task]) -> tuple[Page, pyarrow.Table]:
    store.write_batch(Batch(("vidlab", "batch", "stabilize", ODD), tuple(tasks)))
    page, table = write_report(store.out)
    assert sorted(path.name for path in store.out.iterdir() if path.is_file()) == [
        "batch.json", "report.html", "report.parquet",
    ]  # fmt: skip
    return Page(page), parquet.read_table(table)


def test_row_for_each_task_whatever_came_of_it(store):
    tasks = [task(store.out, name, number=n) for n, name in enumerate(("good", "bad", "slow", "later"))]
    links = {"overlay": "over lay.mp4", "thumbnail": "none.jpg"}
    good = Outcome(tasks[0].key, "done", "", 2.0, 6, 3.0, METRICS, links, ("one frame was lost",))
    give(store, tasks[0], good)
    give(store, tasks[1], Outcome(tasks[1].key, "failed", error="it is empty"))
    give(store, tasks[2], Outcome(tasks[2].key, "timeout", error="it took longer", seconds=60.0))
    page, table = written(store, tasks)
    rows = {row["name"]: row for row in table.to_pylist()}
    assert [row["status"] for row in rows.values()] == ["done", "failed", "timeout", "waiting"]
    assert [row["error"] for row in rows.values()] == [None, "it is empty", "it took longer", None]
    done = rows["good"]
    assert (done["seconds"], done["n_frames"], done["frames_per_s"]) == (2.0, 6, 3.0)
    assert (done["raw_j_mean"], done["stable_j_mean"], done["raw_jitter_median_px"]) == (0.5, 0.75, None)
    assert done["overlay"] == f"results/{Path(tasks[0].folder).name}/over lay.mp4"
    assert done["notes"] == ["one frame was lost"]
    assert (done["method"], done["parameters"]) == ("median", '{"window": 5}')
    head, *body = page.rows
    assert head[6] == "Region J ↑ raw → stable "
    assert body[0][1] == "done one frame was lost "
    assert body[0][3:7] == ["6 ", "2.0 ", "3.00 ", "0.5000 → 0.7500 "]
    assert body[1][1] == "failed it is empty "
    assert body[3][3:7] == ["– ", "– ", "– ", "– "]
    assert (f"results/{Path(tasks[0].folder).name}/over%20lay.mp4", "overlay") in page.links


def test_types_do_not_depend_on_the_rows(store):
    tasks = [task(store.out, "a")]
    _, empty = written(store, tasks)
    give(store, tasks[0], Outcome(tasks[0].key, "done", seconds=1.0, n_frames=6, metrics=METRICS))
    _, full = written(store, tasks)
    assert empty.schema == full.schema
    types = {field.name: str(field.type) for field in full.schema}
    assert types["n_frames"] == "int64"
    assert types["seconds"] == types["raw_j_mean"] == "double"
    assert set(metric_columns()) <= set(types)


def test_parameters_of_notebooks_are_typed_columns(store):
    points = [
        {"method": "none", "n": 1, "rate": 0.5, "list": [1]},
        {"method": "median", "n": 2, "rate": 1, "list": None},
    ]
    tasks = [
        task(store.out, f"run{n}", kind="notebook", number=n, parameters=point, own_folder=True)
        for n, point in enumerate(points)
    ]
    give(store, tasks[0], Outcome(tasks[0].key, "done", seconds=1.0, links={"notebook": "notebook.ipynb"}))
    page, table = written(store, tasks)
    types = {field.name: str(field.type) for field in table.schema if field.name.startswith("param_")}
    assert types == {
        "param_method": "string", "param_n": "int64", "param_rate": "double", "param_list": "string",
    }  # fmt: skip
    assert table.column("param_rate").to_pylist() == [0.5, 1.0]
    assert table.column("param_list").to_pylist() == ["[1]", "null"]
    assert table.column("notebook").to_pylist() == [
        f"{Path(tasks[0].folder).relative_to(store.out)}/notebook.ipynb",
        None,
    ]
    assert page.rows[1][2] == "method=none, n=1, rate=0.5, list=[1] "


def test_no_name_and_no_error_becomes_part_of_the_page(store):
    tasks = [task(store.out, "odd", number=1, method=ODD)]
    give(store, tasks[0], Outcome(tasks[0].key, "failed", error=ODD))
    page, table = written(store, tasks)
    assert page.scripts == 1, "the page's own"
    assert page.rows[1][1] == f"failed {ODD} "
    assert page.rows[1][2] == f"{ODD} "
    assert table.column("error").to_pylist() == [ODD]


def test_picture_is_in_the_page_itself(store):
    one = task(store.out, "a")
    give(store, one, Outcome(one.key, "done", links={"overlay": "overlay.mp4", "thumbnail": "thumbnail.jpg"}))
    (Path(one.folder) / "thumbnail.jpg").write_bytes(b"\xff\xd8jpeg")
    written(store, [one])
    assert 'src="data:image/jpeg;base64,/9hqcGVn"' in (store.out / "report.html").read_text()


def test_results_of_other_requests_are_counted(store):
    mine, other = (task(store.out, name, number=n) for n, name in enumerate("ab"))
    for one in (mine, other):
        give(store, one, Outcome(one.key, "done"))
    written(store, [mine])
    text = " ".join((store.out / "report.html").read_text().split())
    assert "<dt>results of other requests in the folder</dt><dd>1</dd>" in text
    assert "<h1>1 task: 1 done</h1>" in text
