"""Importing the package is cheap: no notebook tools, no plotting, no models of others."""
import ast
import json
import re
import shlex
import sys
from configparser import ConfigParser
from importlib.metadata import packages_distributions

from conftest import ROOT, python

MODULES = sorted(".".join(p.relative_to(ROOT / "symnb").with_suffix("").parts)
                 for p in (ROOT / "symnb").rglob("*.py") if p.stem[0] != "_")
UNWANTED = ["nbdev", "fastcore", "execnb", "IPython", "e2cnn", "mlxtend", "pandas", "matplotlib"]


def test_modules_import_nothing_unwanted():
    "Only `symnb.ground.plots`, here imported last, needs matplotlib."
    order = sorted(MODULES, key=lambda m: m == "ground.plots")
    found = json.loads(python(f"""
import importlib, json, sys
new, seen = {{}}, set()
for name in {order}:
    importlib.import_module("symnb." + name)
    new[name] = sorted({{p for p in {UNWANTED} if p in sys.modules}} - seen)
    seen.update(new[name])
print(json.dumps(new))"""))
    assert {m: packages for m, packages in found.items() if packages} == {"ground.plots": ["matplotlib"]}


def test_data_adds_little_to_torch():
    "At most 0.5 s of processor time, in the best of three tries as other programs may be running."
    def added():
        return float(python("import time, torch; start = time.process_time(); import symnb.data.digits; "
                            "print(time.process_time() - start)"))
    assert any(added() <= .5 for _ in range(3))


def test_imports_are_declared():
    "What the package imports, anywhere, stands in settings.ini, be it for an extra."
    cfg = ConfigParser(delimiters=["="])
    cfg.read(ROOT / "settings.ini")
    plain = lambda name: re.split(r"[^\w.-]", name)[0].lower().replace("_", "-")
    declared = {plain(r) for r in shlex.split(" ".join(
        v for k, v in cfg["DEFAULT"].items() if k.endswith("requirements") and k != "dev_requirements"))}
    origin, undeclared = packages_distributions(), {}
    for path in (ROOT / "symnb").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else \
                [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            tops = {n.split(".")[0] for n in names} - set(sys.stdlib_module_names) - {"symnb"}
            for top in tops:
                if not declared & {plain(d) for d in origin.get(top, [top])}:
                    undeclared.setdefault(path.name, set()).add(top)
    assert not undeclared
