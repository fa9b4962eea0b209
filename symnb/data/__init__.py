"The names of this folder, each from its own module; nothing is imported until it is asked for."
from symnb.ground.fronts import front

__getattr__, __dir__, __all__ = front(__name__)
