"""Fields of a posted form by name, the empty ones left out."""

from typing import Any

from fastapi import Request

from apg.kernel.web import forms
from apg.kernel.work import Work


async def filled(request: Request, work: Work, *names: str) -> dict[str, Any]:
	"""The named fields that hold more than spaces, without those around."""
	found = await forms.typed(request, work)
	return {name: text for name in names if (text := str(found.get(name, "")).strip())}


async def chosen(request: Request, name: str) -> list[str]:
	"""All values of a field that comes many times, such as ticked boxes."""
	return [one for one in (await request.form()).getlist(name) if isinstance(one, str)]
