"""A hundred thousand designs: the page opens as a small one does, and each design is in reach."""

import json
import time
from array import array

import large_page
import pytest
from chromium_pipe import chromium

pytestmark = pytest.mark.system

COUNT = 100_000
MAIN_THREAD_S = 3.0
BESIDE_A_SMALL_PAGE = 1.6
"""CPU time of opening, over that of a page of a thousand designs in the same browser."""

PLACE = """(i) => {
  const chart = $("pareto-chart"), area = $("pareto-cloud").getBoundingClientRect();
  const at = (axis, name) => axis.d2p(metricOf(name).values[i]);
  const { xaxis, yaxis } = chart._fullLayout;
  return [area.left + at(xaxis, STATE.x), area.top + at(yaxis, STATE.y)];
}"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    return [large_page.write(folder / f"{count}.html", count) for count in (1000, COUNT)]


@pytest.fixture
def browser(require_system, tmp_path):
    with chromium(require_system("chromium"), tmp_path / "profile") as browser:
        yield browser
        assert browser.said == []


@pytest.fixture(scope="module")
def truth():
    """Latency and energy of every design as the page's float32 columns hold them."""
    return [
        array("f", (large_page.metrics(i)[name] for i in range(COUNT)))
        for name in ("latency_us", "energy_j")
    ]


def test_a_hundred_thousand_designs_open_as_a_thousand_do(browser, pages):
    small, many = (browser.open(page) for page in pages)
    # dropping designs would meet the budget: all of them must have been painted
    assert browser.value("CLOUD.drawn") == browser.value("DATA.count") == COUNT
    assert many.main_s < MAIN_THREAD_S, many
    assert many.all_s < BESIDE_A_SMALL_PAGE * small.all_s, (small, many)


def test_every_design_of_many_can_be_pointed_at_and_brushed(browser, pages, truth):
    browser.open(pages[1])
    browser.value("$('pareto').scrollIntoView()")
    browser.painted()
    latency, energy = truth
    # a design whose pixel few others share: the lowest energies at some latency
    row = min(range(0, COUNT, 101), key=lambda i: abs(latency[i] - 4000) + energy[i])
    x, y = browser.value(f"({PLACE})({row})")
    browser.mouse("mouseMoved", x, y)
    shown = browser.value("$('tip').textContent")
    assert f"workload.batch: {2 ** (row % 7)}" in shown
    assert browser.value("$('tip').style.visibility") == "visible"
    browser.click(x, y)
    assert browser.value("designKey(STATE.row)") == large_page.key(row)[:12]
    assert f"batch: {2 ** (row % 7)}" in browser.value("$('design-yaml').textContent")

    time.sleep(0.6)  # a press within 0.3 s of the click would make it a double click
    browser.value("$('pareto-chart').on('plotly_selected', (e) => { window.box = e && e.range; })")
    x, y = browser.value(f"({PLACE})({row})")
    browser.drag((x - 40, y - 40), (x + 60, y + 20))
    until = time.monotonic() + 20  # Plotly says what was selected a moment after the release
    while not (box := browser.value("window.box")) and time.monotonic() < until:
        time.sleep(0.05)
    brushed = set(browser.value("STATE.brushed"))
    assert row in brushed
    assert len(brushed) > 100
    (left, right), (low, high) = sorted(box["x"]), sorted(box["y"])
    expected = {i for i in range(COUNT) if left <= latency[i] <= right and low <= energy[i] <= high}
    assert brushed == expected
    hint = browser.value("$('brush-hint').textContent")
    assert "designs brushed, the best 200 listed" in hint
    run = browser.value("brushedRun()")
    assert run.count("workload.batch") == len(brushed)


def test_what_is_painted_follows_zoom_theme_and_choice_of_axes(browser, pages):
    browser.open(pages[1])
    picture = "$('pareto-cloud').toDataURL().length"
    whole, drawn = browser.value(picture), browser.value("CLOUD.drawn")
    browser.value(
        "Plotly.relayout('pareto-chart', {'xaxis.range': [Math.log10(2000), Math.log10(2100)]})"
        ".then(() => 1)"
    )
    zoomed = browser.value("CLOUD.drawn")
    assert 0 < zoomed < drawn / 20
    assert browser.value(picture) != whole
    browser.value("Plotly.relayout('pareto-chart', {'xaxis.autorange': true}).then(() => 1)")
    assert browser.value("CLOUD.drawn") == COUNT
    before = browser.value("$('pareto-cloud').toDataURL()")
    browser.value("$('theme').click()")
    assert browser.value("$('pareto-cloud').toDataURL()") != before
    browser.value("$('pick-y').value = 'power_w', $('pick-y').dispatchEvent(new Event('change'))")
    assert browser.value("CLOUD.drawn") == COUNT
    exported = browser.value(
        "saveChart('pareto-chart', 'svg').then(() => document.documentElement.dataset.saved)"
    )
    assert json.dumps(exported).count(".svg") == 1
