"""Every measure reads chance on noise, its best on the truth, and catches a planted error."""
import json
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from symnb.ground.lab import SymnbError
from symnb.ground.board import Measured, Row, Scoreboard, over_seeds, standard_error, target_met
from symnb.measures.codes import equivariance_gap, image_mse, linear_probe

KEYS = ["task", "method", "measure", "unit", "value", "spread", "n", "chance", "floor", "baseline",
        "control", "target", "seeds", "seconds", "device", "data", "profile", "code", "date"]
NAMES = dict(task="t", method="m", measure="q")


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def turn(degrees, d=2):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.kron(np.eye(d // 2), np.array([[c, s], [-s, c]]))


def test_import_is_light():
    heavy = {"matplotlib", "sklearn", "pandas", "IPython", "nbdev", "fastcore", "e2cnn"}
    code = f"import sys, symnb.measures.orbits; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# spread

def test_standard_error_without_groups_is_the_textbook_one():
    x = draw(50)
    se, n = standard_error(x)
    assert n == 50 and se == pytest.approx(x.std(ddof=1) / 50 ** .5)


def test_copies_of_a_sample_add_nothing():
    x = draw(50)
    once, n = standard_error(x)
    often, m = standard_error(np.repeat(x, 12), np.repeat(np.arange(50), 12))
    assert (often, m) == (pytest.approx(once), n)


def test_one_group_has_no_spread():
    assert standard_error(draw(5), np.zeros(5)) == (None, 1)


# image error

def test_image_mse_reads_truth_chance_and_a_planted_error():
    true = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert image_mse(true, true).value == 0
    mean = image_mse(true.mean(0, keepdim=True).expand_as(true), true)
    assert mean.value == pytest.approx(mean.chance, rel=1e-6)
    noise = image_mse(torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(1)), true)
    assert noise.value > 1.8 * noise.chance
    assert image_mse(true - .2, true).value == pytest.approx(.04, rel=1e-5)


def test_image_mse_spread_covers_new_digits():
    """Of many sets of 30 digits at 4 angles, two standard errors cover the true error in most."""
    hits = 0
    for seed in range(100):
        offset = np.repeat(draw(30, seed=seed), 4)[:, None, None]
        true = np.zeros((120, 2, 2))
        m = image_mse(true + offset, true, np.repeat(np.arange(30), 4))
        hits += abs(m.value - 1) < 2 * m.spread
        assert m.n == 30
    assert hits >= 85


def test_image_mse_of_a_single_image():
    m = image_mse(np.ones((1, 2, 2)), np.zeros((1, 2, 2)))
    assert (m.value, m.spread, m.n, m.chance) == (1, None, 1, None)


def test_measures_carry_no_gradient_and_take_half_precision():
    x = torch.rand(8, 4, 4, requires_grad=True)
    assert type(image_mse(x, x.detach()).value) is float
    assert image_mse(x.bfloat16(), x.bfloat16()).value == 0


# equivariance gap

@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
def test_gap_is_zero_on_an_affine_truth(kind):
    x, A = draw(200, 6), draw(6, 6, seed=1)
    m = equivariance_gap(kind(x[:100]), kind(x[:100] @ A + 3), kind(x[100:]), kind(x[100:] @ A + 3))
    assert m.value < 1e-25 and m.floor == 0 and m.n == 100
    assert m.chance == pytest.approx(1, abs=.25) and m.baseline > .5


def test_gap_is_one_on_noise_and_needs_no_centring():
    x, y = draw(4000, 4), draw(4000, 4, seed=1) + 100
    m = equivariance_gap(x[:2000], y[:2000], x[2000:], y[2000:])
    assert m.value == pytest.approx(1, abs=.01) and abs(m.value - m.chance) < .01


@pytest.mark.parametrize("planted", [28, -2.73, 0])
def test_a_wrong_action_is_caught(planted):
    x = draw(500, 4)
    right = equivariance_gap(None, None, x, x @ turn(30, 4), action=lambda z: z @ turn(30, 4))
    wrong = equivariance_gap(None, None, x, x @ turn(30, 4), action=lambda z: z @ turn(planted, 4))
    expected = 2 - 2 * np.cos(np.radians(30 - planted))
    assert right.value < 1e-28
    assert wrong.value == pytest.approx(expected, rel=.01)
    assert right.chance == pytest.approx(2, abs=.2)
    assert right.baseline == pytest.approx(2 - 2 * np.cos(np.radians(30)), rel=.01)


def test_gap_is_measured_on_test_codes():
    x, rng = draw(40, 16), np.random.default_rng(2)
    noise = rng.normal(size=(40, 16))
    m = equivariance_gap(x[:20], noise[:20], x[20:], noise[20:])
    assert m.value > 1.5


def test_gap_of_codes_with_channels_and_a_tensor_action():
    z = torch.randn(30, 4, 12, generator=torch.Generator().manual_seed(0))
    shift = lambda z: z.roll(1, -1)
    assert equivariance_gap(None, None, z, shift(z), action=shift).value == 0


def test_gap_spread_agrees_with_redrawing():
    A, values, spreads = draw(3, 3, seed=9), [], []
    train = draw(300, 3, seed=8)
    moved = train @ A + .5 * draw(300, 3, seed=7)
    for seed in range(150):
        x = draw(100, 3, seed=seed)
        m = equivariance_gap(train, moved, x, x @ A + .5 * draw(100, 3, seed=1000 + seed))
        values.append(m.value)
        spreads.append(m.spread)
    assert np.mean(spreads) == pytest.approx(np.std(values), rel=.25)


def test_gap_spread_is_clustered():
    x = np.repeat(draw(30, 3), 10, 0)
    y = x @ turn(30, 4)[:3, :3] + np.repeat(draw(30, 3, seed=1), 10, 0)
    one = equivariance_gap(x, y, x, y)
    by_digit = equivariance_gap(x, y, x, y, groups=np.repeat(np.arange(30), 10))
    assert by_digit.n == 30 and by_digit.spread == pytest.approx(one.spread * 10 ** .5, rel=.05)


# linear probe

def clusters(n, shift, seed):
    y = np.arange(n) % 3
    return draw(n, 5, seed=seed) + shift * np.eye(3, 5)[y], y


def test_probe_reads_truth_noise_and_shuffled_labels():
    z, y = clusters(300, 30, 0)
    z_test, y_test = clusters(150, 30, 1)
    assert linear_probe(z, y, z_test, y_test).value == 1
    noise = linear_probe(draw(300, 5), y, draw(150, 5, seed=1), y_test)
    assert abs(noise.value - 1 / 3) < 4 * noise.spread and noise.chance == pytest.approx(1 / 3)
    wrong = linear_probe(z, y, z_test, (y_test + 1) % 3)
    assert wrong.value == 0


def test_probe_chance_is_the_commonest_class_and_scale_does_not_matter():
    z, y = clusters(300, 1., 0)
    y = np.where(y == 2, 0, y)
    m = linear_probe(torch.tensor(z), torch.tensor(y), z[:60], y[:60], groups=np.arange(60) // 2)
    assert m.chance == pytest.approx(2 / 3) and m.n == 30
    stretched = z * [1, 1e6, 1, 1, 1e-6]
    assert linear_probe(stretched, y, stretched[:60], y[:60]).value == m.value


# bad input

x, labels = draw(30, 2), np.arange(30) % 2
hole = np.where(np.arange(60).reshape(30, 2) == 7, np.nan, x)


@pytest.mark.parametrize("call, says", [
    (lambda: image_mse(x, x[:20]), r"predicted images: expected shape \(20, 2\), found \(30, 2\)"),
    (lambda: image_mse(x, hole), "true images: expected finite numbers, found 1 of 60"),
    (lambda: image_mse(x[:0], x[:0]), "at least 1 samples"),
    (lambda: image_mse((x * 9).astype(np.uint8), x), "expected floats, found uint8"),
    (lambda: image_mse(torch.zeros(2, 2, dtype=torch.uint8), x), "expected floats, found uint8"),
    (lambda: image_mse(x, x, groups=[1, 2]), r"groups: expected shape \(30,\), found \(2,\)"),
    (lambda: image_mse("no", "no"), "expected numbers|expected floats"),
    (lambda: equivariance_gap(x, x[:20], x, x), "z_moved: expected shape"),
    (lambda: equivariance_gap(x, x, x, x[:20]), "z_moved_test: expected shape"),
    (lambda: equivariance_gap(x, x, x[:, :1], x[:, :1]), "z_test: expected 2 numbers, found 1"),
    (lambda: equivariance_gap(x[:3], x[:3], x, x), "z: expected at least 4 samples"),
    (lambda: equivariance_gap(x, x, x[:1], x[:1]), "z_test: expected at least 2 samples"),
    (lambda: equivariance_gap(hole, x, x, x), "z: expected finite"),
    (lambda: equivariance_gap(x, x, x, np.ones((30, 2))), "expected codes that vary"),
    (lambda: equivariance_gap(None, None, x, x), "z: expected"),
    (lambda: equivariance_gap(None, None, x, x, action=lambda z: z[:, :1]),
     r"action\(z_test\): expected shape"),
    (lambda: equivariance_gap(None, None, x, x, action=lambda z: z * np.nan),
     r"action\(z_test\): expected finite"),
    (lambda: linear_probe(x, labels[:9], x, labels), "y: expected shape"),
    (lambda: linear_probe(x, labels, x[:, :1], labels), "z_test: expected 2 numbers"),
    (lambda: linear_probe(hole, labels, x, labels), "z: expected finite"),
    (lambda: linear_probe(x, labels * np.nan, x, labels), "y: expected labels"),
    (lambda: linear_probe(x, labels * 0, x, labels), "y: expected at least 2 classes"),
    (lambda: linear_probe(x, labels, x, labels + 5),
     r"y_test: expected the classes of y, found \[5, 6\]"),
    (lambda: Measured(float("nan")), "value: expected a finite number, found nan"),
    (lambda: Measured(1, n=1.5), "n: expected a whole number"),
    (lambda: Measured(torch.zeros(100)), "value: expected a finite number, found Tensor"),
    (lambda: Row("", "m", "q"), "task: expected a text"),
    (lambda: Row("t", "m", "q", value="0.1"), "value: expected a finite number"),
    (lambda: Row("t", "m", "q", spread=float("inf")), "spread: expected a finite number"),
    (lambda: Row("t", "m", "q", seeds=[0.5]), "seeds: expected a whole number"),
    (lambda: Row("t", "m", "q", unit=3), "unit: expected a text"),
    (lambda: Row("t", "m", "q", target="about 3"), "target: expected"),
    (lambda: Row("t", "m", "q", target=3), "target: expected"),
    (lambda: Scoreboard().add(**NAMES, valeu=1), "unknown keys valeu"),
    (lambda: Scoreboard().add(task="t"), "missing method, measure"),
    (lambda: Scoreboard().where(foo=1), "unknown keys foo"),
    (lambda: Scoreboard().markdown(["foo"]), "unknown keys foo"),
])
def test_bad_input_is_told_in_one_line(call, says):
    with pytest.raises(SymnbError, match=says) as e: call()
    assert "\n" not in str(e.value) and len(str(e.value)) < 250


# rows and the board

def test_a_row_has_exactly_the_agreed_keys():
    assert list(asdict(Row("t", "m", "q"))) == KEYS


@pytest.mark.parametrize("value, target, met", [
    (.0155, "<= 0.0155", True), (.0156, "<= 0.0155", False), (.0155, "< .0155", False),
    (2, ">= 2", True), (2, "> 2", False), (1e-7, "<=1e-6", True), (-3, "<= -2", True),
    (29.5, "30 +- 0.5", True), (30.51, "30+-0.5", False), (-2.73, "-2.73 +- 0.01", True),
    (None, "<= 1", None), (1, None, None)])
def test_targets(value, target, met):
    assert target_met(value, target) is met
    assert Row("t", "m", "q", value=value, target=target).met is met


def board():
    b = Scoreboard()
    b.add(Measured(.0151, .0002, 1000, chance=.06), **NAMES, target="<= 0.0155", seeds=0,
          data="mnist5k")
    b.add(**NAMES | dict(method="a | b <i>"), value=np.float32(.5), floor=1, target="> .9", seeds=[0, 1],
          data="mnist5k")
    return b


def test_add_fills_device_and_profile_and_lets_itself_be_overridden(monkeypatch):
    monkeypatch.setenv("SYMNB_PROFILE", "full")
    monkeypatch.setenv("SYMNB_DEVICE", "cpu")
    m = Measured(1, chance=.5)
    b = Scoreboard()
    row = b.add(m, **NAMES, floor=.1, chance=.4)
    assert (row.device, row.profile, row.value, row.floor, row.chance) == ("cpu", "full", 1, .1, .4)
    assert b.add(**NAMES, **m) == b.add(m, **NAMES)
    assert b.add(**NAMES, device="abacus").device == "abacus"
    assert m.but(floor=.2) == Measured(1, chance=.5, floor=.2)


def test_save_and_load(tmp_path):
    board().save(tmp_path / "b.json")
    assert Scoreboard.load(tmp_path / "b.json") == board()
    content = json.loads((tmp_path / "b.json").read_text())
    assert [list(r) for r in content] == [KEYS, KEYS]
    assert [p.name for p in tmp_path.iterdir()] == ["b.json"]
    Scoreboard().save(tmp_path / "empty.json")
    assert Scoreboard.load(tmp_path / "empty.json") == []


@pytest.mark.parametrize("text, says", [
    ("", "expected JSON"), ("[{", "expected JSON"), ("{}", "expected a list of rows, found dict"),
    ("[3]", "row 0: expected a row's keys"), ('[{"task": "t"}]', "row 0: expected a row's keys")])
def test_a_damaged_board_is_told_with_its_file(tmp_path, text, says):
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(SymnbError, match=says) as e: Scoreboard.load(tmp_path / "b.json")
    assert "b.json" in str(e.value)


@pytest.mark.parametrize("key, value", [
    ("value", "x"), ("value", float("nan")), ("value", 10 ** 400), ("task", None), ("seeds", ["a"]),
    ("target", "soon"), ("n", 1.5), ("device", 3)])
def test_a_damaged_row_is_told_with_its_number(tmp_path, key, value):
    board().save(tmp_path / "b.json")
    rows = json.loads((tmp_path / "b.json").read_text())
    rows[1][key] = value
    (tmp_path / "b.json").write_text(json.dumps(rows))
    with pytest.raises(SymnbError, match=rf"b.json, row 1: {key}"):
        Scoreboard.load(tmp_path / "b.json")


def test_missing_board(tmp_path):
    with pytest.raises(SymnbError, match="none.json"): Scoreboard.load(tmp_path / "none.json")


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 10 ** 6), byte=st.integers(0, 255), cut=st.booleans())
def test_any_damage_loads_or_is_one_error(tmp_path_factory, at, byte, cut):
    path = tmp_path_factory.mktemp("fuzz") / "b.json"
    board().save(path)
    content = bytearray(path.read_bytes())
    at %= len(content)
    if cut: del content[at:]
    else: content[at] = byte
    path.write_bytes(content)
    try: assert all(isinstance(r, Row) for r in Scoreboard.load(path))
    except SymnbError as e: assert "b.json" in str(e)


def test_tables_say_met_and_missed_in_words_and_escape():
    b = board()
    text, page = b.markdown(), b._repr_html_()
    head = [c.strip() for c in text.splitlines()[0].strip("|").split("|")]
    assert head == ["task", "method", "measure", "value", "n", "chance", "floor", "target", "seeds"]
    assert "0.01510 ± 0.00020" in text and "<= 0.0155 (met)" in text and "> .9 (missed)" in text
    assert "a \\| b" in text and len({len(line) for line in text.splitlines()}) == 1
    assert "<i>" not in page and "a | b &lt;i&gt;" in page
    assert "(met)" in page and "(missed)" in page
    assert "data mnist5k" in page and "<th>data</th>" not in page and "<th>baseline</th>" not in page


def test_chosen_columns_and_the_empty_board():
    lines = board().markdown(["method", "value", "spread"]).splitlines()
    assert len(lines) == 4 and "±" not in lines[2] and "0.0002" in lines[2]
    assert len(Scoreboard().markdown().splitlines()) == 2 and "<table" in Scoreboard()._repr_html_()


def test_where():
    assert len(board().where(task="t")) == 2 and len(board().where(task="t", method="m")) == 1
    assert board().where(task="none") == [] and isinstance(board().where(), Scoreboard)


def test_over_seeds_merges_only_what_differs_in_seed():
    b = Scoreboard()
    for seed, v in enumerate([1., 2., 6.]):
        b.add(Measured(v, .1, 100 - seed, chance=.5, floor=v / 2), **NAMES, seeds=seed, seconds=v)
    b.add(**NAMES | dict(measure="other"), value=7, spread=.3, seeds=0)
    b.add(**NAMES, value=5, data="elsewhere", seeds=0)
    merged = over_seeds(b)
    row = merged[0]
    assert len(merged) == 3 and list(merged[1:]) == [b[3], b[4]]
    assert (row.value, row.floor, row.chance, row.seconds, row.n) == (3, 1.5, .5, 3, 98)
    assert row.spread == pytest.approx(np.std([1, 2, 6], ddof=1)) and row.seeds == [0, 1, 2]


@pytest.mark.parametrize("seeds", [(0, 0), (0, None)])
def test_over_seeds_refuses_the_same_seed_twice(seeds):
    b = Scoreboard()
    for s in seeds: b.add(**NAMES, value=1, seeds=s)
    with pytest.raises(SymnbError, match="t, m, q: expected 2 rows of different seeds"):
        over_seeds(b)


def test_no_figure_with_a_target_stands_alone():
    with pytest.raises(SymnbError, match="t|no figure stands alone"):
        Scoreboard().add(**NAMES, value=1., target="<= 2")
    for k in ("chance", "floor", "baseline", "control"):
        assert Scoreboard().add(**NAMES, value=1., target="<= 2", **{k: 0.}).met


def test_merged_rows_keep_their_code_and_the_later_date():
    b = Scoreboard()
    for seed, day in ((0, "2026-01-02"), (1, "2026-01-01")): b.add(**NAMES, value=seed, seeds=seed, code="a", date=day)
    assert (over_seeds(b)[0].code, over_seeds(b)[0].date) == ("a", "2026-01-02")
    b.add(**NAMES, value=2, seeds=2, code="b", date="2026-01-03")
    assert over_seeds(b)[0].code is None
