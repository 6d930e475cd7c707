"""Refusals in the form that forms show: with a field where there is one, else in the summary."""

from apg.kernel.errors import AppError, Conflict, Invalid, NotFound, PreconditionFailed, Problem

REFUSED = (Invalid, Conflict, PreconditionFailed, NotFound)


def as_invalid(error: AppError) -> Invalid:
	"""The same with at least one problem."""
	if isinstance(error, Invalid) and error.problems:
		return error
	problems = error.problems or (Problem("", error.message, error.code.lower()),)
	return Invalid(error.message, problems=problems)
