"""Many pictures: a shortlist of neighbours beside the exact search, on warped copies of the digits at hand: `symnb bench levels`."""
import resource, time
import torch
from symnb.data.digits import load_digits
from symnb.find.orientation import neighbours, shortlisted, steerable_coder
from symnb.find.registration import best_level, registered
from symnb.ground.lab import profile
from symnb.models.classifiers import stretched
from symnb.symmetry.warps import rotate


def warped(n: int, seed: int = 0) -> tuple: # pictures (n, 1, 28, 28), half widths of their arcs in degrees (n,)
    "Copies of the digits, each stretched in its own way and turned within the arc of its kind."
    part = load_digits().part("all")
    torch.manual_seed(seed)
    at = torch.randperm(-(-n // len(part)) * len(part))[:n] % len(part)
    level = 18. * part.labels[at]
    return rotate(stretched(part.images[at], torch.zeros(n)), level * (2 * torch.rand(n) - 1)), level


def recalled(x, k: int = 45, count: int = 200) -> float: # (n, 1, S, S)
    "The share of the k nearest by exact search that a shortlist has."
    coder = steerable_coder(x)
    z = coder(x)
    exact, listed = neighbours(z, None, coder.orders, k)[1], shortlisted(z, coder.orders, k, count)[1]
    return float((exact[:, :, None] == listed[:, None]).any(2).float().mean())


def timed(x, level, search: str) -> tuple: # CPU seconds, mean error of the level in degrees
    "Registration with one way of searching."
    began = time.process_time()
    known = registered(x, search=search)
    return time.process_time() - began, float((best_level(known.profile, "uniform") - level).abs().mean())


def bench_levels(few: int = 8_000, many: int = 60_000) -> list[dict]: # rows of the scoreboard
    "Time, memory and loss of the shortlist."
    def row(method, measure, unit, value, n, **kw):
        keys = ("spread", "chance", "floor", "baseline", "control", "target", "seeds")
        return dict(task="levels", method=method, measure=measure, unit=unit, value=float(value), n=n, **{k: kw.get(k) for k in keys},
                    seconds=None, device=None, data=f"mnist5k, {n} warped copies", profile=profile().name)
    x, level = warped(few)
    timed(x[:500], level[:500], "shortlist") # compiles
    (exact, error), (short, loss) = (timed(x, level, search) for search in ("exact", "shortlist"))
    rows = [row("shortlist", "exact neighbours found", "share", recalled(x[:4000]), 4000, floor=1., chance=45 / 4000),
            row("exact", "time of fitting", "s", exact, few), row("shortlist", "time of fitting", "s", short, few, baseline=exact),
            row("exact", "error of the level", "degrees", error, few), row("shortlist", "error of the level", "degrees", loss, few, baseline=error)]
    if many:
        x, level = warped(many, 1)
        spent, loss = timed(x, level, "shortlist")
        rows += [row("shortlist", "time of fitting", "s", spent, many, baseline=exact * (many / few) ** 2), # of exact search, which is quadratic
                 row("shortlist", "error of the level", "degrees", loss, many, baseline=error),
                 row("shortlist", "peak memory", "MB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, many, baseline=many ** 2 * 4 / 1e6)]
    return rows
