"""`/admin/tenant`."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.kernel.errors import Invalid, PreconditionFailed
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work
from apg.platform.tenants.permissions import TENANT_READ, TENANT_UPDATE
from apg.platform.tenants.tenants import service
from apg.platform.tenants.tenants.schemas import TenantPatch

PLACE = "/admin/tenant"
router = Router(include_in_schema=False)


@router.get("")
async def tenant(work: Annotated[Work, allow(TENANT_READ)]) -> Response:
	found = await service.current(work)
	form = FormState.of(service.as_typed(found))
	return await _page(work, form, tenant=found, etag=str(found.version))


@router.post("")
async def save(request: Request, work: Annotated[Work, allow(TENANT_UPDATE)]) -> Response:
	given = await typed(request, work)
	try:
		await service.change(work, checked(TenantPatch, service.from_typed(blank_as_none(given))))
		await work.flush()
	except Invalid as refused:
		found = await service.current(work)
		form = FormState.refused(given, refused)
		return await _page(
			work, form, status=422, block="form", tenant=found, etag=str(found.version)
		)
	except PreconditionFailed:
		found = await service.current(work)
		rows = service.differences(found, given)
		return await _page(
			work, FormState.of(given), status=412, block="form", tenant=found,
			etag=str(found.version), conflict=rows,
		)  # fmt: skip
	return lead_to(work, PLACE, text=_("Saved"))


async def _page(work: Work, form: FormState, **context: Any) -> Response:
	may_change = work.principal.may(TENANT_UPDATE)
	codes = [(code, code) for code in await service.currencies(work)]
	values: dict[str, Any] = {"conflict": [], "codes": codes, **context}
	return show(work, "tenants/tenants/detail.html", form=form, may_change=may_change, **values)
