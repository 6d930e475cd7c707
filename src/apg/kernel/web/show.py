"""What a view answers with: a page, or the way to one."""

from typing import Any

from fastapi import Request, Response

from apg.kernel.web.authentication import scope_of_moment
from apg.kernel.web.pages import PageEngine, ToastKind, toast

__all__ = ["lead_to", "show", "toast"]


def _engine(subject: Any) -> PageEngine:
	scope = subject.scope if isinstance(subject, Request) else scope_of_moment.get()
	assert scope is not None, "a page is rendered inside a request"
	return scope["app"].state.pages


def show(subject: Any, template: str, **context: Any) -> Response:
	"""The page for a Work, or for a Request where nobody is signed in.

	`status`, `block` and `headers` go to the answer, all else to the template.
	"""
	return _engine(subject).render(subject, template, **context)


def lead_to(subject: Any, path: str, *, text: str = "", kind: ToastKind = "good") -> Response:
	"""Leads to a local path, with a toast there; browsers and htmx alike."""
	return _engine(subject).redirect(subject, path, text=text, kind=kind)
