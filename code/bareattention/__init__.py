"""The code of the book "Attention, Laid Bare".

Every public name can be taken from here: `from bareattention import attention`.
They stand in `__init__.pyi`; a module is loaded when one of its names is asked for, since PyTorch,
torchmetrics and matplotlib take seconds to load.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
