"""Render the prepared pages (`_proc`) to plain HTML in `_preview`, without Quarto, to look at them.

    python -c "from nbdev.serve import proc_nbs; proc_nbs(n_workers=0)" && python tools/preview.py

It shows content, order, weight and `nbs/styles.css` of the site, not Quarto's theme. A page is one Markdown text that
Pandoc converts, as Quarto does; without the package pypandoc_binary, mistune does, and equations stay as they are written.
"""
import html
import json
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
LOOK = """
:root { color-scheme: light dark; --ink: #1d1f23; --soft: #5d636e; --page: #fff; --line: #dcdee2; --code: #f5f6f8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e6ea; --soft: #a3a9b4; --page: #16181c; --line: #353a43;
  --code: #1f2329; } img { background: #fff; padding: 6px; } a { color: #7db8f5; } }
* { box-sizing: border-box; } body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; display: flex; flex-wrap: wrap; }
nav { flex: 0 0 230px; padding: 1.5rem 1rem; font-size: .92rem; border-right: 1px solid var(--line); }
nav b { display: block; margin: .8rem 0 .2rem; color: var(--soft); } nav a { display: block; text-decoration: none; }
main { flex: 1 1 480px; max-width: 860px; min-width: 0; padding: 1.5rem; } img { max-width: 100%; }
pre { background: var(--code); padding: .6rem; overflow-x: auto; font-size: .85rem; white-space: pre-wrap; }
table { border-collapse: collapse; font-size: .86rem; } td, th { border-bottom: 1px solid var(--line);
  padding: .25rem .7rem .25rem 0; vertical-align: top; } th { text-align: left; }
"""
ATTRIBUTES = re.compile(r"\)\{target=[^}]*\}") # of links, which only Pandoc understands
RAW = re.compile(r"`````\{=html\}\n(.*?)\n`````", re.S)


def directives(source):
    "What the `#|` lines of a cell say, and the rest of it."
    lines = source.split("\n")
    said = {k.strip(): v.strip() for k, _, v in (x[2:].partition(":") for x in lines if x.startswith("#|"))}
    return said, "\n".join(x for x in lines if not x.startswith("#|")).strip()


def convert(text):
    "Markdown to HTML; equations to MathML."
    try:
        import pypandoc
    except ImportError:
        import mistune
        return mistune.html(ATTRIBUTES.sub(")", RAW.sub(lambda m: f"\n\n{m[1]}\n\n", text)))
    return pypandoc.convert_text(text, "html5", format="markdown", extra_args=["--mathml", "--wrap=none"])


def raw(text):
    return f"\n`````{{=html}}\n{text}\n`````\n"


def shown(output, alt):
    "One output as Markdown, as Quarto chooses among its kinds."
    data = {k: "".join(v) for k, v in output.get("data", {}).items() if k != "application/json"}
    if "text/html" in data:
        return raw(data["text/html"])
    if "text/markdown" in data:
        return data["text/markdown"]
    if picture := data.get("image/png"):
        width = output.get("metadata", {}).get("image/png", {}).get("width")
        size = f' width="{width}"' if width else ""
        return raw(f'<img alt="{html.escape(alt)}"{size} src="data:image/png;base64,{picture.strip()}">')
    return raw(f"<pre><code>{html.escape(''.join(output.get('text', '')) or data.get('text/plain', ''))}</code></pre>")


def body(notebook):
    "All cells of a prepared notebook as one Markdown text."
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield source
        if cell["cell_type"] != "code":
            continue
        said, source = directives(source)
        if said.get("include") == "false" or "hide" in said:
            continue
        if said.get("echo") != "false" and source:
            yield f"```````python\n{source}\n```````"
        for output in cell.get("outputs", ()):
            yield f'::: {{.cell-output-display}}\n{shown(output, said.get("fig-alt", ""))}\n:::'


def title(notebook):
    "The title in the front matter, or in the first cell of a notebook that is not prepared."
    first = "".join(notebook["cells"][0]["source"])
    return (re.search(r"^title: *(.+)$", first, re.M) or re.search(r"^# (.+)$", first, re.M))[1].strip("'\"")


def sidebar(contents, titles, up=""):
    "The sidebar's lines."
    for entry in contents:
        if isinstance(entry, dict):
            yield f"<b>{entry['section']}</b>"
            yield from sidebar(entry["contents"], titles, up)
        elif entry.removesuffix(".ipynb") in titles:
            name = entry.removesuffix(".ipynb")
            yield f'<a href="{up}{name}.html">{html.escape(titles[name])}</a>'


def render(notebooks, out):
    "Write one page for each notebook (name -> its JSON); returns their paths."
    out.mkdir(exist_ok=True)
    order = yaml.safe_load((ROOT / "nbs" / "sidebar.yml").read_text())["website"]["sidebar"]["contents"]
    titles = {name: title(nb) for name, nb in notebooks.items()}
    pages = []
    for name, notebook in notebooks.items():
        links = "".join(sidebar(order, titles, "../" * name.count("/")))
        page = (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(titles[name])}</title>'
                '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
                f"<style>{LOOK}{(ROOT / 'nbs' / 'styles.css').read_text(encoding='utf-8')}</style></head><body><nav>{links}</nav><main><h1>{html.escape(titles[name])}</h1>"
                f"{convert(chr(10).join(chr(10) + part for part in body(notebook)))}</main></body></html>")
        pages.append(out / f"{name}.html")
        pages[-1].parent.mkdir(parents=True, exist_ok=True)
        pages[-1].write_text(page, encoding="utf-8")
    return pages


if __name__ == "__main__":
    prepared = {p.relative_to(ROOT / "_proc").with_suffix("").as_posix(): json.loads(p.read_text(encoding="utf-8"))
                for p in sorted((ROOT / "_proc").rglob("*.ipynb"))}
    if not prepared:
        sys.exit("_proc is empty: prepare the pages first, see the top of this file")
    for made in render(prepared, ROOT / "_preview"):
        print(made.relative_to(ROOT), f"{made.stat().st_size / 1e6:.2f} MB")
