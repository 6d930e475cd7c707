"""The domain's own refusal as an error of the field it is checked in, in the same words."""

from collections.abc import Callable
from typing import Any

from pydantic_core import PydanticCustomError

from apg.kernel.errors import Invalid


def told(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
	"""For `AfterValidator(told(check))`."""

	def run(value: Any) -> Any:
		try:
			return check(value)
		except Invalid as error:
			text = " ".join(problem.message for problem in error.problems) or error.message
			raise PydanticCustomError("domain", "{text}", {"text": text}) from error

	return run
