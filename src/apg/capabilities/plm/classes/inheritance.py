"""Reads of the tree: which attributes a class path inherits, which label scheme holds, what lacks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text

from apg.capabilities.plm.classes.models import ClassAttribute, LabelSchemeRow, PartClass
from apg.capabilities.plm.shared.attributes import AttributeKind, Template, is_given
from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.label_schemes import LabelScheme, label_after
from apg.capabilities.plm.shared.numbering import LabelSeries
from apg.kernel.errors import Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.work import Work


def paths_to(class_path: str | None) -> list[str]:
	"""The class's own path and those above it, from the root: `a/b` gives `a`, `a/b`."""
	names = class_path.split("/") if class_path else []
	return ["/".join(names[: n + 1]) for n in range(len(names))]


def template_of(row: ClassAttribute, path: str) -> Template:
	return Template(
		row.name,
		AttributeKind(row.kind),
		row.title,
		row.unit,
		tuple(str(each) for each in row.choices),
		row.minimum,
		row.maximum,
		row.is_required,
		path,
	)


async def all_templates(work: Work) -> dict[str, list[Template]]:
	"""The attributes that each class defines itself, by its path, in their order."""
	rows = await work.execute(
		select(ClassAttribute, PartClass.path)
		.join(PartClass, PartClass.id == ClassAttribute.class_id)
		.order_by(PartClass.path, ClassAttribute.position, ClassAttribute.name)
	)
	found: dict[str, list[Template]] = {}
	for row, path in rows:
		found.setdefault(path, []).append(template_of(row, path))
	return found


def inherited(held: Mapping[str, Sequence[Template]], class_path: str | None) -> list[Template]:
	"""What a product of this class path has: the attributes of every class on the way, root first."""
	return [each for path in paths_to(class_path) for each in held.get(path, ())]


async def templates_of(work: Work, class_path: str | None) -> list[Template]:
	"""The attributes of products of this class. Empty for none and for an unknown one."""
	return inherited(await all_templates(work), class_path) if class_path else []


async def accepted(
	work: Work,
	class_path: str | None,
	attributes: Mapping[str, Any],
	*,
	held: Mapping[str, Sequence[Template]] | None = None,
) -> dict[str, Any]:
	"""The attributes as they are kept. Raises Invalid, which names each that its class refuses.

	Attributes that no class defines are the product's own and pass; so do empty ones, which only
	a release asks for.
	"""
	templates = (
		await templates_of(work, class_path) if held is None else inherited(held, class_path)
	)
	kept, problems = dict(attributes), list[Problem]()
	for template in templates:
		value = attributes.get(template.name)
		if not is_given(value):
			continue
		try:
			kept[template.name] = template.accept(value)
		except DomainError as error:
			problems.append(Problem(error.field, f"{error.reason}. {error.remedy}", error.code))
	if problems:
		raise Invalid(_("Validation error"), problems=problems)
	return kept


@dataclass(frozen=True, slots=True)
class Gap:
	"""Why a revision cannot be released: an attribute that its class asks for or refuses."""

	revision_id: str
	product_id: str
	product_number: str
	attribute: str
	problem: Problem


_ATTRIBUTES = """
	select r.id::text as revision_id, i.id::text as product_id, i.number, i.class_path, r.attributes
	from plm_revisions r join plm_items i on i.id = r.item_id
	where r.id = any(cast(:revisions as uuid[])) and i.class_path is not null
	order by i.number, r.ordinal
"""


async def unmet_requirements(work: Work, revision_ids: Collection[str]) -> list[Gap]:
	"""What of the classes' attributes keeps these revisions from being released, by product number.

	`problem.field` is `custom_attributes.<name>`; two queries for any number of revisions.
	"""
	held = await all_templates(work)
	if not held:
		return []
	found: list[Gap] = []
	await work.flush()
	rows = await work.execute(text(_ATTRIBUTES), {"revisions": sorted(revision_ids)})
	for row in rows.mappings():
		for template in inherited(held, row["class_path"]):
			problem = _problem(template, row["attributes"].get(template.name), row["number"])
			if problem is not None:
				where = (row["revision_id"], row["product_id"], row["number"])
				found.append(Gap(*where, template.name, problem))
	return found


def _problem(template: Template, value: Any, number: str) -> Problem | None:
	name = template.title or template.name
	if is_given(value):
		try:
			template.accept(value)
		except DomainError as error:
			return Problem(error.field, f"{name}: {error.reason}. {error.remedy}", error.code)
		return None
	if not template.is_required:
		return None
	lacks = _(
		"{name} is required for {class_path} and {number} has none; fill it in.",
		name=name,
		class_path=template.class_path,
		number=number,
	)
	return Problem(f"custom_attributes.{template.name}", lacks, "required")


@dataclass(frozen=True, slots=True)
class Schemes:
	"""The tenant's label schemes, by class path (empty: every product) and phase (empty: every one)."""

	held: Mapping[tuple[str, str], LabelScheme]

	def of(self, class_path: str | None, phase: str) -> LabelScheme | None:
		"""The most specific one: the nearest class first, and there the phase's own before any."""
		for path in (*reversed(paths_to(class_path)), ""):
			for place in ((path, phase), (path, "")):
				if place in self.held:
					return self.held[place]
		return None


async def schemes(work: Work) -> Schemes:
	"""All label schemes of the tenant."""
	rows = await work.execute(
		select(LabelSchemeRow, PartClass.path).join(
			PartClass, PartClass.id == LabelSchemeRow.class_id, isouter=True
		)
	)
	return Schemes(
		{
			(path or "", row.phase): LabelScheme(LabelSeries(row.series), row.width, row.prefix)
			for row, path in rows
		}
	)


async def first_label(work: Work, class_path: str | None, phase: str) -> str:
	"""The label that the first revision of a product plans."""
	return label_after((await schemes(work)).of(class_path, phase), ())


_UNRECORDED = text("""
	select i.class_path, count(*) from plm_items i
	where i.class_path is not null and not i.is_deleted
	and not exists (select from plm_classes c where c.path = i.class_path)
	group by 1 order by 1 limit 200
""")


async def unrecorded_paths(work: Work) -> list[tuple[str, int]]:
	"""Class paths that products name and nobody recorded, as files bring them; how many products."""
	return [(row[0], row[1]) for row in await work.execute(_UNRECORDED)]
