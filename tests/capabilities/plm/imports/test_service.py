"""A file end to end: kept, compared, taken over, and again."""

from importlib.resources import files

from apg.capabilities.plm.imports import service
from fastapi import FastAPI

from tests.people import Person

INVENTREE = files("apg.demo").joinpath("inventree", "inventree_demo_2024-02-28_parts_bom.json")


async def test_the_inventree_set_comes_in_once(app: FastAPI, alice: Person) -> None:
	runtime, content = app.state.runtime, INVENTREE.read_bytes()
	told = await service.import_now(runtime, alice.principal, "demo.json", content, dry_run=False)
	assert told["accepted"]
	assert told["problems"] == []
	assert told["counts"]["parts"] == {"added": 414, "changed": 0, "removed": 0, "unchanged": 0}
	assert told["counts"]["lines"] == {"added": 255, "changed": 0, "removed": 0, "unchanged": 0}
	again = await service.import_now(runtime, alice.principal, "demo.json", content, dry_run=False)
	assert again["accepted"]
	assert again["counts"]["parts"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 414}
	assert again["counts"]["lines"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 255}
