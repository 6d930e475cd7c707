"""A tenant comes to be, is read and is changed."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import select

from apg.contracts.reference import ExchangeRates
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.json_rows import One
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import new_id, utc_now
from apg.kernel.texts import _
from apg.kernel.web.forms import checked
from apg.kernel.web.wire import amount_text
from apg.kernel.work import Work, open_work
from apg.platform.tenants.subscriptions import service as subscriptions
from apg.platform.tenants.tenants.models import Scope, Tenant, select_tenant
from apg.platform.tenants.tenants.schemas import SETTINGS_LIMIT, TenantIn, TenantPatch

MERGED = ("settings", "ai_configuration")
# The fields of the page; settings have pages of their own.
TYPED = (
	"name",
	"description",
	"industry",
	"headquarters_country",
	"employee_count",
	"annual_revenue",
	"currency",
	"locale",
	"esg_frameworks",
	"ai_enabled",
)


class SlugTaken(Conflict):
	code = "SLUG_TAKEN"


async def create_tenant(
	runtime: Runtime,
	slug: str,
	name: str,
	*,
	currency: str = "EUR",
	locale: str = "en",
	capabilities: Collection[str] | None = None,
	settings: dict[str, Any] | None = None,
) -> str:
	"""Makes a tenant whole in one transaction: row, root scope, capabilities, their first steps.

	`capabilities` are short names, None for all that can be switched. Answers the id. Raises
	Invalid for bad fields and SlugTaken when there is such a tenant; then nothing was made.
	"""
	new = checked(TenantIn, {"slug": slug, "name": name, "currency": currency, "locale": locale})
	tenant_id = new_id()
	principal = Principal.system(tenant_id)
	async with open_work(runtime, principal, action="tenants.tenant.create", origin="cli") as work:
		made = await (await work.connection()).exec_driver_sql(
			"select tenant_create($1, $2, $3, $4, $5, null)",
			(tenant_id, new.slug, new.name, new.currency, new.locale),
		)
		if made.scalar_one() is None:
			raise SlugTaken(
				_("There is a company “{slug}” already; choose another short name.", slug=slug),
				problems=[Problem("slug", _("is taken"), "taken")],
			)
		await _check_currency(work, new.currency)
		if settings:
			tenant = await work.edit(Tenant, tenant_id)
			tenant.settings = dict(settings)
		work.add(Scope(id=tenant_id, name=new.name, parent_id=None))
		await work.flush()
		wanted = (
			[c.short for c in subscriptions.switchable(runtime.composition)]
			if capabilities is None
			else capabilities
		)
		await subscriptions.start_with(work, wanted)
	return tenant_id


async def find_tenant(runtime: Runtime, slug: str) -> str | None:
	"""The id behind a slug, or None."""
	async with runtime.engine.connect() as connection:
		found = await connection.exec_driver_sql("select tenant_by_slug($1)", (slug,))
		value = found.scalar_one()
	return None if value is None else str(value)


async def read(work: Work) -> One:
	"""The own tenant in its wire form."""
	return await work.read_one(select_tenant(), Tenant)


async def current(work: Work) -> Tenant:
	"""The own tenant, for pages."""
	return await work.get(Tenant, work.principal.tenant_id)


async def change(work: Work, patch: TenantPatch) -> Tenant:
	"""Changes the fields given. Raises PreconditionFailed for a stale If-Match."""
	tenant = await work.edit(Tenant, work.principal.tenant_id)
	if patch.currency is not None and patch.currency != tenant.currency:
		await _check_currency(work, patch.currency)
	for field, value in patch.model_dump(exclude_unset=True).items():
		merged = _merged(getattr(tenant, field), value, field) if field in MERGED else value
		setattr(tenant, field, merged)
	if work.session.is_modified(tenant):
		tenant.updated_at, tenant.updated_by = utc_now(), work.principal.user_id
	await _rename_root(work, tenant)
	return tenant


async def currencies(work: Work) -> list[str]:
	"""The codes a company may count in, sorted."""
	return sorted(await work.port(ExchangeRates).known(work))


async def _check_currency(work: Work, code: str) -> None:
	if code not in await work.port(ExchangeRates).known(work):
		text = _("{code} is no currency of ISO 4217; see the list of currencies.", code=code)
		raise Invalid.one("currency", text, "currency")


def _merged(held: dict[str, Any], given: dict[str, Any], field: str) -> dict[str, Any]:
	"""JSON merge patch (RFC 7396) of the first level: given keys replace, null removes."""
	merged = {name: value for name, value in {**held, **given}.items() if value is not None}
	if len(str(merged)) > SETTINGS_LIMIT:
		raise Invalid.one(field, _("is larger than {n} bytes", n=SETTINGS_LIMIT))
	return merged


async def _rename_root(work: Work, tenant: Tenant) -> None:
	root = await work.scalar(select(Scope).where(Scope.id == tenant.id))
	if root is not None and root.name != tenant.name:
		root.name = tenant.name


def as_typed(tenant: Tenant) -> dict[str, Any]:
	"""The fields of the page's form, filled from the tenant."""
	values: dict[str, Any] = {name: getattr(tenant, name) for name in TYPED}
	revenue = values["annual_revenue"]
	values["annual_revenue"] = None if revenue is None else amount_text(revenue)
	values["esg_frameworks"] = ", ".join(tenant.esg_frameworks)
	return values


def from_typed(given: dict[str, Any]) -> dict[str, Any]:
	"""What a form holds, as the API takes it."""
	values = {name: value for name, value in given.items() if name in TYPED}
	if "esg_frameworks" in values:
		words = str(values["esg_frameworks"] or "").split(",")
		values["esg_frameworks"] = [word.strip() for word in words if word.strip()]
	return values


def differences(tenant: Tenant, given: dict[str, Any]) -> list[dict[str, str]]:
	"""Field by field, what was typed and what somebody else saved meanwhile."""
	held = as_typed(tenant)
	labels = {
		"name": _("Name"),
		"description": _("Description"),
		"industry": _("Industry"),
		"headquarters_country": _("Country of the headquarters"),
		"employee_count": _("Employees"),
		"annual_revenue": _("Revenue of a year"),
		"currency": _("Currency"),
		"locale": _("Language"),
		"esg_frameworks": _("Reporting frameworks"),
		"ai_enabled": _("Predictions are allowed"),
	}
	rows: list[dict[str, str]] = []
	for name in TYPED:
		theirs = "" if held[name] is None else str(held[name])
		theirs = theirs.lower() if isinstance(held[name], bool) else theirs
		mine = str(given.get(name, theirs))
		if mine != theirs:
			rows.append({"name": name, "label": labels[name], "mine": mine, "theirs": theirs})
	return rows
