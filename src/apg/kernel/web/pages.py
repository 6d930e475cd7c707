"""Pages: one Jinja environment, whole page or the part htmx asked for, toasts, local redirects."""

import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol, cast
from urllib.parse import quote

import structlog
from jinja2 import (
	ChoiceLoader,
	Environment,
	FileSystemLoader,
	PackageLoader,
	StrictUndefined,
	Template,
)
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse, Response

from apg.kernel.errors import AppError, Invalid, Problem
from apg.kernel.texts import _, locale_of_moment, translate
from apg.kernel.web import figures

ToastKind = Literal["good", "warn", "bad", "info"]
log = structlog.get_logger(__name__)

HTMX_CONFIG = {
	"allowEval": False,
	"includeIndicatorStyles": False,
	"selfRequestsOnly": True,
	"historyCacheSize": 0,
	"scrollBehavior": "auto",
	# refused forms and conflicts come back as the form itself; other errors become a toast
	"responseHandling": [
		{"code": "204", "swap": False},
		{"code": "[23]..", "swap": True},
		{"code": "409|412|422", "swap": True, "error": False},
		{"code": "[45]..", "swap": False, "error": True},
	],
}
MACROS = ("_table.html", "_filter.html", "_form.html", "_detail.html", "_empty.html")
MACRO_FOLDER = "components"
TOAST_COOKIE = "apg_toast"


class Reader(Protocol):
	"""What the shell shows of the person; `apg.kernel.principal.Principal` is one."""

	@property
	def user_id(self) -> str | None: ...
	@property
	def username(self) -> str: ...
	@property
	def display_name(self) -> str: ...
	@property
	def tenant_id(self) -> str: ...
	@property
	def tenant_name(self) -> str: ...
	@property
	def permissions(self) -> frozenset[str]: ...
	@property
	def locale(self) -> str: ...


@dataclass(frozen=True, slots=True)
class MenuLink:
	"""One entry of the navigation, already known to be open to the person."""

	label: str
	href: str
	icon: str = "dot"
	active: bool = False
	count: int | None = None


@dataclass(frozen=True, slots=True)
class MenuGroup:
	"""The entries of one capability."""

	label: str
	entries: Sequence[MenuLink]
	icon: str = "dot"


@dataclass(frozen=True, slots=True)
class Frame:
	"""All that the shell needs of one request; `headers` are matched in lower case."""

	path: str
	principal: Reader | None = None
	menu: Sequence[MenuGroup] = ()
	csrf_token: str = ""
	request_id: str = ""
	unread: int = 0
	version: str = ""
	locale: str = "en"
	timezone: str = "UTC"
	headers: Mapping[str, str] = field(default_factory=dict[str, str])

	@property
	def partial(self) -> bool:
		"""True when htmx wants a part: not a boosted link, not a page out of its history."""
		return (
			self.headers.get("hx-request") == "true"
			and self.headers.get("hx-boosted") != "true"
			and self.headers.get("hx-history-restore-request") != "true"
		)

	@property
	def target(self) -> str:
		"""The id of the element htmx will fill, spelled as a block name."""
		return self.headers.get("hx-target", "").replace("-", "_")


@dataclass(frozen=True, slots=True)
class FormState:
	"""What a form shows: the values as typed, and what is wrong with them."""

	values: Mapping[str, Any] = field(default_factory=dict[str, Any])
	problems: Sequence[Problem] = ()
	labels: dict[str, str] = field(default_factory=dict[str, str])
	prefix: str = ""  # of ids, where two forms of a page have a field of one name

	@classmethod
	def of(cls, entity: Any = None, **values: Any) -> "FormState":
		"""A form filled from a mapping or an object, `values` winning."""
		if isinstance(entity, Mapping):
			return cls({**entity, **values})
		return cls(_Attributes(entity, values))

	@classmethod
	def refused(cls, typed: Mapping[str, Any], error: Invalid) -> "FormState":
		"""The same form again with everything typed and each problem at its field."""
		return cls(typed, error.problems)

	def value(self, name: str, default: Any = "") -> Any:
		found = self.values.get(name)
		return default if found is None else found

	def problem(self, name: str) -> str:
		return " ".join(one.message for one in self.problems if one.field == name)

	def labelled(self, name: str, label: str) -> str:
		"""Keeps what people call the field, for the summary of what is wrong; writes nothing."""
		self.labels[name] = label
		return ""


class _Attributes(Mapping[str, Any]):
	"""An object's attributes read as a mapping."""

	def __init__(self, entity: Any, over: Mapping[str, Any]) -> None:
		self.entity, self.over = entity, over

	def __getitem__(self, key: str) -> Any:
		if key in self.over:
			return self.over[key]
		try:
			return getattr(self.entity, key)
		except AttributeError:
			raise KeyError(key) from None

	def __iter__(self) -> Iterator[str]:
		return iter(self.over)

	def __len__(self) -> int:
		return len(self.over)


_frame: ContextVar[Frame] = ContextVar("frame")


class _Macros:
	"""`ui.<macro>` in every template, full page or part, without an import."""

	def __init__(self, environment: Environment) -> None:
		self._environment = environment
		self._homes: dict[str, str] = {}

	def find(self) -> None:
		"""Learns which file each macro lives in, with the first page: modules copy the globals, which
		have to stand by then, and no process starts later for it."""
		if self._homes:
			return
		environment, homes = self._environment, dict[str, str]()
		for name in environment.list_templates(["html"]):
			if name in MACROS or name.startswith(f"{MACRO_FOLDER}/"):
				for macro in vars(environment.get_template(name).module):
					if not macro.startswith("_"):
						homes[macro] = name
		self._homes = homes

	def __getattr__(self, name: str) -> Any:
		self.find()
		home = self._homes.get(name)
		if home is None:
			raise AttributeError(f"no macro ui.{name}; there are: {', '.join(sorted(self._homes))}")
		macro = getattr(self._environment.get_template(home).module, name)
		if not self._environment.auto_reload:
			setattr(self, name, macro)
		return macro


class PageEngine:
	"""Renders every page of the product.

	`template_dirs` are folders or `(package, folder)` pairs, searched in order; `assets` is the
	build's manifest (or the path of it); `frame` turns what a view holds (a Work, or a Request on
	public pages) into a Frame.
	"""

	def __init__(
		self,
		template_dirs: Sequence[Path | tuple[str, str]],
		assets: Path | Mapping[str, Any],
		frame: Callable[[Any], Frame],
		*,
		reload: bool = False,
	) -> None:
		self.frame_of = frame
		self.icon = lru_cache(maxsize=1024)(self._icon)
		self._assets = _read_assets(assets) if isinstance(assets, Path) else dict(assets)
		self.environment = Environment(
			loader=ChoiceLoader([_loader(folder) for folder in template_dirs]),
			autoescape=True,
			undefined=StrictUndefined,
			trim_blocks=True,
			lstrip_blocks=True,
			auto_reload=reload,
			extensions=["jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols"],
		)
		install = getattr(self.environment, "install_gettext_callables")  # noqa: B009
		install(translate, _plural, newstyle=True)
		self.environment.filters.update(figures.FILTERS)
		offered: dict[str, Any] = {
			"_": figures.said,
			"asset": self.asset,
			"static": static,
			"icon": self.icon,
			"csrf_field": csrf_field,
			"fill": fill,
			"htmx_config": json.dumps(HTMX_CONFIG),
			"svg_percent": figures.svg_percent,
			"missing": figures.missing,
		}
		names = cast("dict[str, Any]", self.environment.globals)
		names.update(offered)
		names["ui"] = self._macros = _Macros(self.environment)

	def warm(self) -> None:
		"""Reads what every page uses, so that the first one does not wait for it."""
		self._macros.find()

	@property
	def built(self) -> bool:
		"""False when the front end was never built; pages then come without style."""
		return bool(self._assets)

	def asset(self, name: str) -> str:
		"""The address of a built file: `shell.js` → `/static/dist/shell-3F2A.js`."""
		return f"/static/dist/{self._assets.get(name, name)}"

	def _icon(self, name: str, label: str = "") -> Markup:
		"""An icon of the bundled set; without a label it is decoration and hidden from readers."""
		known = self._assets.get("icons", ())
		if known and name not in known:
			log.warning("icon not in the sprite; run the front-end build", icon=name)
			name = "dot"
		named = Markup('role="img" aria-label="{}"').format(label) if label else None
		return Markup('<svg class="icon" {}><use href="{}#{}"></use></svg>').format(
			named or Markup('aria-hidden="true"'), self.asset("icons.svg"), name
		)

	def render(
		self,
		subject: Any,
		template: str,
		*,
		status: int = 200,
		block: str | None = None,
		headers: Mapping[str, str] | None = None,
		**context: Any,
	) -> HTMLResponse:
		"""The page; for htmx only `block`, else the block named as its target, else `content`."""
		frame = self.frame_of(subject)
		html = self.text(frame, template, block=block, **context)
		response = HTMLResponse(html, status, dict(headers or {}))
		response.headers.setdefault("Vary", "HX-Request, HX-Target, Cookie")
		response.headers.setdefault("Cache-Control", "no-store")
		return response

	def text(self, frame: Frame, template: str, *, block: str | None = None, **context: Any) -> str:
		"""The HTML itself."""
		page = self.environment.get_template(template)
		values = {
			"frame": frame,
			"principal": frame.principal,
			"menu": frame.menu,
			"csrf_token": frame.csrf_token,
			"path": frame.path,
			"request_id": frame.request_id,
			"unread": frame.unread,
			"version": frame.version,
			"locale": frame.locale,
			**context,
		}
		with _framed(frame):
			if not frame.partial:
				return page.render(values)
			return _part(page, page.new_context(values), block, frame.target)

	def error(self, subject: Any, error: AppError) -> Response:
		"""The page of an error; htmx gets a toast and leaves the page as it is."""
		frame = self.frame_of(subject)
		if frame.partial:
			response = Response(status_code=error.status, headers={"HX-Reswap": "none"})
			toast(response, error.message, "bad")
		else:
			name = f"errors/{error.status}.html"
			if name not in self.environment.list_templates(["html"]):
				name = f"errors/{400 if error.status < 500 else 500}.html"
			response = HTMLResponse(self.text(frame, name, error=error), error.status)
		response.headers["Cache-Control"] = "no-store"
		for header, value in error.headers.items():
			response.headers[header] = value
		return response

	def redirect(
		self, subject: Any, path: str, *, text: str = "", kind: ToastKind = "good"
	) -> Response:
		"""Leads to a local path, with a toast there if `text` is given; both browser and htmx."""
		target = local_path(path)
		response: Response
		if self.frame_of(subject).headers.get("hx-request") == "true":
			response = Response(status_code=204, headers={"HX-Redirect": target})
		else:
			response = RedirectResponse(target, 303)
		if text:
			value = quote(json.dumps({"text": text, "kind": kind}))
			response.set_cookie(TOAST_COOKIE, value, max_age=30, path="/", samesite="lax")
		response.headers["Cache-Control"] = "no-store"
		return response


def toast(response: Response, text: str, kind: ToastKind = "good") -> Response:
	"""Adds a short message that the shell shows and reads out; for answers to htmx."""
	events: dict[str, Any] = json.loads(response.headers.get("HX-Trigger", "{}"))
	events["apg:toast"] = {"text": text, "kind": kind}
	response.headers["HX-Trigger"] = json.dumps(events)
	return response


def local_path(path: str) -> str:
	"""The path if it leads nowhere but to this server; raises Invalid for anything else."""
	plain = path.isascii() and path.isprintable() and "\\" not in path and " " not in path
	if path.startswith("/") and not path.startswith("//") and plain:
		return path
	raise Invalid.one("next", _("must be a path of this server, such as /plm/products"))


def csrf_field() -> Markup:
	"""The hidden input every form carries."""
	return Markup('<input type="hidden" name="csrf_token" value="{}">').format(
		_frame.get().csrf_token
	)


def static(path: str) -> str:
	"""The address of an unbundled file of a capability: `/static/plm/viewer3d/viewer.js`."""
	return path if path.startswith("/static/") else f"/static/{path.lstrip('/')}"


def fill(pattern: str, row: Any) -> str:
	"""Puts values of a row into an address: `/plm/products/{id}`; each value is quoted."""
	parts = pattern.split("{")
	filled = parts[0]
	for part in parts[1:]:
		name, _brace, rest = part.partition("}")
		value = row[name] if isinstance(row, Mapping) else getattr(row, name)
		filled += quote(str(value), safe="") + rest
	return filled


@contextmanager
def _framed(frame: Frame) -> Generator[None]:
	seen = _frame.set(frame)
	spoken = locale_of_moment.set(frame.locale)
	zone = figures.timezone_of_moment.set(frame.timezone)
	try:
		yield
	finally:
		figures.timezone_of_moment.reset(zone)
		locale_of_moment.reset(spoken)
		_frame.reset(seen)


def _part(page: Template, context: Context, block: str | None, target: str) -> str:
	"""Renders one block, after the page's own top-level sets and imports have run."""
	upto_first_output = page.root_render_func(context)
	next(upto_first_output, None)
	names = [name for name in (block, target, "content") if name and name in context.blocks]
	if not names:
		return page.render(context.get_all())
	if block and names[0] != block:
		raise LookupError(f"template {page.name} has no block {block!r}")
	return "".join(context.blocks[names[0]][0](context))


def _plural(one: str, many: str, n: int) -> str:
	return translate(one if n == 1 else many)


def _loader(folder: Path | tuple[str, str]) -> FileSystemLoader | PackageLoader:
	return FileSystemLoader(folder) if isinstance(folder, Path) else PackageLoader(*folder)


def _read_assets(path: Path) -> dict[str, Any]:
	if not path.is_file():
		log.warning(
			"front end not built; run `npm ci && npm run build` in frontend", path=str(path)
		)
		return {}
	return json.loads(path.read_text("utf-8"))
