"""The page is one file that needs nothing else, and the same run gives the same bytes."""

import re
from html.parser import HTMLParser

from archsim.report import ReportData, render_html, write_report


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def tags_of(page):
    parser = _Tags()
    parser.feed(page)
    return parser.tags


def test_same_run_same_bytes(make_run, tmp_path):
    first = write_report(tmp_path / "a.html", make_run())
    second = write_report(tmp_path / "b.html", make_run())
    assert first.read_bytes() == second.read_bytes()
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["a.html", "b.html"]


def test_a_changed_number_changes_the_page(make_run):
    run = make_run()
    before = render_html(run)
    run.points[0]["metrics"]["latency_us"] += 1
    assert render_html(run) != before


def test_nothing_is_loaded_from_elsewhere(run):
    tags = tags_of(render_html(run))
    loaded = [(t, a) for t, a in tags if {"src", "href"} & set(a)]
    assert loaded == []
    policy = next(a["content"] for t, a in tags if a.get("http-equiv"))
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_hostile_names_add_no_element(run, make_run):
    calm = make_run(title="calm", details={}, config={}, points=[], pareto=[])
    assert [t for t, _ in tags_of(render_html(run))] == [t for t, _ in tags_of(render_html(calm))]


def test_no_time_host_or_random_name_is_in_the_page(run):
    body = re.sub(r"<script>.*?</script>", "", render_html(run), flags=re.S)
    assert not re.search(r"20\d\d-\d\d-\d\d|/home/|/tmp/|/work/", body)


def test_markers_of_the_template_in_data_stay_text():
    page = render_html(ReportData(title="@@plotly@@", minimize=["a"], axes=[], points=[]))
    assert "<title>@@plotly@@ · archsim</title>" in page
    assert page.count("<h1>@@plotly@@</h1>") == 1


def test_a_hundred_thousand_points_stay_small_and_quick():
    points = [
        {
            "key": f"{i:064x}"[::-1],
            "overrides": {"a": i % 7, "b": i % 11},
            "metrics": {"latency_us": 1000.0 + (i * 7919) % 10007, "energy_j": 1.0 + i % 101},
        }
        for i in range(100_000)
    ]
    data = ReportData(
        title="t", minimize=["latency_us", "energy_j"], axes=["a", "b"], points=iter(points)
    )
    assert len(render_html(data)) < 12_000_000
