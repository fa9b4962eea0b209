"""The main job: what is kept when a task fails, and a report that needs nothing beside it."""
import html.parser
import json
import os
from dataclasses import replace

import numpy as np
import pytest

from symnb.data.digits import load_digits
from symnb.ground import plots
from symnb.ground.board import Measured, Row, Scoreboard, complete_row, table, targets
from symnb.ground.lab import SymnbError
from symnb.ground.study import Study
from symnb.show import cli, run

KEYS = {"task", "method", "measure", "unit", "value", "spread", "n", "chance", "floor", "baseline",
        "control", "target", "seeds", "seconds", "device", "data", "profile", "code", "date"}


@pytest.fixture(autouse=True)
def world(tmp_path, monkeypatch): small_world(tmp_path, monkeypatch)


def small_world(folder, monkeypatch):
    """Fifty random images as the digits of a run, and folders of our own."""
    rng = np.random.default_rng(0)
    np.savez(folder / "small.npz", images=rng.integers(0, 256, (50, 28, 28), dtype=np.uint8),
             labels=np.repeat(np.arange(5), 10))
    small = load_digits(folder / "small.npz")
    monkeypatch.setattr(run, "load_digits", lambda source: small)
    monkeypatch.setenv("SYMNB_RUNS", str(folder / "runs"))
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.delenv("SYMNB_PROFILE", raising=False)


SIZES = dict.fromkeys(("quick", "full"), dict(seeds=(0, 1)))


def plan(size, data): return [(m, None, s) for m in ('a<b>&"c"', "other") for s in size["seeds"]]


def good(method, world, seed, size, data):
    return {"error": Measured(.5 + 1.5 * (method == "other") + .01 * seed, floor=0.), "parameters": 7}


def drawn(study, data):
    fig, ax = plots.figure(height=1)
    ax.plot([0, 1])
    return [("A line <i>that</i> rises & \"falls\".", fig), ("A panel of HTML.", "<p id='given'>as it is</p>")]


def fails(method, world, seed, size, data):
    if method == "other": raise SymnbError("loss is nan at step 7")
    return {"error": 1.}


def bug(method, world, seed, size, data): raise ZeroDivisionError
def interrupted(method, world, seed, size, data): raise KeyboardInterrupt


GOOD = Study("good", "A <good> task", SIZES, plan, good, targets={(m, "error"): "<= 1" for m in ('a<b>&"c"', "other")},
             headlines=[('a<b>&"c"', "error")], figures=drawn)
FAILS = Study("fails", "A task that fails", SIZES, plan, fails)


def kept(folder):
    rows, page = folder / "scoreboard.json", folder / "report.html"
    return json.loads(rows.read_text()), page.read_text("utf-8")


class Page(html.parser.HTMLParser):
    """Addresses, ids, image descriptions, the text of each kind of tag, and unbalanced tags."""
    VOID = {"meta", "link", "img", "br"}

    def __init__(self, text):
        super().__init__()
        self.addresses, self.ids, self.alts, self.open, self.tags = [], [], [], [], []
        self.text = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.addresses += [attrs[k] for k in ("src", "href", "srcset", "action", "data", "poster")
                           if k in attrs]
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.alts += [attrs.get("alt")] if tag == "img" else []
        self.open += [] if tag in self.VOID else [tag]

    def handle_endtag(self, tag): assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open: self.text.setdefault(self.open[-1], []).append(data)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as monkeypatch:
        small_world(folder, monkeypatch)
        run.run_all([GOOD, run.studies(["data"])[0]])
    return kept(folder / "runs" / "quick")[1]


@pytest.fixture
def page(text): return Page(text)


def test_report_asks_no_other_host(page, text):
    assert all(a.startswith(("data:", "#")) for a in page.addresses) and "script" not in page.tags
    assert "url(" not in text and "@import" not in text and "://" not in text
    assert len(text.encode()) < 3e6


def test_report_is_well_formed_and_escaped(page):
    assert page.open == [] and len(page.ids) == len(set(page.ids))
    assert {a[1:] for a in page.addresses if a.startswith("#")} <= set(page.ids)
    assert "a<b>&\"c\"" in page.text["td"] and "A <good> task" in page.text["h2"]
    assert "A line <i>that</i> rises & \"falls\"." in page.text["figcaption"]
    assert "i" not in page.tags and "given" in page.ids


def test_report_describes_its_pictures_and_targets(page):
    assert len(page.alts) == 2 and all(page.alts)
    assert "<= 1 (met)" in page.text["td"] and "<= 1 (missed)" in page.text["td"]
    assert any(t.startswith("All ") for t in page.text["summary"])
    assert "1 met, 1 missed" in " ".join(page.text["li"] + page.text["span"])


def test_report_says_what_made_it(page):
    made = dict(zip(page.text["dt"], page.text["dd"]))
    assert made["Profile"] == "quick" and made["Data"] == "small.npz"
    assert all(made[k] for k in ("Device", "Machine", "Date")) and "torch " in made["Versions"]


def test_scoreboard_has_exactly_the_agreed_keys_and_is_filled(tmp_path):
    board = run.run_all([GOOD])
    rows, _ = kept(tmp_path / "runs" / "quick")
    assert all(set(r) == KEYS for r in rows) and len(rows) == 4
    filled = ("task", "profile", "device", "data", "seconds", "code", "date")
    assert all(r[k] is not None for r in rows for k in filled)
    assert {r["profile"] for r in rows} == {"quick"} and {r["data"] for r in rows} == {"small.npz"}
    assert Scoreboard.load(tmp_path / "runs" / "quick" / "scoreboard.json") == board


def test_a_failing_task_keeps_the_finished_ones(tmp_path, capsys):
    with pytest.raises(SymnbError, match="task fails: loss is nan at step 7"):
        run.run_all([GOOD, FAILS, *run.studies(["data"])], out=tmp_path / "out")
    rows, page = kept(tmp_path / "out")
    assert {r["task"] for r in rows} == {"good"}
    assert "Not finished: A task that fails, " in page
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.parametrize("function, error", [(bug, ZeroDivisionError),
                                             (interrupted, KeyboardInterrupt)])
def test_a_bug_or_an_interruption_keeps_the_finished_tasks(tmp_path, function, error):
    with pytest.raises(error):
        run.run_all([GOOD, Study("stops", "A task that stops", SIZES, plan, function)], out=tmp_path / "out")
    rows, page = kept(tmp_path / "out")
    assert len(rows) == 4 and "Not finished: A task that stops." in page


def test_a_first_task_that_fails_leaves_earlier_results_alone(tmp_path):
    run.run_all([GOOD], out=tmp_path / "out")
    before = kept(tmp_path / "out")
    with pytest.raises(SymnbError): run.run_all([FAILS, GOOD], out=tmp_path / "out")
    assert kept(tmp_path / "out") == before


def test_a_finished_run_says_nothing_of_missing_tasks_and_ends_with_the_report(tmp_path, capsys):
    run.run_all([GOOD], out=tmp_path / "out")
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"Report: {tmp_path / 'out' / 'report.html'}")
    assert "1 met, 1 missed" in last
    assert "Not finished" not in kept(tmp_path / "out")[1]


def test_the_profile_asked_for_is_in_force_and_the_former_one_comes_back(tmp_path, monkeypatch):
    monkeypatch.setenv("SYMNB_PROFILE", "full")
    run.run_all([GOOD], profile="quick", out=tmp_path / "out")
    assert {r["profile"] for r in kept(tmp_path / "out")[0]} == {"quick"}
    assert os.environ["SYMNB_PROFILE"] == "full"


@pytest.mark.parametrize("kw, found", [(dict(tasks=["vea"]), "vea"),
                                       (dict(profile="fast"), "fast")])
def test_unknown_names_are_refused_before_anything_is_written(tmp_path, kw, found):
    with pytest.raises(SymnbError, match=found): run.run_all(**kw)
    assert not (tmp_path / "runs").exists()


def test_pictures_are_drawn_once_and_again_where_a_cell_has_changed(monkeypatch, tmp_path):
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    times = []
    monkeypatch.setattr(plots, "figure_html", lambda fig, alt, draw=plots.figure_html: times.append(alt) or draw(fig, alt))
    study = replace(GOOD, name="drawn")
    first, again = study.run(Scoreboard()), study.run(Scoreboard())
    assert first == again and [says for says, _ in first][0].startswith("A line") and "base64" in first[0][1] and len(times) == 1
    replace(study, cell=lambda *a: dict(good(*a), parameters=8)).run(Scoreboard())
    assert len(times) == 2


def test_a_task_named_twice_runs_once(tmp_path):
    assert len(run.run_all([GOOD, GOOD], out=tmp_path / "out")) == 4


def test_an_out_that_is_a_file_is_refused(tmp_path):
    with pytest.raises(SymnbError, match="small.npz"):
        run.run_all([GOOD], out=tmp_path / "small.npz")


def test_the_data_task_finds_a_digit_on_both_sides(monkeypatch):
    """A file whose sides overlap must miss the target."""
    from symnb.data.digits import Digits
    d = run.load_digits("small")
    leaky = Digits(d.images, d.labels, d.index, d.train, d.train[::4], d.source, d.seed)
    for digits, met in ((d, True), (leaky, False)):
        monkeypatch.setattr(run, "load_digits", lambda source: digits)
        rows = [r for r in run.run_all(["data"]) if "both sides" in r.measure]
        assert [r.met for r in rows] == [met]


def test_every_registered_study_and_bench_exists():
    assert [s.name for s in run.studies()] == list(run.TASKS)
    for s in run.studies(): assert set(s.settings) >= {"quick", "full"} and s.title
    assert set(cli.BENCHES) >= {"data", "lens"}


def long_rows():
    words = "a rather long description of what was measured and how it was done"
    return [Row(f"task{i}", f"{words} {i}", f"{words} {i}", "per pixel", 123.456 + i, spread=.5,
                chance=1e-7, floor=2., baseline=3., control=4., target="<= 130", n=10)
            for i in range(3)]


@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_table_keeps_its_width_and_its_words(width):
    text = table(long_rows(), width)
    assert max(map(len, text.splitlines())) <= width
    if width == 100: assert all(f"{123.456 + i:.2f}" in text for i in range(3))


def test_a_board_without_rows_is_no_fault():
    assert table([]).count("\n") == 0 and targets([]) == "no targets set"


def test_rows_of_a_bench_may_be_dicts_but_not_nonsense():
    given = dict(task="t", method="m", measure="x", value=1., seconds=None, data="own")
    row = complete_row(given, seconds=3., data="other")
    assert (row.seconds, row.data, row.profile) == (3., "own", "quick")
    with pytest.raises(SymnbError, match="valeu"):
        complete_row(dict(task="t", method="m", measure="x", valeu=1.))
