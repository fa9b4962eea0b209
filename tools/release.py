"""Make a release, up to the upload: `python tools/release.py 0.2.0`, or `make release VERSION=0.2.0`.

Sets the version in settings.ini, CITATION.cff and the package, gives the open part of CHANGELOG.md its date, builds
sdist and wheel into dist/, and checks them. Commit, tag and upload are printed and left to you.
"""
import datetime
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def key(version):
    return [int(x) for x in version.split(".")]


def edited(root, version, today):
    "The files that carry the version, as path -> new text; whatever does not fit stops with a line."
    texts = {name: (root / name).read_text(encoding="utf-8") for name in ("settings.ini", "CITATION.cff", "CHANGELOG.md")}
    old = re.search(r"^version = (\S+)$", texts["settings.ini"], re.M)[1]
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        sys.exit(f"version: expected three numbers such as 0.2.0, found {version}")
    if key(version) < key(old):
        sys.exit(f"version: expected {old} or later, found {version}")
    open_part = re.search(r"^## (\S+) \(not released\)$", texts["CHANGELOG.md"], re.M)
    if not open_part:
        sys.exit("CHANGELOG.md: expected a heading '## VERSION (not released)', found none: say first what is new")
    texts["settings.ini"] = texts["settings.ini"].replace(f"version = {old}\n", f"version = {version}\n", 1)
    cited = re.sub(r"^date-released: .*\n", "", texts["CITATION.cff"], flags=re.M)
    texts["CITATION.cff"] = re.sub(r"^version: .*$", f"version: {version}\ndate-released: {today}", cited, flags=re.M)
    texts["CHANGELOG.md"] = texts["CHANGELOG.md"].replace(open_part[0], f"## {version} ({today})", 1)
    return texts


def main(version):
    for name, text in edited(ROOT, version, datetime.date.today().isoformat()).items():
        (ROOT / name).write_text(text, encoding="utf-8")
    for folder in ("build", "dist"):
        shutil.rmtree(ROOT / folder, ignore_errors=True)
    run = lambda *command: subprocess.run([sys.executable, *command], cwd=ROOT, check=True)
    run("-c", "from nbdev.doclinks import nbdev_export; nbdev_export()")  # symnb.__version__
    run("-m", "build")
    run("-m", "twine", "check", "--strict", *sorted(map(str, (ROOT / "dist").iterdir())))
    print(f"\ndist/ is ready. When the tests have passed:\n"
          f"  git commit -am 'Release {version}' && git tag v{version} && git push origin main v{version}\n"
          f"  {sys.executable} -m twine upload dist/*")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
