"""The reference is read from the source: signatures, meanings of parameters, names."""
import ast
import inspect
import json
import re

import pytest

from conftest import ROOT, notebooks

from symnb.show import reference
from symnb.show.reference import glossary, methods, modules, names, parameters, public, shared, signature


def functions():
    "All public functions, and methods of public classes."
    for module in modules():
        for name, node in public(module).items():
            if isinstance(node, ast.FunctionDef): yield module, name, node
            if isinstance(node, ast.ClassDef):
                made = [x for x in node.body if isinstance(x, ast.FunctionDef) and x.name == "__init__"]
                yield from ((module, f"{name}.{m.name}", m) for m in made + methods(node))


def test_most_parameters_are_explained():
    "A comment behind a parameter, or a word of the glossary; a new function should not lower the share."
    found = [(f"{m} {name}", p) for m, name, node in functions() for p in parameters(node, m) if p.name != "return"]
    silent = [(where, p.name) for where, p in found if not p.meaning]
    assert len(found) > 4000 and len(silent) < .08 * len(found), silent


def test_most_names_have_a_line():
    silent = [(n.module, n.name) for n in names() if not n.line]
    assert len(silent) < .06 * len(names()), silent


def test_words_of_the_glossary_are_used():
    "A word that no parameter of its module, folder or the package bears is out of date; some may be, as pages move."
    used = {(m, p.name.lstrip("*")) for m, _, node in functions() for p in parameters(node, m)} | {(n.module, n.name) for n in names()}
    homes = {key: {name for m, name in used if key == "*" or f"{m}.".startswith(f"symnb.{key}.")} for key in glossary()}
    idle = [(key, word) for key, words in glossary().items() for word in words if word not in homes[key]]
    assert len(idle) < .1 * sum(map(len, glossary().values())), idle


@pytest.mark.parametrize("module, name", [("symnb.ground.plots", "figure"), ("symnb.ground.runs", "train"),
                                          ("symnb.find.supervised", "procrustes"), ("symnb.ground.study", "said")])
def test_signatures_are_those_that_python_knows(module, name):
    made = signature(public(module)[name], name)
    known = inspect.signature(getattr(__import__(module, fromlist=[name]), name))
    scope = {}
    exec(f"from __future__ import annotations\ndef {made}: pass", dict(vars(__import__(module, fromlist=[name]))), scope)
    assert list(inspect.signature(scope[name]).parameters) == list(known.parameters)
    kinds = lambda s: [(p.kind, p.default is p.empty) for p in s.parameters.values()]
    assert kinds(inspect.signature(scope[name])) == kinds(known)


def test_a_comment_is_shared_by_the_parameters_of_its_line():
    assert shared("a; b", 2) == ["a", "b"] and shared("a; b", 1) == ["a; b"]
    assert shared("only the last", 3) == ["", "", "only the last"]
    assert shared("(n, d), (m, d) -> (n, m)", 3, True) == ["(n, d)", "(m, d)", "(n, m)"]


def test_text_does_not_become_markup():
    assert reference.plain("(*lead, d), a_b, <x> `a*b`") == r"(\*lead, d), a\_b, \<x\> `a*b`"
    assert "\n" not in reference.cell_of("one\ntwo") and reference.cell_of("`a|b`") == r"`a\|b`"


def test_papers_that_are_mentioned_are_listed_and_no_others():
    "In prose, docstrings, code and the published figures; some numbers are of no paper, so only links and what follows `arXiv`."
    mention = re.compile(r"(?:arxiv(?:\.org/abs/|[: ]*)|doi(?:\.org/|[: ]+)|\", \")(\d{4}\.\d{4,5}|10\.\d{4,}/[\w./-]*\w)", re.I)
    sources = ["\n".join("".join(c["source"]) for c in json.loads(p.read_text(encoding="utf-8"))["cells"]) for p in notebooks()]
    sources.append((ROOT / "nbs" / "results" / "published" / "figures.json").read_text(encoding="utf-8"))
    assert {number for text in sources for number in mention.findall(text)} == set(reference.papers())


def test_a_citation_says_who_or_what_when_and_where():
    for number, known in reference.papers().items():
        assert {"by", "title"} <= set(known) <= {"by", "name", "title", "where", "year"}, number
        said = reference.cite(number)
        assert re.search(r"\b(19|20)\d\d\b", said) and number in said and "None" not in said
        assert reference.cited(f"see {number}.") == [number] and not reference.cited(f"1{number}9")
