"""Regulations, declarations and status on the wire."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from apg.capabilities.plm.examples import body
from apg.capabilities.plm.shared.compliance_math import Basis, Declared
from apg.kernel.web.wire import Amount, Day, IdText, Line, Moment, WireModel

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
Name = Annotated[Line, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
Share = Annotated[Amount, Field(ge=0, le=1)]
Id = Annotated[IdText, Field(max_length=40)]


class LimitIn(WireModel):
	"""One substance of a list: at most `limit_share` of the mass (0.001 is 0.1 %)."""

	model_config = body({"substance": "Lead", "cas": "7439-92-1", "limit_share": 0.001})

	substance: Name
	cas: Annotated[str, StringConstraints(max_length=20)] = ""
	limit_share: Share


class RegulationIn(WireModel):
	"""`basis` says what a share is a share of; with a basis a version of the list is needed."""

	model_config = body(
		{
			"code": "prop65",
			"name": "California Proposition 65",
			"kind": "regulation",
			"source": "27 CCR 27001",
			"basis": "article",
			"list_version": "2026-01",
		}
	)

	code: Code
	name: Name
	kind: Literal["regulation", "standard"] = "regulation"
	source: Text | None = None
	basis: Basis = Basis.NONE
	list_version: Name | None = None
	is_active: bool = True


class RegulationPatch(WireModel):
	"""Only what is named changes. Another `list_version` is another list: everything is looked at
	again, and what was declared against the list before no longer says that nothing is in a part."""

	model_config = body({"name": "Proposition 65", "is_active": False})

	name: Name | None = None
	source: Text | None = None
	is_active: bool | None = None


class ListIn(WireModel):
	"""A new version of a regulation's list, as a whole."""

	model_config = body(
		{
			"list_version": "2026-06",
			"substances": [{"substance": "Lead", "cas": "7439-92-1", "limit_share": 0.001}],
		}
	)

	list_version: Name
	substances: Annotated[list[LimitIn], Field(min_length=1, max_length=5_000)]


class RegulationOut(WireModel):
	regulation_id: IdText
	code: str
	name: str
	kind: str
	source: str | None
	basis: str
	list_version: str | None
	is_active: bool
	created_at: Moment
	updated_at: Moment


class DeclarationIn(WireModel):
	"""Without a substance: none of the list is in the part above its limit. `share` is 0 to 1 of the
	homogeneous material or of the article."""

	model_config = body(
		{
			"regulation": "rohs",
			"substance": "Lead",
			"material": "solder",
			"share": 0.0008,
			"evidence": "Certificate 4711",
			"declared_on": "2026-05-02",
		}
	)

	regulation: Code
	list_version: Name | None = None
	substance: Name | None = None
	material: Annotated[str, StringConstraints(max_length=200)] = ""
	share: Share | None = None
	exemption: Name | None = None
	exempt_until: Day | None = None
	evidence: Text
	declared_on: Day
	manufacturer_part_id: Id | None = None


class DeclarationOut(WireModel):
	declaration_id: IdText
	product_id: IdText
	regulation: str
	list_version: str
	substance: str | None
	material: str
	share: Decimal | None
	exemption: str | None
	exempt_until: date | None
	evidence: str
	declared_on: date
	manufacturer_part_id: IdText | None
	created_at: Moment
	updated_at: Moment


class StatusIn(WireModel):
	"""The status of a revision with its evidence; `exempt` has a day it ends."""

	model_config = body(
		{"status": "compliant", "evidence": "Report 2026-14", "valid_until": "2027-12-31"}
	)

	status: Declared
	evidence: Text | None = None
	valid_until: Day | None = None
	note: Text | None = None


class StatusOut(WireModel):
	"""`status` is recorded, `own` is what holds today, `whole` joins what is below; the worst wins."""

	regulation: str
	name: str
	recorded: str | None
	evidence: str | None
	valid_until: date | None
	own: str
	whole: str
	because: list[dict[str, Any]]
