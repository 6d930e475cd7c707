"""What can be done with classes: grow and move the tree, define attributes, choose label schemes."""

from typing import Any

from sqlalchemy import select, text

from apg.capabilities.plm.classes.inheritance import paths_to
from apg.capabilities.plm.classes.models import ClassAttribute, LabelSchemeRow, PartClass
from apg.capabilities.plm.classes.reading import (
	select_attributes,
	select_classes,
	select_schemes,
)
from apg.capabilities.plm.classes.schemas import (
	AttributeIn,
	AttributePatch,
	ClassIn,
	ClassPatch,
	LabelSchemeIn,
	LabelSchemePatch,
)
from apg.kernel.errors import Conflict, Invalid, NotFound, Problem
from apg.kernel.json_rows import One, Page
from apg.kernel.rows import ids, texts
from apg.kernel.texts import _
from apg.kernel.work import Work

LONGEST_PATH = 200
DEEPEST = 12
_LOCK = text("select pg_advisory_xact_lock(hashtextextended('plm_classes ' || :tenant, 0))")


class ClassInUse(Conflict):
	"""Products or classes below still name it."""

	code = "CLASS_IN_USE"


async def _lock(work: Work) -> None:
	"""One at a time changes the tree: names inherited and names defined are told apart across rows."""
	await work.execute(_LOCK, {"tenant": work.principal.tenant_id})


# -- the tree ----------------------------------------------------------------------------------


async def page(work: Work, *, number: int, size: int) -> Page:
	return await work.read_list(select_classes(), limit=size, offset=(number - 1) * size)


async def read(work: Work, class_id: str) -> One:
	"""Raises NotFound."""
	found = await work.get(PartClass, class_id)
	return await work.read_one(select_classes().where(PartClass.id == found.id), PartClass)


async def create(work: Work, new: ClassIn) -> PartClass:
	"""Raises NotFound for an unknown parent, Invalid, Conflict for a name that is taken there."""
	await _lock(work)
	path = _path(await _parent(work, new.parent_id), new.name)
	made = work.add(
		PartClass(
			parent_id=new.parent_id,
			name=new.name,
			path=path,
			description=new.description or None,
			documents=list(dict.fromkeys(new.required_documents)),
		)
	)
	await work.flush()
	return made


async def record_path(work: Work, path: str) -> str:
	"""Makes every class on the way to a path that is not there yet; the id of the last. Raises Invalid."""
	parent: str | None = None
	for way in paths_to(path.strip("/")):
		held = await work.scalar(select(PartClass.id).where(PartClass.path == way))
		name = way.rsplit("/", 1)[-1]
		if held is None and not 0 < len(name.strip()) <= 60:
			raise Invalid.one("path", _("A class needs a name of 1 to 60 characters."))
		parent = held or (await create(work, ClassIn(name=name, parent_id=parent))).id
	if parent is None:
		raise Invalid.one("path", _("Name the class."))
	return parent


async def _parent(work: Work, parent_id: str | None) -> PartClass | None:
	if parent_id is None:
		return None
	found = await work.find(PartClass, parent_id)
	if found is None:
		raise Invalid.one("parent_id", _("There is no such class."), "unknown")
	return found


def _path(parent: PartClass | None, name: str) -> str:
	path = f"{parent.path}/{name}" if parent is not None else name
	if len(path) > LONGEST_PATH or path.count("/") >= DEEPEST:
		raise Invalid.one(
			"name", _("The tree is too deep here; choose a shorter way to this class.")
		)
	return path


async def change(work: Work, class_id: str, patch: ClassPatch) -> PartClass:
	"""Renames, moves or describes a class; what is below it and its products move along.

	Raises NotFound, PreconditionFailed, Invalid, Conflict.
	"""
	await work.get(PartClass, class_id)
	await _lock(work)
	held = await work.edit(PartClass, class_id)
	given = patch.model_dump(exclude_unset=True)
	if given.get("name", "") is None:
		raise Invalid.one("name", _("This field cannot be emptied."))
	if "description" in given:
		held.description = given["description"] or None
	if "required_documents" in given:
		held.documents = list(dict.fromkeys(given["required_documents"] or []))
	name = given.get("name") or held.name
	parent_id = given.get("parent_id", held.parent_id)
	parent = await _parent(work, parent_id)
	if parent is not None and (parent.id == held.id or parent.path.startswith(held.path + "/")):
		raise Invalid.one("parent_id", _("A class cannot stand below itself."), "cycle")
	path = _path(parent, name)
	if path != held.path:
		await _refuse_twice(work, held, parent)
		await _move(work, held.path, path, held.id)
		held.name, held.parent_id, held.path = name, parent_id, path
	await work.flush()
	return held


_MOVES = (
	"update plm_classes set path = :new || substr(path, :cut), version = version + 1, "
	"updated_at = now() where starts_with(path, :old || '/') and id <> :id",
	"update plm_items set class_path = :new || substr(class_path, :cut), version = version + 1, "
	"updated_at = now() where class_path = :old or starts_with(class_path, :old || '/')",
	"update plm_number_series set class_path = :new || substr(class_path, :cut), "
	"version = version + 1, updated_at = now() "
	"where class_path = :old or starts_with(class_path, :old || '/')",
)


async def _move(work: Work, old: str, new: str, class_id: str) -> None:
	given = {"old": old, "new": new, "cut": len(old) + 1, "id": class_id}
	for statement in _MOVES:
		named = {name: value for name, value in given.items() if f":{name}" in statement}
		await work.execute(text(statement), named)


async def _refuse_twice(work: Work, held: PartClass, parent: PartClass | None) -> None:
	"""A class that moves must not bring a name that it would inherit there. Raises Invalid."""
	if parent is None:
		return
	above = await _names_at(work, texts(paths_to(parent.path)))
	below = await _names_below(work, held)
	if twice := sorted(set(above) & set(below)):
		raise Invalid.one(
			"parent_id",
			_(
				"{name} is an attribute of {path} already; remove one of them first.",
				name=twice[0],
				path=above[twice[0]],
			),
		)


async def _names_at(work: Work, chosen: Any) -> dict[str, str]:
	rows = await work.execute(
		select(ClassAttribute.name, PartClass.path)
		.join(PartClass, PartClass.id == ClassAttribute.class_id)
		.where(PartClass.path == chosen)
	)
	return {row.name: row.path for row in rows}


async def _names_below(work: Work, held: PartClass) -> dict[str, str]:
	rows = await work.execute(
		select(ClassAttribute.name, PartClass.path)
		.join(PartClass, PartClass.id == ClassAttribute.class_id)
		.where(
			(PartClass.id == held.id) | PartClass.path.startswith(held.path + "/", autoescape=True)
		)
	)
	return {row.name: row.path for row in rows}


async def remove(work: Work, class_id: str) -> None:
	"""Takes a class away with its attributes. Raises NotFound, ClassInUse, PreconditionFailed."""
	await work.get(PartClass, class_id)
	await _lock(work)
	held = await work.edit(PartClass, class_id)
	below = await work.scalar(select(PartClass.name).where(PartClass.parent_id == held.id).limit(1))
	if below is not None:
		raise ClassInUse(_("{name} stands below it; move or remove that first.", name=below))
	used = await work.scalar(
		text(
			"select number from plm_items where (class_path = :path or "
			"starts_with(class_path, :path || '/')) and not is_deleted limit 1"
		),
		{"path": held.path},
	)
	if used is not None:
		raise ClassInUse(_("{number} is of this class; give it another one first.", number=used))
	await work.delete(held)
	await work.flush()


# -- attributes --------------------------------------------------------------------------------


async def own_attributes(work: Work, class_id: str) -> bytes:
	"""The attributes the class defines itself, as JSON. Raises NotFound."""
	held = await work.get(PartClass, class_id)
	return await work.read_json(select_attributes(held.id))


async def template(work: Work, class_id: str) -> bytes:
	"""All attributes products of the class have, inherited ones first, as JSON. Raises NotFound."""
	held = await work.get(PartClass, class_id)
	above = await work.scalars(
		select(PartClass.id).where(PartClass.path == texts(paths_to(held.path)))
	)
	return await work.read_json(select_attributes(ids(above)))


async def read_attribute(work: Work, class_id: str, attribute_id: str) -> One:
	"""Raises NotFound."""
	found = await _attribute(work, class_id, attribute_id)
	return await work.read_one(
		select_attributes(found.class_id).where(ClassAttribute.id == found.id), ClassAttribute
	)


async def _attribute(work: Work, class_id: str, attribute_id: str) -> ClassAttribute:
	found = await work.get(ClassAttribute, attribute_id)
	if found.class_id != class_id:
		raise NotFound(_("{what} not found", what=_("attribute")))
	return found


async def add_attribute(work: Work, class_id: str, new: AttributeIn) -> ClassAttribute:
	"""Raises NotFound, Invalid for a name that a class above or below has, Conflict."""
	held = await work.get(PartClass, class_id)
	await _lock(work)
	names = await _names_at(work, texts(paths_to(held.path)[:-1]))
	names |= {k: v for k, v in (await _names_below(work, held)).items() if v != held.path}
	if new.name in names:
		raise Invalid.one(
			"name",
			_("{path} defines {name} already.", path=names[new.name], name=new.name),
			"inherited",
		)
	made = work.add(ClassAttribute(class_id=held.id, **new.model_dump()))
	await work.flush()
	return made


async def change_attribute(
	work: Work, class_id: str, attribute_id: str, patch: AttributePatch
) -> ClassAttribute:
	"""Raises NotFound, PreconditionFailed, Invalid."""
	await _attribute(work, class_id, attribute_id)
	held = await work.edit(ClassAttribute, attribute_id)
	given = patch.model_dump(exclude_unset=True)
	empty = [n for n in ("title", "choices", "is_required", "position") if given.get(n, 0) is None]
	if empty:
		raise Invalid(problems=[Problem(n, _("This field cannot be emptied.")) for n in empty])
	whole = {name: getattr(held, name) for name in AttributeIn.model_fields} | given
	try:
		AttributeIn.model_validate(whole)
	except ValueError as error:
		first: Any = error.errors()[0] if hasattr(error, "errors") else {}  # pyright: ignore
		raise Invalid.one(
			"choices", str(first.get("msg", error)).removeprefix("Value error, ")
		) from error
	for name, value in given.items():
		setattr(held, name, value)
	await work.flush()
	return held


async def remove_attribute(work: Work, class_id: str, attribute_id: str) -> None:
	"""Values stay with the products as attributes of their own. Raises NotFound."""
	await _attribute(work, class_id, attribute_id)
	await work.delete(await work.edit(ClassAttribute, attribute_id))
	await work.flush()


# -- label schemes -----------------------------------------------------------------------------


async def scheme_page(work: Work) -> bytes:
	return await work.read_json(select_schemes())


async def read_scheme(work: Work, scheme_id: str) -> One:
	"""Raises NotFound."""
	found = await work.get(LabelSchemeRow, scheme_id)
	return await work.read_one(
		select_schemes().where(LabelSchemeRow.id == found.id), LabelSchemeRow
	)


async def add_scheme(work: Work, new: LabelSchemeIn) -> LabelSchemeRow:
	"""Raises Invalid for an unknown class, Conflict where class and phase have one."""
	if new.class_id is not None and await work.find(PartClass, new.class_id) is None:
		raise Invalid.one("class_id", _("There is no such class."), "unknown")
	made = work.add(
		LabelSchemeRow(
			class_id=new.class_id,
			phase=new.phase or "",
			series=new.series,
			width=new.width,
			prefix=new.prefix,
		)
	)
	await work.flush()
	return made


async def change_scheme(work: Work, scheme_id: str, patch: LabelSchemePatch) -> LabelSchemeRow:
	"""Labels that are fixed stay. Raises NotFound, PreconditionFailed, Invalid."""
	held = await work.edit(LabelSchemeRow, scheme_id)
	for name, value in patch.model_dump(exclude_unset=True).items():
		if value is None:
			raise Invalid.one(name, _("This field cannot be emptied."))
		setattr(held, name, value)
	await work.flush()
	return held


async def remove_scheme(work: Work, scheme_id: str) -> None:
	"""Raises NotFound, PreconditionFailed."""
	await work.delete(await work.edit(LabelSchemeRow, scheme_id))
	await work.flush()
