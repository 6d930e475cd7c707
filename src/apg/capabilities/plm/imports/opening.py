"""Reads a file in a process of its own, bounded in memory and time, whoever asks for it."""

from asyncio import to_thread
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
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


SMALL_SECONDS = 30.0
_KEPT = 8  # files that were read last; looking at one and taking it over reads it once
_recent: OrderedDict[bytes, FileRead] = OrderedDict()


@dataclass(frozen=True, slots=True)
class Asked:
	"""A kept file and how it is to be read; `path` is that of a tenant and named after the hash of
	its content, `version` that of the import."""

	path: Path
	form: Form
	options: Options
	choices: Mapping[str, str | None]
	remembered: Mappings
	version: int

	@property
	def key(self) -> bytes:
		ways = (sorted(self.choices.items()), sorted(self.remembered.items()))
		return sha256(repr((str(self.path), self.form.value, self.options, ways)).encode()).digest()


async def open_kept(asked: Asked) -> FileRead:
	"""Like `open_file`; a small file that this process read the same way a moment ago is not read
	again. Somebody waits for a small one, so it gets less time."""
	given = (asked.path, asked.form, asked.options, asked.choices, asked.remembered)
	if not await to_thread(is_small, asked.path, asked.form):
		return await open_file(*given)
	if (key := asked.key) in _recent:
		_recent.move_to_end(key)
		return _recent[key]
	found = _recent[key] = await open_file(*given, seconds=SMALL_SECONDS)
	while len(_recent) > _KEPT:
		_recent.popitem(last=False)
	return found


async def open_file(
	path: Path,
	form: Form,
	options: Options,
	choices: Mapping[str, str | None],
	remembered: Mappings | None = None,
	*,
	seconds: float | None = None,
) -> FileRead:
	"""What the file says. Raises Unreadable, also where reading it takes too much."""
	limits = PlmSettings()
	seconds = seconds or limits.reader_seconds
	try:
		return await confined(
			files.read_path,
			limits.reader_memory,
			seconds,
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
			else _("Reading the file takes more than {n} s.", n=seconds)
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
