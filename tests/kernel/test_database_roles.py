"""The roles of the database as migrations leave them."""

from sqlalchemy import text

from apg.kernel.runtime import Runtime


async def test_the_web_role_owns_nothing_and_passes_no_policy(runtime: Runtime) -> None:
	async with runtime.engine.connect() as connection:
		row = (
			await connection.execute(
				text(
					"select rolsuper, rolbypassrls, rolcreaterole from pg_roles where rolname = current_user"
				)
			)
		).one()
		assert tuple(row) == (False, False, False)
		owned = await connection.scalar(
			text("select count(*) from pg_class where relowner = current_user::regrole")
		)
		assert owned == 0
