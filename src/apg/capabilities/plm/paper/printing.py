"""Sheets become PDF files in a process without secrets, with bounded memory and time."""

from asyncio import to_thread
from importlib import import_module

from apg.capabilities.plm.paper.sheets import Sheet
from apg.embedded.confined import Broken, Overrun, confined
from apg.kernel.errors import Unavailable
from apg.kernel.texts import _

MEMORY, SECONDS = 1_000_000_000, 60.0
MEDIA = "application/pdf"


async def printed(sheet: Sheet) -> bytes:
	"""The sheet as a PDF. Raises Unavailable where drawing it takes more than it may."""
	drawing = await to_thread(import_module, "apg.capabilities.plm.paper.drawing")
	try:
		return await confined(drawing.draw, MEMORY, SECONDS, sheet)
	except (Overrun, Broken) as failed:
		raise Unavailable(_("The paper could not be drawn; try again in a minute.")) from failed
