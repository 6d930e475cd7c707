"""Materials: which activity's factor stands for a kilogram of what parts are made of."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, literal_column, select
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from apg.capabilities.esg.footprints.models import Material, MaterialName
from apg.capabilities.esg.footprints.own import key_of
from apg.capabilities.esg.footprints.schemas import MaterialIn, MaterialPatch
from apg.contracts.esg import MaterialChanged
from apg.contracts.plm import Contents, MaterialUse
from apg.kernel.database import AnySelect
from apg.kernel.errors import Invalid
from apg.kernel.json_rows import One, Page
from apg.kernel.search import found_by
from apg.kernel.texts import _
from apg.kernel.work import Work


def select_materials(search: str | None = None) -> AnySelect:
	"""Materials with their other names."""
	other = (
		select(
			func.coalesce(
				func.json_agg(aggregate_order_by(MaterialName.name, MaterialName.name)),
				literal_column("'[]'::json", JSONB),
			)
		)
		.where(MaterialName.material_id == Material.id, MaterialName.name != Material.name)
		.correlate(Material)
		.scalar_subquery()
	)
	statement = select(
		Material.id.label("id"),
		Material.name.label("name"),
		other.label("aliases"),
		Material.activity_code.label("activity_code"),
		Material.region.label("region"),
		Material.note.label("note"),
		Material.is_estimate.label("is_estimate"),
		Material.created_at.label("created_at"),
		Material.updated_at.label("updated_at"),
		Material.created_by.label("created_by"),
		Material.updated_by.label("updated_by"),
		Material.version.label("etag"),
	)
	if search:
		found = found_by("esg_materials", {"q": key_of(search)})
		statement = statement.where(Material.id.in_(found))
	return statement


async def page(work: Work, *, search: str | None = None, limit: int = 50, offset: int = 0) -> Page:
	ordered = select_materials(search).order_by(Material.name, Material.id)
	return await work.read_list(ordered, limit=limit, offset=offset)


async def read(work: Work, material_id: str) -> One:
	await work.get(Material, material_id)
	return await work.read_one(select_materials().where(Material.id == material_id), Material)


async def create(work: Work, new: MaterialIn) -> Material:
	"""Raises Invalid for a spelling given twice, Conflict for one that another material has."""
	made = work.add(
		Material(
			name=new.name,
			activity_code=new.activity_code,
			region=new.region,
			note=new.note,
			is_estimate=new.is_estimate,
		)
	)
	await work.flush()
	await _name(work, made, new.aliases)
	work.publish(MaterialChanged(material_id=made.id))
	return made


async def change(work: Work, material_id: str, patch: MaterialPatch) -> Material:
	"""Raises NotFound, Invalid, Conflict."""
	held = await work.edit(Material, material_id)
	given = patch.model_dump(exclude_unset=True)
	for field in ("name", "activity_code", "region", "is_estimate"):
		if field in given and given[field] is None:
			raise Invalid.one(field, _("This cannot be empty."))
	aliases = given.pop("aliases", None)
	for field, value in given.items():
		setattr(held, field, value)
	if aliases is not None or "name" in given:
		kept = aliases if aliases is not None else await _others(work, held)
		for name in await work.scalars(
			select(MaterialName).where(MaterialName.material_id == held.id)
		):
			await work.delete(name)
		await work.flush()
		await _name(work, held, kept)
	await work.flush()
	work.publish(MaterialChanged(material_id=held.id))
	return held


async def _others(work: Work, held: Material) -> list[str]:
	names = await work.scalars(select(MaterialName.name).where(MaterialName.material_id == held.id))
	return [name for name in names if key_of(name) != key_of(held.name)]


async def remove(work: Work, material_id: str) -> None:
	"""Parts that name it become gaps; recorded footprints stand. Raises NotFound."""
	held = await work.edit(Material, material_id)
	work.publish(MaterialChanged(material_id=held.id))
	await work.delete(held)
	await work.flush()


async def _name(work: Work, held: Material, aliases: Sequence[str]) -> None:
	seen: set[str] = set()
	for place, name in enumerate([held.name, *aliases]):
		key = key_of(name)
		if key in seen and place:
			raise Invalid.one(
				f"aliases.{place - 1}", _("{name} is given twice.", name=name), "twice"
			)
		seen.add(key)
		work.add(MaterialName(material_id=held.id, name=name, key=key))
	await work.flush()


async def unmatched(work: Work) -> list[dict[str, Any]]:
	"""Materials that current revisions name and nobody mapped, the most used first."""
	used: Sequence[MaterialUse] = await work.port(Contents).materials(work)
	known = set(await work.scalars(select(MaterialName.key)))
	return [
		{"material": one.material, "products": one.products, "without_mass": one.without_mass}
		for one in used
		if key_of(one.material) not in known
	]
