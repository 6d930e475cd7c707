"""With an account its letters, messages and preferences go, in every company and in the same
transaction."""

from alembic import op

from apg.kernel.log import definer

revision = "0003"
down_revision = "0002"

FORGET = (
	"grant select, delete on notifications, notifications_mails, notifications_preferences "
	"to apg_system",
	*definer(
		"notifications_forget()",
		"trigger",
		"""
		begin
			delete from notifications where recipient_id = new.id;
			delete from notifications_mails where recipient_id = new.id;
			delete from notifications_preferences where user_id = new.id;
			return null;
		end""",
		to="apg_owner",
	),
	"create trigger notifications_forget after update of erased_at on users for each row "
	"when (old.erased_at is null and new.erased_at is not null) "
	"execute function notifications_forget()",
)


def upgrade() -> None:
	for statement in FORGET:
		op.execute(statement)
