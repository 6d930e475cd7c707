"""Auth and roles: the manifest."""

from apg.contracts.identity import Confirmations, Identity, RolesChanged, UserJoined, UserLeft
from apg.kernel.capability import Api, Capability, Pages
from apg.platform.auth import menu, permissions
from apg.platform.auth.accounts import admin_views, public_views, views
from apg.platform.auth.accounts import api as accounts
from apg.platform.auth.accounts.models import AccountLink
from apg.platform.auth.api_keys import api as api_keys_api
from apg.platform.auth.api_keys.models import ApiKey
from apg.platform.auth.confirmations import api as confirmations
from apg.platform.auth.confirmations.models import Confirmation
from apg.platform.auth.identity import ConfirmationsPort, IdentityPort
from apg.platform.auth.roles import api as roles_api
from apg.platform.auth.roles import service as roles
from apg.platform.auth.roles import views as roles_views
from apg.platform.auth.roles.models import MembershipRole, Role
from apg.platform.auth.sessions.models import RefreshToken, Session
from apg.platform.auth.settings import AuthSettings
from apg.platform.auth.users import api as users_api
from apg.platform.auth.users import searching
from apg.platform.auth.users import views as users_views
from apg.platform.auth.users.models import Membership, User

capability = Capability(
	name="auth_rbac",
	short="auth",
	title="People and rights",
	version="1.0.0",
	package="apg.platform.auth",
	description="Accounts, memberships, roles, sessions, tokens and API keys.",
	always_on=True,
	provides=("authentication", "authorisation", "identity"),
	permissions=permissions.ALL,
	default_roles=permissions.ROLES,
	apis=(
		Api(
			"/api/v1/auth",
			(accounts.tokens, accounts.account, accounts.admin, confirmations.router),
		),
		# The guides sign in here; the rest of the product is below /api/v1.
		Api("/auth", (accounts.tokens, accounts.account, confirmations.router)),
		Api("/.well-known", (accounts.keys,)),
		Api("/api/v1/users", (users_api.router, accounts.reset_links)),
		Api("/api/v1/roles", (roles_api.router,)),
		Api("/api/v1/permissions", (roles_api.rights, users_api.checks)),
		Api("/api/v1/api-keys", (api_keys_api.router,)),
	),
	pages=(
		Pages("/login", (public_views.login,)),
		Pages("/logout", (public_views.logout,)),
		Pages("/invitation", (public_views.invitation,)),
		Pages("/reset", (public_views.reset,)),
		Pages("/account", (views.account,)),
		Pages("/admin/users", (users_views.router,), menu.MEMBERS),
		Pages("/admin/invitations", (admin_views.router,), menu.INVITATIONS),
		Pages("/admin/roles", (roles_views.router,), menu.ROLES),
	),
	publishes=(UserJoined, UserLeft, RolesChanged),
	ports={Identity: IdentityPort(), Confirmations: ConfirmationsPort()},
	settings=AuthSettings,
	on_enabled=roles.seed_roles,
	searches=searching.SEARCHES,
	migrations="migrations",
	table_prefixes=(
		"users",
		"memberships",
		"membership_roles",
		"roles",
		"sessions",
		"refresh_tokens",
		"api_keys",
		"account_links",
		"auth_",
	),
)
ENTITIES = (
	*(User, Membership, Role, MembershipRole, Session, RefreshToken, ApiKey, AccountLink),
	Confirmation,
)
