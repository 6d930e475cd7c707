"""Reads a file in a process of its own, bounded in memory and time, whoever asks for it."""

from asyncio import to_thread
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from apg.capabilities.plm.imports import files
from apg.capabilities.plm.imports.columns import Column, ColumnMapping, Field
from apg.capabilities.plm.imports.files import FileRead, Form, Options, is_small
from apg.capabilities.plm.settings import PlmSettings
from apg.embedded.confined import Broken, Overrun, Refusal, confined, make_ready
from apg.kernel.file_kinds import Unreadable
from apg.kernel.texts import _

Mappings = Mapping[str, Mapping[str, str | None]]


_KEPT = 8  # files that were read last; looking at one and taking it over reads it once
_recent: OrderedDict[bytes, FileRead] = OrderedDict()


async def open_kept(
	path: Path,
	form: Form,
	options: Options,
	choices: Mapping[str, str | None],
	remembered: Mappings,
) -> FileRead:
	"""Like `open_file`, for a file that is kept under the hash of its content: a small one that this
	process read the same way a moment ago is not read again."""
	if not await to_thread(is_small, path, form):
		return await open_file(path, form, options, choices, remembered)
	asked = (
		path.name,
		form.value,
		repr(options),
		sorted(choices.items()),
		sorted(remembered.items()),
	)
	key = sha256(repr(asked).encode()).digest()
	if key in _recent:
		_recent.move_to_end(key)
		return _recent[key]
	found = _recent[key] = await open_file(path, form, options, choices, remembered)
	while len(_recent) > _KEPT:
		_recent.popitem(last=False)
	return found


async def open_file(
	path: Path,
	form: Form,
	options: Options,
	choices: Mapping[str, str | None],
	remembered: Mappings | None = None,
) -> FileRead:
	"""What the file says. Raises Unreadable, also where reading it takes too much."""
	limits = PlmSettings()
	try:
		return await confined(
			files.read_path,
			limits.reader_memory,
			limits.reader_seconds,
			str(path),
			form.value,
			options,
			dict(choices),
			dict(remembered or {}),
		)
	except Refusal as refused:
		raise Unreadable(refused.reason, refused.remedy) from refused
	except Overrun as over:
		reason = (
			_("Reading the file takes more than {n} MB of memory.", n=limits.reader_memory // 10**6)
			if over.what == "memory"
			else _("Reading the file takes more than {n} s.", n=limits.reader_seconds)
		)
		raise Unreadable(reason, _smaller(form)) from over
	except Broken as broken:
		raise Unreadable(_("The file could not be read."), _smaller(form)) from broken


def _smaller(form: Form) -> str:
	if form is Form.XLSX:
		# A cell, or the format of one, in a far corner makes a table of everything in between.
		return _("Remove what stands far from the table, also formats, or save the sheet as CSV.")
	return _("Split it into smaller files, or export it in another form.")


async def prepare() -> None:
	"""Starts the reader while the file is still on its way."""
	await make_ready(files.read_path)


def check_headings(preview: Mapping[str, Any], choices: Mapping[str, str | None]) -> None:
	"""Raises Invalid for a heading or a field that is not there, before anything is read again."""
	known = tuple(
		Column(n, each["heading"], Field(each["field"]) if each["field"] else None, 0)
		for n, each in enumerate(preview.get("columns", []))
	)
	if known or choices:
		ColumnMapping(known).correct(choices)
