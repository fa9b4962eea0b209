__version__ = "0.1.0"


def __getattr__(name):
    "`symnb.discover` and `symnb.SymmetryFinder`, imported when they are asked for."
    if name == "discover": from symnb.show.front_door import discover as found
    elif name == "SymmetryFinder": from symnb.use.estimators import SymmetryFinder as found
    else: raise AttributeError(f"module 'symnb' has no attribute '{name}'")
    return found
