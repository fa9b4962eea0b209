"""Render README.md and its pictures from an executed nbs/index.ipynb, without Quarto.

Cells marked `#| hide` are left out; of those marked `#| echo: false` only the outputs appear.
"""
import base64
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = "index-{}.png"
NOTE = "<!-- Made from nbs/index.ipynb by `make readme`: edit that instead. -->"


def split(cell):
    "The directives of a cell, and its source without them."
    lines = "".join(cell["source"]).split("\n")
    marks = [line[2:].strip() for line in lines if line.startswith("#|")]
    return marks, "\n".join(line for line in lines if not line.startswith("#|")).strip()


def render(notebook):
    "The README's text, and the pictures by file name."
    blocks, pictures = [NOTE], {}
    for cell in notebook["cells"]:
        marks, source = split(cell)
        if cell["cell_type"] == "markdown":
            blocks.append(source)
        if cell["cell_type"] != "code" or "hide" in marks:
            continue
        if "echo: false" not in marks:
            blocks.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = {kind: "".join(text) for kind, text in output.get("data", {}).items()}
            if "image/png" in data:
                name = PICTURE.format(len(pictures) + 1)
                pictures[name] = base64.b64decode(data["image/png"])
                alt = next((m[9:].strip() for m in marks if m.startswith("fig-alt:")), "")
                blocks.append(f"![{alt}](nbs/images/{name})")
            elif "text/markdown" in data:
                blocks.append(data["text/markdown"])
            elif text := data.get("text/plain") or "".join(output.get("text", "")):
                blocks.append(f"```\n{text.rstrip()}\n```")
    return "\n\n".join(blocks) + "\n", pictures


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "nbs" / "index.ipynb"
    readme, pictures = render(json.loads(path.read_text(encoding="utf-8")))
    for name, png in pictures.items():
        (ROOT / "nbs" / "images" / name).write_bytes(png)
    (ROOT / "README.md").write_text(readme, encoding="utf-8")
    print(f"README.md: {len(readme.splitlines())} lines, {len(pictures)} pictures")
