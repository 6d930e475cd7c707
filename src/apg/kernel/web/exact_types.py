"""A body says `true`, not "yes" or 1: what Pydantic would read generously is refused.

Parameters of an address are texts and stay read as such; JSON has types of its own, and the API's
description promises them. Fields with a reader of their own (amounts, moments) look themselves.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, PlainValidator, RootModel, WrapValidator

from apg.kernel.errors import Problem
from apg.kernel.texts import _

Check = Callable[[Any, str], Iterator[Problem]]
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def check_of(told: Any, seen: dict[type, list[Any]] | None = None) -> Check | None:
	"""Finds what of a value has another type of JSON than the annotation promises; None where
	nothing of it can be read generously."""
	known: dict[type, list[Any]] = {} if seen is None else seen
	origin, arguments = get_origin(told), get_args(told)
	if origin is Annotated:
		own = (BeforeValidator, PlainValidator, WrapValidator)
		return (
			None
			if any(isinstance(a, own) for a in arguments[1:])
			else check_of(arguments[0], known)
		)
	if origin in (Union, UnionType):
		arms = [arm for arm in arguments if arm is not NoneType]
		return check_of(arms[0], known) if len(arms) == 1 else None
	if origin in (list, set, frozenset, tuple) and arguments:
		return _of_list(check_of(arguments[0], known))
	if origin is dict:
		return _of_dict(check_of(arguments[1], known))
	if told in _SCALARS:
		fits, sentence = _SCALARS[told]
		return _of_scalar(fits, sentence)
	if isinstance(told, type) and issubclass(told, BaseModel) and not issubclass(told, RootModel):
		return _of_model(told, known)
	return None


def _is_whole(value: Any) -> bool:
	if isinstance(value, Decimal):
		return value == value.to_integral_value()
	return isinstance(value, int) and not isinstance(value, bool)


_SCALARS: dict[Any, tuple[Callable[[Any], bool], Callable[[], str]]] = {
	bool: (lambda value: isinstance(value, bool), lambda: _("Give true or false.")),
	int: (_is_whole, lambda: _("Give a whole number.")),
	date: (
		lambda value: isinstance(value, str) and _DAY.fullmatch(value) is not None,
		lambda: _("Give the day as year, month and day, for example 2026-03-01."),
	),
	datetime: (
		lambda value: isinstance(value, str) and _DAY.match(value) is not None,
		lambda: _("Give the time with its zone, for example 2026-03-01T00:00:00Z."),
	),
}


def _of_scalar(fits: Callable[[Any], bool], sentence: Callable[[], str]) -> Check:
	def check(value: Any, place: str) -> Iterator[Problem]:
		if value is not None and not fits(value):
			yield Problem(place or "body", sentence(), "type")

	return check


def _of_list(inner: Check | None) -> Check | None:
	if inner is None:
		return None

	def check(value: Any, place: str) -> Iterator[Problem]:
		if isinstance(value, list):
			for number, item in enumerate(value):  # pyright: ignore[reportUnknownVariableType]
				yield from inner(item, f"{place}.{number}".lstrip("."))

	return check


def _of_dict(inner: Check | None) -> Check | None:
	if inner is None:
		return None

	def check(value: Any, place: str) -> Iterator[Problem]:
		if isinstance(value, dict):
			for name, item in value.items():  # pyright: ignore[reportUnknownVariableType]
				yield from inner(item, f"{place}.{name}".lstrip("."))

	return check


def _of_model(model: type[BaseModel], known: dict[type, list[Any]]) -> Check:
	if model not in known:
		found = known[model] = []
		for name, field in model.model_fields.items():
			own = (BeforeValidator, PlainValidator, WrapValidator)
			if any(isinstance(said, own) for said in field.metadata):
				continue
			if (inner := check_of(field.annotation, known)) is not None:
				found.append((str(field.validation_alias or field.alias or name), inner))
	fields = known[model]

	def check(value: Any, place: str) -> Iterator[Problem]:
		if isinstance(value, dict):
			for name, inner in fields:
				if name in value:
					yield from inner(value[name], f"{place}.{name}".lstrip("."))
		elif isinstance(value, Decimal):  # of which Pydantic would read the attributes
			yield Problem(place or "body", _("Give an object."), "type")

	return check
