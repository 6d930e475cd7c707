"""Libraries that are loaded when they are first used, not when the module that names them is.

	from apg.kernel.later import numpy as np

A process that answers pages, or waits for tasks of another kind, pays nothing for the mathematics
(numpy: 11 MB and a tenth of a second). Such a name may be used inside functions and in annotations
that are not evaluated; what a module says at its top level still loads it.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
	import numpy as numpy
else:

	class _Later(ModuleType):
		"""Stands for a module; each attribute is looked up there once and kept."""

		def __getattr__(self, name: str) -> Any:
			found = getattr(import_module(self.__name__), name)
			setattr(self, name, found)
			return found

	numpy = _Later("numpy")
