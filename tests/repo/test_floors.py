"""The floors of the package: what may import what, held by its imports as they are written."""
import ast

import pytest
from conftest import ROOT

ORDER = ["ground", "symmetry", "data", "models", "measures", "find", "use", "studies", "show", "start"]
METHODS = {"symmetry", "data", "models", "find", "use"}
NOT_FOR_METHODS = {"measures", "studies", "show", "start"}


def imports(path):
    "(folder, module, names) of every import of our own, wherever it stands in the file."
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".")
            if node.level == 0 and parts[0] == "symnb": parts = parts[1:]
            elif node.level == 1: parts = [path.parent.name, *parts]
            elif node.level != 2: continue
            names = [a.name for a in node.names]
            yield (parts[0], ".".join(parts[1:]), names) if parts[0] in ORDER else ("", ".".join(parts), names)


MODULES = sorted(p for p in (ROOT / "symnb").rglob("*.py") if p.stem[0] != "_")


@pytest.mark.parametrize("path", MODULES, ids=[str(p.relative_to(ROOT / "symnb")) for p in MODULES])
def test_floors(path):
    mine = path.parent.name
    for folder, module, names in imports(path):
        if not folder: continue
        seen = f"{folder}.{module} ({', '.join(names)})"
        assert ORDER.index(folder) <= ORDER.index(mine), f"{mine} is below {seen}"
        if mine in METHODS:
            assert folder not in NOT_FOR_METHODS, f"{mine} may not import {seen}"
            assert "plots" not in (module, *names), f"{mine} draws nothing: {seen}"
        if mine == "find": assert folder != "data", f"a method knows no data: {seen}"


@pytest.mark.parametrize("path", MODULES, ids=[str(p.relative_to(ROOT / "symnb")) for p in MODULES])
def test_private_names_stay_in_their_module(path):
    private = [(m, n) for _, m, names in imports(path) for n in names if n[0] == "_" and n != "__version__"]
    assert not private


def test_a_folder_has_one_meaning_for_each_name():
    "So that the front of a folder can find it."
    from symnb._modidx import d
    homes = {}
    for module, names in d["syms"].items():
        folder = module.split(".")[1]
        for name in {n.removeprefix(module + ".").split(".")[0] for n in names}:
            if name[0] != "_" and folder != "studies": homes.setdefault((folder, name), []).append(module)
    assert not {k: v for k, v in homes.items() if len(v) > 1}
    modules = {(m.split(".")[1], m.split(".")[2]) for m in d["syms"]}
    assert not modules & set(homes), "a module of a folder bears the name of something in it"
