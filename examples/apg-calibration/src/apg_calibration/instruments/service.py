"""What can be done with instruments."""

from typing import Any

from apg.contracts.identity import Identity, UserLeft
from apg.contracts.notifications import Message, Notifications
from apg.kernel.errors import Invalid
from apg.kernel.json_rows import One, Page
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.web.lists import ListState
from apg.kernel.work import Work
from sqlalchemy import case, func, select

from apg_calibration.events import InstrumentCalibrated
from apg_calibration.instruments.due import SOON, due_on
from apg_calibration.instruments.models import Instrument
from apg_calibration.instruments.schemas import CalibrationIn, InstrumentIn
from apg_calibration.permissions import INSTRUMENTS_UPDATE


def select_instruments() -> Any:
	"""Instruments as the wire shows them, on the day of today."""
	i, today = Instrument, utc_now().date()
	standing = case(
		(i.due_on.is_(None), "new"),
		(i.due_on < today, "overdue"),
		(i.due_on <= today + SOON, "due_soon"),
		else_="ok",
	)
	return select(
		i.id,
		i.number,
		i.name,
		i.keeper_id,
		i.interval_months,
		i.calibrated_on,
		i.due_on,
		standing.label("standing"),
		i.created_at,
		i.updated_at,
		i.version,
		i.version.label("etag"),
	)


async def listed(work: Work, state: ListState) -> Page:
	"""One page of the company's instruments."""
	query = select_instruments()
	if (text := state["search"]) is not None:
		pattern = func.apg_like(text)
		query = query.where(Instrument.number.ilike(pattern) | Instrument.name.ilike(pattern))
	columns: dict[str, Any] = {
		"number": Instrument.number,
		"name": Instrument.name,
		"due_on": Instrument.due_on,
	}
	query = state.window(query, columns, Instrument.id)
	return await work.read_list(query, limit=state.page_size, offset=state.offset)


async def read(work: Work, instrument_id: str) -> One:
	"""One instrument. Raises NotFound, also for another company's."""
	await work.get(Instrument, instrument_id)
	return await work.read_one(
		select_instruments().where(Instrument.id == instrument_id), Instrument
	)


async def create(work: Work, new: InstrumentIn) -> Instrument:
	"""Adds an instrument. Raises Conflict for a number that is taken, Invalid for a stranger."""
	if new.keeper_id and not await work.port(Identity).people(work, [new.keeper_id]):
		raise Invalid.one("keeper_id", _("This person is not a member of the company."))
	instrument = work.add(Instrument(**new.model_dump()))
	await work.flush()
	return instrument


async def calibrate(work: Work, instrument_id: str, done: CalibrationIn) -> Instrument:
	"""Notes a calibration, reckons the next and tells others. Raises NotFound, Invalid."""
	if done.calibrated_on > utc_now().date():
		raise Invalid.one("calibrated_on", _("A calibration cannot lie in the future."))
	instrument = await work.edit(Instrument, instrument_id)
	instrument.calibrated_on = done.calibrated_on
	instrument.due_on = due_on(done.calibrated_on, instrument.interval_months)
	work.publish(
		InstrumentCalibrated(
			instrument_id=instrument.id,
			calibrated_on=instrument.calibrated_on,
			due_on=instrument.due_on,
		)
	)
	return instrument


async def release(work: Work, event: UserLeft) -> None:
	"""Whoever leaves keeps nothing: the instruments get no keeper, and those who can give them one
	are told. Runs once per event, in one transaction with the place in the log."""
	kept = list(await work.scalars(select(Instrument).where(Instrument.keeper_id == event.user_id)))
	for instrument in kept:
		instrument.keeper_id = None
	if kept:
		members = await work.port(Identity).members_with(work, INSTRUMENTS_UPDATE)
		text = _("{n} instruments need a new keeper", n=len(kept))
		await work.port(Notifications).send(
			work,
			*(
				Message(user_id, "calibration_keeper_left", text, action_url="/calibration")
				for user_id in members
			),
		)
