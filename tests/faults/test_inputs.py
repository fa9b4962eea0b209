"""Inputs that new users bring: each is read as it is, or refused in one line."""
import io, os, pathlib, shutil, subprocess, sys

import h5py
import numpy as np
import pandas as pd
import pytest

from symnb.data.files import has_header, read_codes
from symnb.ground.lab import SymnbError
from symnb.show import cli
from symnb.show.cli import main

RNG = np.random.default_rng


def codes(n=800):
    "Two planes that turn once and twice, with noise: (n, 4)."
    t = RNG(0).uniform(0, 2 * np.pi, n)
    return np.c_[np.cos(t), np.sin(t), np.cos(2 * t), np.sin(2 * t)] + .3 * RNG(1).standard_normal((n, 4))


Z = codes(40)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    return tmp_path


def refused(*words, **kw):
    with pytest.raises(SymnbError) as e: read_codes(**kw)
    text = str(e.value)
    assert "\n" not in text and all(w in text for w in words), text
    return text


def command(line, capfd):
    "A command in this process: exit code, standard output, standard error."
    code = main(line.split())
    return (code, *capfd.readouterr())


def assert_one_line(done, *words):
    code, out, err = done
    assert code == 2 and not out and err.startswith("symnb: ") and err.count("\n") == 1, (out, err)
    assert all(w in err for w in words), err


# --- tables of text: no sample lost, no name or row number taken for data

def frame(names=None): return pd.DataFrame(Z, columns=names)


TABLES = {
    "plain": lambda: frame().to_csv(index=False, header=False),
    "byte order mark": lambda: "\ufeff" + frame().to_csv(index=False, header=False),
    "names": lambda: frame(list("abcd")).to_csv(index=False),
    "byte order mark and names": lambda: "\ufeff" + frame(list("abcd")).to_csv(index=False),
    "names and row numbers": lambda: frame(list("abcd")).to_csv(),
    "row numbers, no names": lambda: frame().to_csv(header=False),
    "row numbers from 1, no names": lambda: frame().set_index(frame().index + 1).to_csv(header=False),
    "shuffled row numbers": lambda: frame(list("abcd")).set_index(RNG(0).permutation(40)).to_csv(),
    "pandas without names": lambda: frame().to_csv(),
    "comments": lambda: "# a,b,c,d\n" + frame().to_csv(index=False, header=False),
    "blank lines": lambda: "\n\n" + frame().to_csv(index=False, header=False).replace("\n", "\n\n", 3),
    "carriage returns": lambda: frame(list("abcd")).to_csv(index=False, lineterminator="\r\n"),
    "commas at the ends": lambda: frame(list("abcd")).to_csv(index=False).replace("\n", ",\n"),
    "commas at the ends, no names": lambda: frame().to_csv(index=False, header=False).replace("\n", ",\n"),
    "spaces and quotes": lambda: '"a", "b", "c", "d"\n' + frame().to_csv(index=False, header=False).replace(",", ", "),
    "names that are numbers and words": lambda: frame(["1", "2", "c", "4"]).to_csv(index=False),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_same_samples_however_the_table_was_written(folder, name):
    (folder / "t.csv").write_text(TABLES[name](), encoding="utf-8", newline="")
    found = read_codes("t.csv")
    assert found.z.shape == (40, 4) and np.array_equal(found.z, Z), found.about
    assert "40 samples of 4 numbers" in found.about and found.labels is None and "no labels" in found.about


@pytest.mark.parametrize("names", [[0, 1, 2, 3], [1, 2, 3, 4], [1990, 1991, 1992, 1993], [5, 1, 2000, 3]])
def test_names_that_are_numbers_are_asked_about(folder, names, capfd):
    frame(names).to_csv("t.csv", index=False)
    refused("--header or --no-header", ",".join(map(str, names)), path="t.csv")
    assert np.array_equal(read_codes("t.csv", header=True).z, Z) and len(read_codes("t.csv", header=False).z) == 41
    assert_one_line(command("algebra t.csv", capfd), "t.csv", "--header")


def test_whole_numbers_are_data(folder):
    "Counts in all lines: the first line is as good as any other, unless it counts the columns."
    x = RNG(0).integers(0, 1000, (30, 4))
    x[0] = 7, 3, 900, 12
    pd.DataFrame(x).to_csv("t.csv", index=False, header=False)
    assert np.array_equal(read_codes("t.csv").z, x)


def test_a_missing_value_does_not_make_a_name(folder):
    (folder / "t.csv").write_text("1.5,NA,2.5\n" + "1,2,3\n" * 9)
    refused("1 of 10 samples", path="t.csv")


@pytest.mark.parametrize("text, words", [
    ("", ["t.csv"]), ("a,b,c\n", ["t.csv"]), ("\n\n", ["t.csv"]), ("a,b\n1,two\n2,3\n", ["column b", "two", "sample 1"]),
    ("a,b\n1,2\n1,2,3\n", ["t.csv", "line 3"]), ("a,b\n1,2,9\n3,4,9\n", ["t.csv"]), ("1 2 3\n4 5 6\n", ["t.csv", "1 2 3"]),
    ("5,2\n3\n4,1\n", ["1 of 3 samples"]), ("\x00\x01\x02", ["t.csv"]), ("one,two\nthree,four\n", ["--header"]),
    ("a,b\n1,inf\n", ["infinity"])])
def test_tables_that_are_none(folder, text, words, capfd):
    (folder / "t.csv").write_text(text)
    for line in ("algebra t.csv", "lens t.csv"): assert_one_line(command(line, capfd), *words)


def test_other_encodings_are_one_line(folder):
    (folder / "t.csv").write_bytes("größe,b\n1,2\n".encode("latin-1"))
    refused("t.csv", path="t.csv")


def test_labels_and_columns_are_named(folder):
    frame(list("abcd")).assign(kind=["x", "y"] * 20).to_csv("t.csv")
    found = read_codes("t.csv", labels="kind")
    assert np.array_equal(found.z, Z) and found.labels.tolist() == ["x", "y"] * 20
    assert "columns a, b, c, d" in found.about and "labels kind (2 different)" in found.about
    assert np.array_equal(read_codes("t.csv", key="d,a").z, Z[:, [3, 0]])
    refused("column kind", "'x'", path="t.csv")
    refused("the key e", "a, b, c, d, kind", path="t.csv", key="a,e")


# --- arrays: what is named, any kind of number, one line for damage

@pytest.mark.parametrize("kind", [">f8", ">f4", "<f4", "f2", np.longdouble, ">i4", "u1", ">u2", "?", "i8"])
def test_any_kind_of_number_is_read(folder, kind):
    x = (100 * Z).clip(0, 200).astype(kind)
    np.save("x.npy", x)
    np.savez("x.npz", z=x)
    files = ["x.npy", "x.npz"]
    if kind is not np.longdouble:
        with h5py.File("x.h5", "w") as f: f["z"] = x
        files.append("x.h5")
    for file in files:
        z = read_codes(file).z
        assert z.dtype == np.float64 and z.dtype.isnative and np.array_equal(z, x.astype(np.float64)), file


@pytest.mark.parametrize("x", [Z + 1j, Z.astype(str), np.zeros((3, 2), "M8[s]"), np.zeros(5, [("a", "f8")])])
def test_what_is_no_number_is_refused(folder, x):
    np.save("x.npy", x)
    refused("x.npy", "expected real numbers", path="x.npy")


def test_numbers_beyond_float64_are_refused_in_one_line(folder, capfd):
    np.save("x.npy", np.full((40, 4), np.longdouble("1e400")))
    assert_one_line(command("algebra x.npy", capfd), "infinity in 40 of 40")


def damaged():
    "The files of a damaged or misnamed array: name -> bytes."
    b = io.BytesIO()
    np.savez_compressed(b, z=codes(4000))
    npz = b.getvalue()
    b = io.BytesIO()
    np.save(b, codes(4000))
    npy = b.getvalue()
    stream, method, token = bytearray(npz), bytearray(npz), bytearray(npy)
    stream[60:200] = bytes(range(140))
    at = npz.rfind(b"PK\x01\x02")
    method[8:10] = method[at + 10:at + 12] = (97).to_bytes(2, "little")
    token[60:70] = b"(((((((((("
    shape = npy.replace(b"(4000, 4)", b"(9999**9,)"[:9])
    yield from {"stream.npz": stream, "method.npz": method, "token.npy": token, "named.npz": npy, "named.npy": npz,
                "shape.npy": shape, "cut.npz": npz[:300], "cut.npy": npy[:300], "head.npy": npy[:7], "empty.npz": b"",
                "empty.npy": b"", "empty.h5": b"", "named.h5": npz, "named.csv": npz, "text.npy": b"1,2,3\n"}.items()


@pytest.mark.parametrize("name, content", list(damaged()), ids=lambda x: x if isinstance(x, str) else "")
def test_damage_is_one_line(folder, name, content, capfd):
    (folder / name).write_bytes(content)
    np.save("x.npy", Z)
    for line in (f"algebra {name}", f"lens {name}", f"algebra x.npy --labels {name}"):
        assert_one_line(command(line, capfd), name)
    assert {p.name for p in folder.iterdir()} == {name, "x.npy"}


def test_of_an_hdf5_file_only_the_named_is_read(folder):
    with h5py.File("a.h5", "w") as f:
        f["z"] = Z
        f.create_dataset("images", (100_000, 1024, 768), "f4", chunks=(1, 1024, 768)) # 300 GB, never filled
        h5py.h5d.create(f.id, b"when", h5py.h5t.UNIX_D32LE.copy(), h5py.h5s.create_simple((3,)))
    assert np.array_equal(read_codes("a.h5", "z").z, Z) and np.array_equal(read_codes("a.h5").z, Z)
    refused("a.h5, images", "(samples, d)", "(100000, 1024, 768)", path="a.h5", key="images")
    refused("a.h5", path="a.h5", key="when")


def test_hdf5_links_are_followed(folder):
    with h5py.File("other.h5", "w") as f: f["deep/x"] = Z
    with h5py.File("a.h5", "w") as f:
        f["ext"], f["soft"] = h5py.ExternalLink("other.h5", "/deep/x"), h5py.SoftLink("/deep/x")
        f["gone"], f["far"] = h5py.SoftLink("/nothing"), h5py.ExternalLink("missing.h5", "/x")
        f["deep/x"], f["deep/round"] = Z, h5py.SoftLink("/")
        f["hard"] = f["deep/x"]
    for key in ("ext", "soft", "hard", "deep/x", "/deep/x"): assert np.array_equal(read_codes("a.h5", key).z, Z)
    for key in ("gone", "far", "deep"): refused(f"the key {key}", "deep/x, ext, hard, soft", path="a.h5", key=key)


def test_labels_of_several_arrays_must_be_named(folder):
    np.save("x.npy", Z)
    y = np.arange(40) % 3
    np.savez("y.npz", other=np.zeros(40), kind=y)
    refused("y.npz", "other, kind", path="x.npy", labels="y.npz")
    for labels in ("y.npz:kind", "one.npz", "several.npz", "y.csv", "y.h5"):
        np.savez("one.npz", kind=y)
        np.savez("several.npz", other=np.zeros(40), labels=y)
        pd.DataFrame(dict(kind=y)).to_csv("y.csv")
        with h5py.File("y.h5", "w") as f: f["kind"] = y.astype(">i2")[:, None]
        found = read_codes("x.npy", labels=labels)
        assert np.array_equal(found.labels, y) and "(3 different)" in found.about, labels
    refused("40 samples", "found 39", path="x.npy", labels="short.npy") if np.save("short.npy", y[:39]) is None else 0
    refused("'nowhere.npy'", path="x.npy", labels="nowhere.npy")


# --- results: none stays beside the answer to something else

def results(folder): return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def two(folder):
    os.mkdir("a"), os.mkdir("b")
    np.save("a/codes.npy", codes(4000))
    np.save("b/codes.npy", RNG(2).exponential(size=(4000, 4)))


def test_no_earlier_action_beside_a_new_answer(folder, two, capfd):
    out = folder / "o"
    code, said, _ = command("algebra a/codes.npy --out o", capfd)
    assert code == 0 and said.startswith("found") and results(out) == ["action.json", "action.safetensors", "report.html"]
    (out / "adaptor.safetensors").write_text("of the lens, earlier")
    (out / "mine.txt").write_text("of the user")
    code, said, _ = command("algebra b/codes.npy --out o", capfd)
    assert code == 0 and said.startswith("not found") and results(out) == ["mine.txt", "report.html"]


def test_results_of_another_file_of_the_same_name_are_kept(folder, two, capfd):
    assert command("algebra a/codes.npy", capfd)[0] == 0
    before = {p: p.read_bytes() for p in (folder / "codes-algebra").iterdir()}
    assert_one_line(command("algebra b/codes.npy", capfd), "codes-algebra", "--out", "--force")
    assert before == {p: p.read_bytes() for p in (folder / "codes-algebra").iterdir()}
    shutil.copy("b/codes.npy", "a/codes.npy") # the same file with other content is the same question again
    assert command("algebra a/codes.npy", capfd)[0] == 0 and results(folder / "codes-algebra") == ["report.html"]
    assert command("algebra b/codes.npy --force", capfd)[0] == 0
    assert command("algebra a/codes.npy --out other", capfd)[0] == 0


def test_what_was_taken_is_said(folder, capfd):
    pd.DataFrame(codes(4000), columns=list("abcd")).to_csv("t.csv")
    out = command("algebra t.csv", capfd)[1]
    assert "t.csv: 4000 samples of 4 numbers, columns a, b, c, d; no labels" in out


def test_what_is_refused_leaves_earlier_results(folder, two, capfd):
    assert command("algebra a/codes.npy --out o", capfd)[0] == 0
    before = results(folder / "o")
    np.save("bad.npy", np.full((4000, 4), np.nan))
    assert_one_line(command("algebra bad.npy --out o", capfd), "NaN")
    assert results(folder / "o") == before


# --- the command line's promise

LONG = "a" * 300


@pytest.mark.parametrize("line", [
    f"algebra {LONG}.npy", f"lens {LONG}.npy", f"algebra x.npy --labels {LONG}", f"data --source {LONG} --out y.h5",
    f"data --digits 1 --step 180 --out {LONG}.h5", f"data --source {LONG}.npz", f"data --source mnist --root {LONG}",
    f"algebra x.npy --out {LONG}", f"lens x.npy --out {LONG}", f"run --task data --out {LONG}"])
def test_names_that_are_too_long(folder, line, capfd, monkeypatch):
    monkeypatch.setenv("SYMNB_RUNS", str(folder / "runs"))
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", ["http://127.0.0.1:9/"])
    np.save("x.npy", codes(4000))
    assert_one_line(command(line, capfd), "aaaa")


@pytest.mark.parametrize("line, words", [
    ("data --digits 1 --step 1e-9", ["step", "1e-09"]), ("data --step inf", ["step"]), ("data --step 0.001", ["step", "0.01"]),
    ("data --step 1e-300", ["step"]), ("algebra x.npy --key \x00", ["x.npy"]), ("algebra few.npy", ["few.npy"])])
def test_numbers_that_cannot_be_meant(folder, line, words, capfd):
    np.save("x.npy", Z)
    np.save("few.npy", Z[:1, :1])
    code, out, err = command(line, capfd)
    assert code == 2 and not out and err.count("\n") == 1, err


def test_home_in_paths(folder, monkeypatch, capfd):
    monkeypatch.setenv("HOME", str(folder / "home"))
    os.mkdir("home")
    np.save("home/x.npy", codes(4000))
    assert command("algebra ~/x.npy --out=~/o", capfd)[0] == 0 and (folder / "home" / "o" / "report.html").exists()
    assert not (folder / "~").exists()
    from symnb.ground.files import runs_dir
    monkeypatch.setenv("SYMNB_RUNS", "~/kept")
    assert runs_dir() == folder / "home" / "kept"


def test_a_foreign_settings_file_in_another_encoding(folder, monkeypatch):
    from symnb.ground.files import runs_dir
    monkeypatch.delenv("SYMNB_RUNS", raising=False)
    (folder / "settings.ini").write_bytes("lib_name = größe".encode("latin-1"))
    assert runs_dir().name == "runs"


class Pipe(io.TextIOWrapper):
    "Standard output of some encoding."
    def __init__(self, encoding): super().__init__(io.BytesIO(), encoding=encoding)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
@pytest.mark.parametrize("name", ["\u03b2.npy", "bad\udcff.npy"])
def test_output_that_cannot_be_encoded(folder, monkeypatch, encoding, name):
    np.save("x.npy", codes(4000))
    try: os.link("x.npy", name)
    except (OSError, UnicodeError): pytest.skip("this file system has no such names")
    out = Pipe(encoding)
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["algebra", name, "--out", "o"]) == 0
    assert b"found" in out.buffer.getvalue() and (folder / "o" / "report.html").exists()


def test_nobody_reads_any_more(folder):
    "The reader of a pipe has gone: the run ends as it would, without a word."
    code = ("import sys; from symnb.show import cli\n"
            "def chatter(args):\n"
            "    for i in range(30_000): print('line', i)\n"
            "    open('done', 'w').close()\n"
            "cli.COMMANDS['data'] = ('', chatter, (), '')\n"
            "sys.exit(cli.main(['data']))")
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    writer.stdout.readline()
    writer.stdout.close()
    assert writer.stderr.read() == b"" and writer.wait(60) == 0 and (folder / "done").exists()


def test_a_librarys_warning_is_not_heard_and_ours_is(monkeypatch, recwarn, capfd):
    import warnings
    def warns(args):
        np.float64(1e39).astype(np.float32), np.log(np.zeros(1))
        warnings.warn_explicit("theirs", UserWarning, "theirs.py", 1, module="theirs")
        warnings.warn_explicit("made again", UserWarning, "runs.py", 1, module="symnb.ground.runs")
    monkeypatch.setitem(cli.COMMANDS, "data", ("", warns, (), ""))
    code, out, err = command("data", capfd)
    assert code == 0 and err == "" and [str(w.message) for w in recwarn] == ["made again"]


def test_an_interrupted_command_claims_only_what_is_true(monkeypatch, capfd):
    def stops(args): raise KeyboardInterrupt
    for name in cli.COMMANDS:
        text, _, _, words = cli.COMMANDS[name]
        monkeypatch.setitem(cli.COMMANDS, name, (text, stops, (), words))
        code, out, err = command(name, capfd)
        assert code == 130 and err.count("\n") == 1 and ("is kept" in err) == (name in ("run", "discover", "leaderboard")), err
