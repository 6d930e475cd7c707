"""A list of substances from a file: what is understood, what is refused and where."""

from decimal import Decimal

import httpx
import pytest
from tests.people import Person

from apg.capabilities.plm.compliance.list_files import read_list
from apg.kernel.file_kinds import Unreadable

PAGE = "/plm/compliance/lists/new"
LIST = "Name;CAS;Threshold;Exemptions\nLead;7439-92-1;0,1 %;6(c)\nCadmium;7440-43-9;0.0001;\n"


def test_limits_are_shares_of_the_mass_however_they_are_written() -> None:
	taken, wrong, unused = read_list(LIST.encode("utf-8-sig"))
	assert wrong == []
	assert unused == ["exemptions"]
	assert [(one["substance"], one["cas"], Decimal(one["limit_share"])) for one in taken] == [
		("Lead", "7439-92-1", Decimal("0.001")),
		("Cadmium", "7440-43-9", Decimal("0.0001")),
	]


@pytest.mark.parametrize(
	("row", "reason"),
	[
		("Lead,7439-92-2,0.001", "check digit"),
		("Lead,,1.5", "no share of the mass"),
		("Lead,,none", "no share of the mass"),
		("Lead,,", "no share of the mass"),
		(",,0.1", "Name the substance"),
		("mercury,,0.1", "in line 2 already"),
	],
)
def test_a_wrong_row_is_named_with_its_line(row: str, reason: str) -> None:
	taken, wrong, _unused = read_list(f"substance,cas,limit\nMercury,,0.1%\n{row}\n".encode())
	assert len(taken) == 1
	((line, told),) = wrong
	assert line == 3
	assert reason in told


def test_a_file_without_the_columns_is_refused() -> None:
	with pytest.raises(Unreadable):
		read_list(b"a,b\n1,2\n")


async def test_a_list_comes_into_force_by_its_file_and_a_wrong_one_changes_nothing(
	client: httpx.AsyncClient, alice: Person
) -> None:
	await client.post("/plm/compliance/start", headers=alice.headers, data={"go": "1"})
	path = "/api/v1/plm/regulations"
	known = (await client.get(path, headers=alice.headers)).json()["data"]
	rohs = next(one for one in known if one["code"] == "rohs")
	fields = {"regulation": rohs["regulation_id"], "list_version": "2026-06"}

	async def send(content: str) -> httpx.Response:
		sent = {"file": ("list.csv", content.encode(), "text/csv")}
		return await client.post(PAGE, headers=alice.headers, data=fields, files=sent)

	refused = await send(LIST + "Zinc;;plenty;\n")
	assert refused.status_code == 422
	assert "plenty" in refused.text
	now = (await client.get(path, headers=alice.headers)).json()["data"]
	assert now == known
	taken = await send(LIST)
	assert taken.status_code < 400, taken.text
	one = await client.get(f"{path}/{rohs['regulation_id']}", headers=alice.headers)
	assert one.json()["data"]["list_version"] == "2026-06"
	again = await send(LIST)
	assert again.status_code == 422
	assert 'href="#field-list_version"' in again.text
