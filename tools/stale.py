"""List stored results whose code has changed since they were made; moves and renames are no change."""
import pkgutil

from symnb.ground.board import Scoreboard
from symnb.ground.files import results_dir
from symnb.show.run import TASKS

for name, where in TASKS.items():
    path = results_dir() / f"{name}.json"
    if not path.exists():
        print(f"{name:12} nothing is stored")
        continue
    study, rows = pkgutil.resolve_name(where), Scoreboard.load(path)
    old = [r for r in rows if r.code != study.code]
    unknown = sum(r.code is None for r in old)
    dates = " to ".join(sorted({r.date or "?" for r in rows})[::max(len({r.date for r in rows}) - 1, 1)])
    print(f"{name:12} {len(rows):4} rows of {dates}: " + ("up to date" if not old else
          f"{len(old)} made by other code" + (f" ({unknown} before versions were kept)" if unknown else "")))
