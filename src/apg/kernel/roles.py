"""The six database roles, and every function that may do more than its caller."""

from typing import Any

from apg.kernel.keys import RootKey

LOGIN_ROLES = ("apg_app", "apg_worker", "apg_backup")
SILENT_ROLES = ("apg_owner", "apg_search", "apg_system")
SINCE = {"transaction_timeout": 170_000}  # which servers know it; older ones do without
EXTENSIONS = ("pg_trgm", "btree_gin", "btree_gist", "unaccent")

# role → (attributes, settings of its sessions)
ROLES: dict[str, tuple[str, dict[str, str]]] = {
	"apg_owner": ("nologin nobypassrls", {"row_security": "off"}),
	"apg_system": ("nologin bypassrls", {}),
	"apg_search": ("nologin bypassrls", {}),
	"apg_app": (
		"login nobypassrls",
		{
			"statement_timeout": "10s",
			"lock_timeout": "3s",
			"idle_in_transaction_session_timeout": "30s",
			"transaction_timeout": "1min",
		},
	),
	"apg_worker": (
		"login nobypassrls",
		{
			"statement_timeout": "5min",
			"lock_timeout": "3s",
			"idle_in_transaction_session_timeout": "5min",
			"transaction_timeout": "15min",
		},
	),
	"apg_backup": ("login bypassrls", {"default_transaction_read_only": "on"}),
}

# What may answer before a tenant is known, or does what no caller may: name → why. A test holds
# this list against the catalogue of the database.
PRIVILEGED_FUNCTIONS: dict[str, str] = {
	"audit_row": "writes the trail, which no role may write by hand",
	"audit_statement": "the same for tables whose rows come by the thousand",
	"security_event": "records a refusal when no tenant may be bound yet",
	"esg_active_metrics": "counts of metrics by type for the collector, over all tenants",
	"audit_unsealed": "the sealer reads the trail of all tenants below the horizon",
	"audit_tips": "where the tree of each tenant stands",
	"audit_seal": "adds hashes and signed heads, which no role may write by hand",
	"audit_waiting": "doctor counts what is not sealed yet",
	"lease_tokens": "keeps the counters of rate limits, which nobody may reset",
	"tenant_ids": "schedulers open one Work per tenant",
	"log_append": "the log takes events of the bound tenant and nothing else",
	"log_register": "makes the cursors of the log's readers",
	"log_pending": "a relay asks which readers have something to do, over all tenants",
	"log_lock": "one relay at a time reads for a cursor",
	"log_read": "a relay reads the events of all tenants in log order",
	"log_blocked": "a strict reader asks which tenants wait behind a failure",
	"log_move": "a relay moves a cursor, forward only",
	"log_sweep": "moves readers past events they do not want",
	"log_head": "a live page starts at the end of the log",
	"log_tail": "live pages read the events of the tenants that are connected",
	"log_lag": "doctor and metrics count what readers have before them",
	"log_horizon": "doctor and metrics name the session that holds readers back",
	"log_month_read": "a month goes only when every reader passed it",
	"log_drop_months": "removes months of the log that are older than it keeps",
	"make_partition": "only the owner of a table may give it a partition",
	"make_partitions_ahead": "the months and years to come, for every partitioned table",
	"growth_trim": "removes rows that outlived what their table says it keeps",
	"growth_report": "doctor shows size and age of every table",
	"enqueue_task": "the web role asks for a task of the bound tenant and sees no queue",
	"task_list": "an administrator sees the jobs of his tenant",
	"task_retry": "an administrator starts a failed job of his tenant again",
	"task_requeue": "jobs of a worker that is gone run again",
	"tenant_by_slug": "a login names its tenant before any is bound",
	"tenant_facts": "an authenticator asks what its Principal carries of the tenant",
	"schema_versions": "a process asks whether the migrations are current",
	"task_call_off": "an administrator calls off a task of the own tenant",
	"tenant_create": "makes the row of a tenant that is bound but not there yet",
	"signing_keys_of": "a process loads the keys it signs and verifies with",
	"signing_key_add": "a first or rotated key; trusted only if the root secret wrapped it",
	"login_lookup": "a password is compared before any tenant is known",
	"memberships_of": "a person who proved who he is chooses where to work",
	"session_lookup": "a cookie names its session and nothing else",
	"session_standing": "an access token is good while its session is",
	"credential_stands": "the same for what a socket was opened with",
	"refresh_lookup": "a refresh token names its session",
	"api_key_lookup": "a key names its owner and scopes",
	"invitation_lookup": "a link names what it opens",
	"reset_lookup": "a forgotten password: where the link goes",
	"member_facts": "all that a Principal is made of",
	"sessions_revoke_all": "sessions of a person in tenants that are not bound; own or at home",
	"totp_take": "a time step counts once, over all processes",
	"recovery_take": "a recovery code counts once",
	"own_secrets": "the bound person's own hash and second factor",
	"auth_seen": "when sessions and keys were last used, in one statement a minute",
	"user_erase": "forgets a person in every tenant; own or at home",
	"notifications_forget": "letters and messages go with the account, in every tenant",
	"administrators_left": "counts behind a lock, so that two removals see each other",
	"administrator_stays": "refuses to leave a tenant without an administrator",
	"auth_epoch_raise": "tells every process to read a person or tenant again",
	"auth_epochs_since": "what to read again; ids only",
	"mail_claim": "the sender of mail takes what is due, of all tenants, by its ids",
	"webhook_claim": "the sender takes deliveries that are due, of all tenants, by their ids",
	"auth_changed": "raises an epoch whoever changes rights, psql included",
}


def role_password(root: RootKey, role: str) -> str:
	"""The password of a login role, derived from the root secret so that it is stored nowhere."""
	return root.derive(f"database-role/{role}").hex()


def ensure_roles(connection: Any, root: RootKey) -> None:
	"""Creates the roles and sets their passwords and budgets; runs as the administrator."""
	from sqlalchemy import text

	# Several databases of one server share its roles: one migration at a time may touch them.
	connection.execute(text("select pg_advisory_xact_lock(7267, 1)"))
	server = int(connection.scalar(text("show server_version_num")))
	known = {row[0] for row in connection.execute(text("select rolname from pg_roles"))}
	for role, (attributes, budget) in ROLES.items():
		verb = "alter" if role in known else "create"
		password = f" password '{role_password(root, role)}'" if role in LOGIN_ROLES else ""
		connection.execute(text(f"{verb} role {role} {attributes}{password}"))
		for name, value in budget.items():
			if server >= SINCE.get(name, 0):
				connection.execute(text(f"alter role {role} set {name} = '{value}'"))
	# The owner hands functions over to the roles that run them, but never acts as them.
	connection.execute(text("grant apg_system, apg_search to apg_owner with inherit false"))
	connection.execute(text("grant apg_owner to current_user"))
	# Who holds the horizon of the log back, and how long already. An administrator who may not give
	# this right away leaves the age unknown, which doctor says.
	connection.execute(
		text(
			"do $$ begin grant pg_read_all_stats to apg_system; "
			"exception when insufficient_privilege then null; end $$"
		)
	)


def ensure_schema(connection: Any) -> None:
	"""Extensions and the rights on the schema; runs as the administrator in a new database."""
	from sqlalchemy import text

	for name in EXTENSIONS:
		connection.execute(text(f"create extension if not exists {name} with schema public"))
	connection.execute(text("revoke create on schema public from public"))
	connection.execute(text("grant all on schema public to apg_owner"))
	connection.execute(text("grant usage, create on schema public to apg_system, apg_search"))
	connection.execute(text("grant usage on schema public to apg_app, apg_worker, apg_backup"))
