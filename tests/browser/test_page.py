"""The web page as a person has it, on a real server: drop, choose, start, look at frames and numbers, retry.

WEB_SCREENSHOT=figures/web.png make test-browser saves what is seen, on the sample scene.
"""

import json
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import ROOT
from lab_page import open_browser, require_browser
from serving import Served, served
from tiny_clip import Clip, make_clip
from web_page import WORK_LIMIT_S, WebPage

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SAMPLE = ROOT / "data" / "sample"
N_FRAMES, FPS = 60, 24  # of the sample scene
DESK, PHONE = (1440, 1240), (390, 844)
TOKEN = "a-token-of-this-test_3"
PLAYED_S, APART_S = 0.5, 0.15  # what is seen of both films, and how far they may be apart while they play
TIMES = "all => all.map(film => film.currentTime)"

pytestmark = pytest.mark.browser
pytest.importorskip("fastapi", reason="the extra web is not installed")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    require_browser()
    with served(folder=tmp_path_factory.mktemp("web")) as running:
        running.address()
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    require_browser()
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return make_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture
def page(server: Served, browser: "Browser") -> Iterator[WebPage]:
    """A page that has just been opened."""
    opened = WebPage(browser, address=server.address())
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def told() -> list[str]:
    """What the page said of its progress while the sample scene was at work."""
    return []


@pytest.fixture(scope="module")
def sample(server: Served, browser: "Browser", told: list[str]) -> Iterator[WebPage]:
    """The page after the whole way with the sample scene: video chosen, masks dropped, a class picked."""
    page = WebPage(browser, address=server.address(), size=DESK)
    assert page.page.locator("#run").is_disabled()
    assert page.text("#run-help") == "Choose a video first."
    page.choose_file("#drop-video", SAMPLE / "video.mp4")
    assert "video.mp4" in page.found_in("#drop-video")
    assert "480×270 · 60 frames · 24 frames/s · 2.5 s" in page.found_in("#drop-video")
    page.page.get_by_label("I have my own").check()
    page.drop_file("#drop-masks", SAMPLE / "detections.json", kind="application/json")
    assert "detections.json" in page.found_in("#drop-masks")
    page.find("#classes input[type=search]").fill("do")
    page.find("#classes input[type=search]").press("Enter")
    assert page.text("#classes .chips") == "dog ×"
    page.page.get_by_role("button", name="Find masks and stabilize").click()
    page.find("#progress .rows")

    def is_done() -> bool:
        told.extend(page.page.locator("#progress .row").all_inner_texts())
        return page.page.locator("#result:not([hidden]), .row-error").count() > 0

    page.wait_until(is_done, what="a result", limit_s=WORK_LIMIT_S)
    page.wait_for_result()
    yield page
    assert page.failures == []
    assert page.strangers == []  # nothing was asked of any other machine
    page.close()


def job_of(page: WebPage) -> str:
    found = re.fullmatch(r".*#job=(\w+)", page.page.url)
    assert found is not None, page.page.url
    return found[1]


def ask(page: WebPage, path: str) -> Any:
    """What the server tells the page's own address."""
    answer = page.page.request.get(f"{page.page.url.partition('#')[0]}{path}")
    assert answer.ok, answer.text()
    return json.loads(answer.text())


# ── the whole way ───────────────────────────────────────────────────────────────────────────────────────────
def test_progress_was_told_while_it_worked(sample: WebPage, told: list[str]) -> None:
    lines = "\n".join(told)
    assert re.search(r"Reading your masks\s.*frame \d+ of 60", lines)
    assert re.search(r"Stabilizing\s.*frame \d+ of 60", lines)
    assert len(set(re.findall(r"frame (\d+) of 60", lines))) > 2
    assert "frames/s" in lines
    assert "left" in lines


def test_numbers_of_the_table_are_those_of_the_server(sample: WebPage) -> None:
    metrics = ask(sample, f"api/metrics/{job_of(sample)}")
    rows = {row["name"]: row for row in metrics["rows"]}
    shown = sample.page.locator("#numbers tbody tr")
    assert shown.count() == len(rows) > 5
    for line in shown.all():
        row = rows[str(line.get_attribute("data-metric"))]
        cells = [cell.inner_text().replace(",", "").replace("−", "-") for cell in line.locator("td").all()]
        for text, version in zip(cells, ("raw", "stable"), strict=False):
            assert text == ("–" if row[version] is None else f"{row[version]:.{row['decimals']}f}")
    consistency = sample.find("#numbers tr[data-metric=consistency_mean]")
    assert consistency.locator("td").nth(2).inner_text().startswith("+")
    assert "better" in consistency.locator("td").nth(2).inner_text()
    flicker = {version: 1 - metrics[version]["consistency_mean"] for version in ("raw", "stable")}
    less = 100 * (1 - flicker["stable"] / flicker["raw"])
    assert sample.text("#headline") == f"{less:.0f} % less flicker"


def test_frames_are_scrubbed_with_the_slider_and_the_keys(sample: WebPage) -> None:
    keys = sample.page.keyboard
    sample.find("#frame").focus()
    keys.press("Home")
    assert sample.frame == 0
    first = np.asarray(sample.picture("raw"), int)
    for key, frame in (("ArrowRight", 1), ("Shift+ArrowRight", 11), ("ArrowLeft", 10), ("End", N_FRAMES - 1)):
        keys.press(key)
        assert sample.frame == frame
    last = np.asarray(sample.picture("raw"), int)
    assert np.abs(first - last).max() > 50
    box = sample.find("#frame").bounding_box()
    assert box is not None
    sample.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert abs(sample.frame - N_FRAMES // 2) <= 2


def test_worst_frame_is_a_click_away_and_shows_a_difference(sample: WebPage) -> None:
    iou = ask(sample, f"api/metrics/{job_of(sample)}")["curves"]["iou"]["raw"]
    sample.page.locator(".worst .chip").first.click()
    known = [value for value in iou if value is not None]
    assert iou[sample.frame] == min(known)
    assert sample.text("output[data-plot=iou]").startswith(f"frame {sample.frame} · raw {min(known):.3f}")
    raw, stable = (np.asarray(sample.picture(kind), int) for kind in ("raw", "stable"))
    assert (np.abs(raw - stable).max(axis=2) > 40).mean() > 0.01


def test_click_on_a_curve_goes_to_that_frame(sample: WebPage) -> None:
    plot = sample.find("svg[data-plot=area_px]")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    plot.click(position={"x": box["width"] - 13, "y": box["height"] / 2})
    assert sample.frame == N_FRAMES - 1
    plot.click(position={"x": 55, "y": box["height"] / 2})
    assert sample.frame == 0
    for name in ("iou", "area_px"):
        for version in ("raw", "stable"):
            drawn = sample.find(f"svg[data-plot={name}] path.{version}").get_attribute("d") or ""
            assert len(re.findall(r"[ML]", drawn)) >= N_FRAMES - 1


def test_views_are_chosen_by_keys_and_one_always_stays(sample: WebPage) -> None:
    def views() -> list[str]:
        return sample.page.locator("#viewer .panel img").evaluate_all("all => all.map(i => i.dataset.type)")

    sample.find("#frame").focus()
    assert views() == ["raw", "stable", "difference"]
    for key in "235":
        sample.page.keyboard.press(key)
    assert views() == ["difference"]
    for key in "14":
        sample.page.keyboard.press(key)
    assert views() == ["original", "overlay", "difference"]
    assert sample.picture("original").size == sample.picture("overlay").size
    assert sample.find("#viewer button[data-type=overlay]").get_attribute("aria-pressed") == "true"
    for key in "1455":
        sample.page.keyboard.press(key)
    assert views() == ["difference"]  # it cannot be taken away
    for key in "23":
        sample.page.keyboard.press(key)
    assert views() == ["raw", "stable", "difference"]


def test_space_plays_the_frames_and_stops_them(sample: WebPage) -> None:
    sample.find("#frame").focus()
    sample.page.keyboard.press("Home")
    sample.page.keyboard.press(" ")
    where = sample.find("#viewer .where")
    sample.wait_until(
        lambda: int(re.findall(r"\d+", where.inner_text())[0]) >= 3, what="the third frame", limit_s=30
    )
    sample.page.keyboard.press(" ")
    assert sample.find("#play-frames").get_attribute("aria-label") == "Play"
    frame = sample.frame
    sample.page.wait_for_timeout(400)
    assert sample.frame == frame


def test_both_films_play_in_step_and_the_frames_follow(sample: WebPage) -> None:
    films = sample.page.locator("#films video")
    assert films.count() == 2
    sample.wait_until(
        lambda: films.evaluate_all("all => all.every(film => film.readyState >= 2)"),
        what="films that are loaded",
    )
    sample.find("#play-films").click()

    def play_in_step() -> bool:
        first, second = films.evaluate_all(TIMES)
        return min(first, second) > PLAYED_S and abs(first - second) < APART_S

    sample.wait_until(play_in_step, what="films that play in step", limit_s=WORK_LIMIT_S)
    sample.find("#play-films").click()
    assert films.evaluate_all("all => all.every(film => film.paused)")
    first, second = films.evaluate_all(TIMES)
    assert first == second
    pts = ask(sample, f"api/results/{job_of(sample)}")["pts_s"]
    assert pts[sample.frame] == pytest.approx(first, abs=1.5 / FPS)


def test_files_can_be_downloaded(sample: WebPage) -> None:
    with sample.page.expect_download() as waiting:
        sample.page.get_by_role("link", name="metrics.json").click()
    content = json.loads(waiting.value.path().read_text("utf-8"))
    assert {"raw", "stable"} <= set(content)


def test_every_view_of_a_frame_in_which_part_of_the_mask_is_lost(sample: WebPage) -> None:
    curves = ask(sample, f"api/metrics/{job_of(sample)}")["curves"]
    raw, stable = curves["area_px"]["raw"], curves["area_px"]["stable"]
    worst = min((frame for frame in range(N_FRAMES) if raw[frame] > 0), key=lambda n: raw[n] / stable[n])
    sample.find("#frame").fill(str(worst))
    assert sample.frame == worst
    added = np.asarray(sample.picture("difference"), int)
    blue = (added[..., 2] > 200) & (added[..., 0] < 100)
    lost = (stable[worst] - raw[worst]) / (added.shape[0] * added.shape[1])
    assert blue.mean() == pytest.approx(lost, abs=0.01)
    if "WEB_SCREENSHOT" in os.environ:
        sample.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        sample.screenshot(ROOT / os.environ["WEB_SCREENSHOT"])


# ── the same result, seen otherwise ─────────────────────────────────────────────────────────────────────────
def test_russian_is_a_click_away_and_stays(sample: WebPage) -> None:
    sample.speak("Русский", language="ru")
    assert re.fullmatch(r"Мерцание уменьшилось на \d+ %", sample.text("#headline"))
    assert "," in sample.text("#numbers tr[data-metric=consistency_mean] td:nth-of-type(1)")
    sample.page.reload()
    sample.wait_for_result()  # the address names the job: a reload shows it again
    assert sample.text("#plots h2") == "По ходу видео"
    seen = " ".join(sample.text(css) for css in ("#viewer", "#plots", "#numbers", "#verdict .tiles"))
    assert set(re.findall(r"[A-Za-z]{3,}", seen)) <= {"Shift", "Home", "End", "IoU", "Dice", "warp"}
    sample.speak("English", language="en")
    assert sample.text("#plots h2") == "Over the clip"


def test_browser_that_prefers_russian_gets_it(server: Served, browser: "Browser") -> None:
    page = WebPage(browser, address=server.address(), language="ru-RU")
    assert page.text("#run-help") == "Сначала выберите видео."
    page.find("#classes input[type=search]").fill("собак")
    assert [row for row in page.page.locator("#classes .tick:visible").all_inner_texts() if row] == ["собака"]
    page.close()


def test_phone_shows_it_in_one_column(sample: WebPage, server: Served, browser: "Browser") -> None:
    page = WebPage(browser, address=f"{server.address()}#job={job_of(sample)}", size=PHONE)
    page.wait_for_result()
    assert page.frame == 0
    assert page.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    lefts = page.page.locator("main section.card:visible").evaluate_all(
        "all => all.map(one => Math.round(one.getBoundingClientRect().left))"
    )
    assert len(lefts) > 5
    assert len(set(lefts)) == 1
    small = page.page.locator("#result button:visible, #result select:visible").evaluate_all(
        "all => all.filter(one => one.getBoundingClientRect().height < 24).length"
    )
    assert small == 0  # WCAG 2.2, 2.5.8
    page.close()


def test_other_settings_use_the_same_masks_again(sample: WebPage) -> None:
    before = job_of(sample)
    parent = ask(sample, f"api/status/{before}")["parent_id"]
    sample.page.get_by_role("button", name="Try other settings").click()
    assert sample.page.evaluate("document.activeElement.id") == "method"
    sample.find("#method").select_option("exponential")
    alpha = sample.find(".tunable[data-name=alpha] input[type=range]")
    alpha.focus()
    sample.page.keyboard.press("Home")
    assert sample.find(".tunable[data-name=alpha] input[type=number]").input_value() == "0.1"
    sample.page.get_by_role("button", name="Stabilize again").click()
    sample.wait_until(lambda: job_of(sample) != before, what="another job")
    sample.wait_for_result()
    status = ask(sample, f"api/status/{job_of(sample)}")
    assert (status["parent_id"], status["method"], status["params"]["alpha"]) == (parent, "exponential", 0.1)
    assert [job["kind"] for job in ask(sample, "api/jobs")["jobs"]].count("segment") == 1
    sample.page.go_back()
    sample.wait_until(
        lambda: "both ways" in sample.text("#verdict"), what="the first result", limit_s=WORK_LIMIT_S
    )
    assert sample.find("#method").input_value() == "flow_fusion_two_pass"


# ── a network, a mistake, a change of mind ──────────────────────────────────────────────────────────────────
def test_network_finds_masks_in_a_dropped_video(page: WebPage, clip: Clip) -> None:
    page.drop_file("#drop-video", clip.video, kind="video/mp4")
    assert "12 frames" in page.found_in("#drop-video")
    missing = page.page.locator("#model option:disabled")
    assert missing.count() > 0
    page.find("#model-reasons summary").click()
    assert page.page.locator("#model-reasons li").count() == missing.count()
    page.find("#model").select_option("maskrcnn_demo")
    page.find("#method").select_option("median")
    page.find("#run").click()
    page.wait_for_result()
    assert "Median" in page.text("#verdict")
    name = f'#jobs [data-job="{job_of(page)}"]'
    page.page.on("dialog", lambda dialog: dialog.accept())
    n_jobs = len(ask(page, "api/jobs")["jobs"])
    page.find(f"{name} .remove").click()
    page.page.locator(name).wait_for(state="detached")
    left = ask(page, "api/jobs")["jobs"]
    assert len(left) == n_jobs - 2  # with the segmentation that nothing is of any more
    assert page.find("#empty").is_visible()
    assert page.failures == []


def test_job_can_be_cancelled_and_another_be_started(page: WebPage) -> None:
    page.choose_file("#drop-video", SAMPLE / "video.mp4")
    page.found_in("#drop-video")
    page.find("#model").select_option("maskrcnn_demo")
    page.find("#run").click()
    page.find("#cancel").click()
    page.wait_until(
        lambda: page.text("#progress .row[data-kind=stabilize] .row-facts") == "cancelled",
        what="the end of the job",
        limit_s=WORK_LIMIT_S,
    )
    page.find("#step-video .found")  # the video is still there
    assert page.page.locator("#run").is_enabled()


def test_file_that_is_no_video_is_refused_with_a_sentence(page: WebPage) -> None:
    page.drop_file("#drop-video", ROOT / "README.md", kind="text/markdown")
    assert "README.md" in page.text("#alerts .alert")
    page.find("#drop-video .drop")
    assert page.page.locator("#run").is_disabled()
    page.find("#alerts").get_by_role("button", name="Close").click()
    assert page.page.locator("#alerts .alert").count() == 0


def test_job_that_is_gone_is_said_to_be(page: WebPage) -> None:
    page.page.goto(f"{page.page.url.partition('#')[0]}#job=0123456789abcdef")
    assert "there is no such job" in page.text("#alerts .alert")
    assert page.find("#empty").is_visible()


# ── without a mouse, without a token ────────────────────────────────────────────────────────────────────────
def test_every_control_is_reached_and_named_by_the_keyboard(page: WebPage) -> None:
    seen: list[dict[str, str]] = []
    for _ in range(60):
        page.page.keyboard.press("Tab")
        seen.append(
            page.page.evaluate("""() => {
            const one = document.activeElement, style = getComputedStyle(one), next = one.nextElementSibling;
            const ring = one.matches(".hidden-input") ? getComputedStyle(next) : style;
            const label = one.labels && one.labels[0] ? one.labels[0].innerText : "";
            return { id: one.id, kind: one.type || one.tagName, ring: ring.outlineStyle,
                     name: one.ariaLabel || label || one.innerText || "" };
        }""")
        )
    assert {"file", "radio", "search", "checkbox", "range", "number"} <= {one["kind"] for one in seen}
    assert {"model", "method", "theme"} <= {one["id"] for one in seen}
    assert [one["kind"] for one in seen].count("checkbox") < 20  # a list of a hundred is one stop
    assert [one for one in seen if one["kind"] != "BODY" and not one["name"].strip()] == []
    assert [one for one in seen if one["kind"] != "BODY" and one["ring"] == "none"] == []


def test_dark_colors_are_remembered(page: WebPage) -> None:
    light = page.page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.find("#theme").select_option("dark")
    dark = page.page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.page.reload()
    assert page.page.evaluate("getComputedStyle(document.body).backgroundColor") == dark != light


def test_token_is_asked_for_once_and_kept_from_scripts(
    browser: "Browser", tmp_path_factory: pytest.TempPathFactory
) -> None:
    with served("--token", TOKEN, folder=tmp_path_factory.mktemp("guarded")) as guarded:
        address = guarded.address().partition("?")[0]
        context = browser.new_context(locale="en-GB")
        page = context.new_page()
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 401
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Open").click()
        page.locator("#method option").first.wait_for(state="attached")
        assert TOKEN not in page.url
        (cookie,) = context.cookies()
        assert (cookie["value"], cookie["httpOnly"], cookie["sameSite"]) == (TOKEN, True, "Strict")
        assert page.evaluate("document.cookie") == ""
        context.close()
