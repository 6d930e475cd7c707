"""Documents of revisions: attached, demanded by a class, carried along, fixed by a release."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.capabilities.plm.changes.conftest import Company, Desk
from tests.capabilities.plm.changes.test_views import opened, place, sent
from tests.capabilities.plm.workshop import Answer

from apg.kernel.work import open_work

PLM = "/api/v1/plm"
PDF = b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"


async def attached(
	desk: Desk, name: str, content: bytes = PDF, *, revision: str = "", **said: Any
) -> Answer:
	asked = {"revision": revision} if revision else {}
	response = await desk.api.post(
		desk.path(name, "/documents"),
		params=asked,
		data=said,
		files={"file": (said.get("file_name", "a.pdf"), content, "application/pdf")},
		headers=desk.headers,
	)
	return Answer(response)


async def _drawn(company: Company) -> None:
	"""The class Parts asks for a drawing, Parts/Sheet for a test report beside it."""
	top = (
		await company.manager.call(
			"POST", f"{PLM}/classes", {"name": "Parts", "required_documents": ["drawing"]}
		)
	).data
	assert top["required_documents"] == ["drawing"]
	sheet = (
		await company.manager.call(
			"POST", f"{PLM}/classes", {"name": "Sheet", "parent_id": top["class_id"]}
		)
	).data
	answer = await company.manager.call(
		"PATCH", f"{PLM}/classes/{sheet['class_id']}", {"required_documents": ["test_report"]}
	)
	assert answer.data["required_documents"] == ["test_report"]


async def test_a_submission_names_the_missing_kinds_and_the_release_fixes_them(company: Company):
	author = company.author
	await _drawn(company)
	await author.product("plate", class_path="Parts/Sheet")
	refused = await company.manager.call("POST", author.path("plate", "/release"), {})
	assert (refused.status, refused.code) == (409, "NOT_RELEASABLE")
	assert set(refused.details) == {"documents.drawing", "documents.test_report"}
	change_id = await author.raised("plate")
	refused = await author.do(change_id, "submit")
	assert (refused.status, refused.code) == (409, "NOT_SUBMITTABLE")
	revision = await author.working(change_id, "plate")
	page = f"/plm/products/{author.ids['plate']}/documents?revision={revision}"
	assert refused.details["items.N-plate.documents.drawing"] == [
		f"Parts asks for a document of the kind drawing and N-plate has none; attach it. {page}"
	]
	assert "items.N-plate.documents.test_report" in refused.details
	made = await attached(
		author, "plate", kind="drawing", title="Plate", document_revision="C", revision=revision
	)
	assert made.status == 201, made.response.text
	drawing = made.data
	assert (drawing["kind"], drawing["title"], drawing["revision"]) == ("drawing", "Plate", "C")
	assert drawing["media_type"] == "application/pdf"
	assert [one["revision_id"] for one in drawing["attached_to"]] == [revision]
	twice = await attached(author, "plate", kind="drawing", title="Plate", revision=revision)
	assert (twice.status, twice.code) == (409, "ALREADY_ATTACHED")
	report = await attached(
		author, "plate", b"bend test: passed\n", kind="test_report", title="Bend", revision=revision
	)
	assert report.status == 201, report.response.text
	[item] = (await author.seen(change_id, "/redline"))["items"]
	assert [(one["field"], one["old"]) for one in item["difference"]["attributes"]] == [
		("documents.drawing Plate", None),
		("documents.test_report Bend", None),
	]
	await company.approved(change_id)
	# In review nothing comes and nothing goes, by call or by hand.
	late = await attached(author, "plate", kind="manual", title="Late", revision=revision)
	assert (late.status, late.code) == (409, "REVISION_NOT_WORKING")
	path = author.path("plate", f"/documents/{drawing['document_id']}")
	gone = await author.call("DELETE", f"{path}?revision={revision}")
	assert (gone.status, gone.code) == (409, "REVISION_NOT_WORKING")
	assert (await company.manager.do(change_id, "implement")).status == 200
	with pytest.raises(DBAPIError, match="documents of a released revision cannot change"):
		async with open_work(
			company.runtime, company.manager.principal, action="test", origin="task"
		) as work:
			await work.execute(text("delete from plm_revision_documents"))
	file = await author.api.get(f"{PLM}{path.removeprefix(PLM)}/file", headers=author.headers)
	assert (file.status_code, file.content) == (200, PDF)
	assert file.headers["content-disposition"].startswith("attachment")
	product = (await author.get("plate")).data
	assert [one["title"] for one in product["document_references"]] == ["Plate", "Bend"]
	# Of another company nobody tells that it is there.
	for rest in ("", "/file"):
		assert (await company.outsider.call("GET", path + rest)).status == 404


async def test_a_next_revision_has_them_and_a_new_edition_shows_in_the_redline(stocked: Company):
	author, manager = stocked.author, stocked.manager
	await author.product("cover")
	assert (await attached(author, "cover", kind="drawing", title="Cover")).status == 201
	await manager.release("cover")
	change_id = await author.raised("cover")
	revision = await author.working(change_id, "cover")
	[row] = (await author.get("cover", "/documents", revision=revision)).data
	assert [one["revision"] for one in row["attached_to"]] == ["A", "B"]
	before = (await author.seen(change_id, "/redline"))["items"][0]["difference"]
	assert before["identical"] is True
	path = author.path("cover", f"/documents/{row['document_id']}?revision={revision}")
	assert (await author.call("DELETE", path)).status == 204
	newer = PDF + b"% second edition\n"
	made = await attached(
		author, "cover", newer, kind="drawing", title="Cover", document_revision="2",
		revision=revision,
	)  # fmt: skip
	assert made.status == 201, made.response.text
	after = (await author.seen(change_id, "/redline"))["items"][0]["difference"]
	[field] = after["attributes"]
	assert field["field"] == "documents.drawing Cover"
	assert field["old"] == f"– · a.pdf · {row['sha256'][:8]}"
	assert field["new"] == f"2 · a.pdf · {made.data['sha256'][:8]}"
	# The first edition stays with the revision it was released with; its package is another one.
	[kept] = (await author.get("cover", "/documents", revision="A")).data
	assert kept["document_id"] == row["document_id"]
	await author.do(change_id, "submit")
	first = (await author.seen(change_id))["package_hash"]
	await author.do(change_id, "return", {"comments": "wrong drawing"})
	path = author.path("cover", f"/documents/{made.data['document_id']}?revision={revision}")
	assert (await author.call("DELETE", path)).status == 204
	assert (await author.get("cover", f"/documents/{made.data['document_id']}")).status == 404
	await author.do(change_id, "submit")
	assert (await author.seen(change_id))["package_hash"] != first


async def test_what_is_refused_leaves_nothing(company: Company):
	author = company.author
	await author.product("cover")
	for content, status in ((b"\x7fELF" + b"\0" * 64, 400), (b"", 400)):
		assert (await attached(author, "cover", content)).status == status
	wrong = await attached(author, "cover", kind="poem")
	assert (wrong.status, list(wrong.details)) == (400, ["kind"])
	assert (await author.get("cover", "/documents")).data == []
	assert (await attached(company.ada, "cover")).status == 403


async def test_the_page_attaches_to_the_orders_revision_and_takes_off(company: Company):
	author = company.author
	await _drawn(company)
	await author.product("plate", class_path="Parts/Sheet")
	change_id = await author.raised("plate")
	revision = await author.working(change_id, "plate")
	page = f"/plm/products/{author.ids['plate']}/documents"
	at = f"{page}?revision={revision}"
	empty = await opened(author, at)
	assert "Parts/Sheet asks for a document of the kind test report." in empty
	assert 'name="kind"' in empty
	assert at in await opened(author, f"/plm/changes/{change_id}?tab=redline")
	headers = author.headers | {"Accept": "text/html", "HX-Request": "true"}
	none = await author.api.post(at, data={"kind": "drawing"}, headers=headers)
	assert none.status_code == 422
	assert "Choose a file." in none.text
	saved = await author.api.post(
		at,
		data={"kind": "test_report", "title": "Bend <b>", "document_revision": "2"},
		files={"file": ("bend.pdf", PDF, "application/pdf")},
		headers=headers,
	)
	assert place(saved) == at
	shown = await opened(author, at)
	assert "bend.pdf" in shown
	assert "kind test report." not in shown
	assert "kind drawing." in shown
	[row] = (await author.get("plate", "/documents", revision=revision)).data
	assert (row["kind"], row["title"], row["revision"]) == ("test_report", "Bend <b>", "2")
	removed = await sent(author, f"{page}/{row['document_id']}/remove?revision={revision}")
	assert place(removed) == at
	assert (await author.get("plate", "/documents", revision=revision)).data == []
