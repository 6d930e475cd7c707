"""A company with one of everything, and the addresses of all pages that show it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import httpx
from fastapi.routing import APIRoute, iter_route_contexts

from apg.app import make_app
from apg.capabilities.plm.imports import service as imports
from apg.contracts.notifications import Message, Priority
from apg.demo import rates, sustainability
from apg.kernel.settings import Settings
from apg.kernel.testing import TEST_SECRET
from apg.kernel.work import Work
from apg.platform.notifications.inbox import service as inbox
from tests.journeys.browser import PASSWORD, Site, Someone

SET = "inventree_demo_2024-02-28_parts_bom.json"
# Answers of GET routes that are no page of their own: parts of one, files, ways elsewhere.
PARTS = {
	"/.well-known/jwks.json",
	"/admin/audit/export",
	"/admin/audit/{seq}/seal",
	"/files/{sha}",
	"/esg/executive",
	"/esg/executive/",
	"/esg/executive/dashboard",
	"/esg/activities/imports/template.csv",
	"/esg/activities/imports/{records_import_id}/progress",
	"/esg/activities/imports/{records_import_id}/report.csv",
	"/esg/factor-files/template.csv",
	"/esg/footprints/{footprint_id}/lines/{position}",
	"/esg/factor-files/{factor_import_id}/progress",
	"/esg/measurements/imports/template.csv",
	"/esg/measurements/imports/{readings_import_id}/progress",
	"/esg/measurements/imports/{readings_import_id}/report.csv",
	"/inbox/count",
	"/live",
	"/manifest.webmanifest",
	"/metrics",
	"/openapi.json",
	"/plm/changes/{change_id}/impact/trace",
	"/plm/changes/{change_id}/items/{item_id}/rebase",
	"/plm/changes/{change_id}/notice",
	"/plm/changes/{change_id}/pdf",
	"/plm/imports/{import_id}/progress",
	"/plm/imports/{import_id}/report.csv",
	"/plm/lines/{parent_revision_id}/{line_uid}/substitutes",
	"/plm/products/choices",
	"/plm/products/export.csv",
	"/plm/products/{product_id}/documents/{document_id}/file",
	"/plm/products/{product_id}/figures",
	"/plm/products/{product_id}/structure/children",
	"/plm/products/{product_id}/structure/rows",
	"/ready",
	"/sw.js",
}
# More than one face of a page.
FACES: dict[str, list[str]] = {
	"/admin/audit": ["?search=nothing-has-this-name"],
	"/esg/factors": ["?search=nothing-has-this-name", "?state=quarantined"],
	"/esg/factor-files/{factor_import_id}": ["?tab=changed", "?tab=skipped"],
	"/esg/metrics": ["?search=nothing-has-this-name", "?is_kpi=true"],
	"/esg/metrics/{metric_id}": ["?by=quarter"],
	"/plm/imports/{import_id}": ["?tab=parts", "?tab=lines"],
	"/plm/products": ["?search=nothing-has-this-name", "?lifecycle_phase=nonsense"],
	"/plm/products/{product_id}": ["?quantity=100"],
	"/plm/products/{product_id}/missing": ["?of=mass"],
	"/plm/products/{product_id}/trace": ["?of=mass"],
}


def page_paths() -> list[tuple[str, bool]]:
	"""(path, whether anybody may open it) of every page that the composition holds."""
	app = make_app(Settings(env="test", secret_key=TEST_SECRET, database_url="postgresql://x/y"))
	found: dict[str, bool] = {}
	for context in iter_route_contexts(app.routes):
		route, path = context.original_route, str(context.path)
		if not isinstance(route, APIRoute) or "GET" not in (route.methods or ()):
			continue
		if path in PARTS or path.startswith(("/api/", "/auth/")):
			continue
		found[path] = bool(getattr(route.endpoint, "__public__", None))
	return sorted(found.items())


@dataclass
class Company:
	"""A stocked company; `ids` fills the parameters of paths."""

	admin: Someone
	api: httpx.Client
	ids: dict[str, str] = field(default_factory=dict[str, str])

	def send(self, method: str, path: str, body: Any = None) -> Any:
		"""One call of the interface for programs, as the administrator; what it answers."""
		answer = self.api.request(method, path, json=body)
		assert answer.status_code < 400, f"{method} {path}: {answer.text}"
		told = answer.json() if answer.content else {}
		return told.get("data", told) if isinstance(told, dict) else told

	def address(self, path: str) -> str:
		"""The path with the ids of this company. KeyError names a parameter nobody builds."""
		return re.sub(r"\{(\w+)(:\w+)?\}", lambda m: self.ids[m[1]], path)

	def faces(self, path: str) -> Iterator[str]:
		address = self.address(path)
		yield address
		for more in FACES.get(path, []):
			yield address + more


def signed_in(site: Site, someone: Someone) -> Company:
	"""The person with a client for programs."""
	api = httpx.Client(base_url=site.address, timeout=60)
	told = api.post("/auth/login", json={"username": someone.username, "password": PASSWORD})
	assert told.status_code == 200, told.text
	token = told.json().get("access_token") or told.json()["data"]["access_token"]
	api.headers["authorization"] = f"Bearer {token}"
	return Company(someone, api)


def stock(site: Site, name: str = "Northwind Instruments") -> Company:
	"""The demo set, metrics with three years of readings, people, messages, one of all else."""
	tenant_id = site.company(name)
	admin = site.person(tenant_id, "Alice Bergström", "tenant_admin")
	engineer = site.person(tenant_id, "Emil Engineer", "plm_engineer")
	site.person(tenant_id, "Aram Auditor", "plm_viewer", "esg_viewer")
	content = files("apg.demo").joinpath("inventree", SET).read_bytes()
	runtime = site.runtime
	site.run(imports.import_now(runtime, admin.principal, SET, content, dry_run=False))
	site.run(rates.load(runtime, admin.principal))
	site.run(sustainability.load(runtime, admin.principal))
	company = signed_in(site, admin)
	ids = company.ids
	_products(company)
	_metrics(company)
	_platform(company, engineer)
	_imports(company, content)
	_factors(company)
	_activities(company)
	_items(company)
	_changes(company)
	_footprint(company)

	async def tell(work: Work) -> None:
		await inbox.send(
			work,
			Message(
				admin.user_id,
				"import_done",
				"The import is done",
				"414 products and 96 lines were taken over.",
				"/plm/imports",
			),
			Message(
				admin.user_id,
				"reading_due",
				"A reading is due",
				"Electricity consumption has no reading of last month.",
				f"/esg/metrics/{ids['metric_id']}",
				Priority.HIGH,
			),
		)

	site.work(admin, tell)
	return company


def _products(company: Company) -> None:
	send, ids = company.send, company.ids
	assembly = send("GET", "/api/v1/plm/products?search=Doohickey")[0]["product_id"]
	ids["product_id"] = assembly
	path = f"/api/v1/plm/products/{assembly}"
	ids["line_uid"] = send("GET", f"{path}/structure/lines")[0]["line_uid"]
	send("POST", f"{path}/identifiers", {"scheme": "erp", "value": "4711"})
	send("POST", f"{path}/costs", {"amount": "12.5", "currency": "USD", "kind": "internal"})


def _id(told: Any) -> str:
	return str(next(told[name] for name in told if name == "id" or name.endswith("_id")))


def _items(company: Company) -> None:
	send, ids = company.send, company.ids
	plm = "/api/v1/plm"
	product = send("GET", f"{plm}/products/{ids['product_id']}")
	ids["parent_revision_id"] = product["revision_id"]
	ids["class_id"] = _id(send("POST", f"{plm}/classes", {"name": "Resistors"}))
	ids["manufacturer_id"] = _id(send("POST", f"{plm}/manufacturers", {"name": "Vishay"}))
	supplier = {"name": "Mouser", "currency": "EUR", "lead_time_days": 5}
	ids["supplier_id"] = _id(send("POST", f"{plm}/suppliers", supplier))
	baseline = {"product_number": product["product_number"], "title": "Design review 2"}
	ids["baseline_id"] = _id(send("POST", f"{plm}/baselines", baseline))


def _changes(company: Company) -> None:
	send, ids = company.send, company.ids
	plm = "/api/v1/plm"
	change = {
		"change_title": "Stiffer bracket",
		"change_description": "The bracket bends under load.",
		"change_type": "quality_improvement",
		"priority": "medium",
		"urgency": "normal",
		"reason_for_change": "Two returns from the field",
	}
	ids["change_id"] = _id(send("POST", f"{plm}/changes", change))
	number = send("GET", f"{plm}/products/{ids['product_id']}")["product_number"]
	item = {"product_number": number, "action": "add"}
	ids["item_id"] = _id(send("POST", f"{plm}/changes/{ids['change_id']}/items", item))
	ids["rule_id"] = _id(send("GET", f"{plm}/approval-rules")[0])
	policy = {
		"name": "Carbon budget",
		"expression": "delta(co2e) > 2 % or coverage(mass) < 80 %",
		"effect": "warn",
		"explanation": "More than two per cent is looked at.",
	}
	ids["policy_id"] = _id(send("POST", f"{plm}/policies", policy))


def _footprint(company: Company) -> None:
	send, ids = company.send, company.ids
	material = {"name": "Aluminium 6061", "activity_code": "material.metal.aluminium"}
	ids["material_id"] = _id(send("POST", "/api/v1/esg/materials", material))
	asked = {"product_id": ids["product_id"]}
	ids["footprint_id"] = _id(send("POST", "/api/v1/esg/footprints", asked))
	ids["position"] = "1"


def _metrics(company: Company) -> None:
	send, ids = company.send, company.ids
	ids["metric_id"] = send("GET", "/api/v1/esg/metrics?search=ENERGY_ELECTRICITY")[0]["id"]
	readings = f"/api/v1/esg/metrics/{ids['metric_id']}/measurements"
	reading = send("GET", f"{readings}?limit=1")[0]
	changed = {"value": 99_000, "reason": "the meter was read a day late"}
	ids["measurement_id"] = send("PATCH", f"{readings}/{reading['id']}", changed)["id"]
	ids["figure"] = "value"
	new = {"value": "98 000", "measurement_date": "2019-01-31T00:00:00Z"}
	body = {"mode": "valid", "metric_id": ids["metric_id"], "rows": [new, new | {"value": 98_000}]}
	ids["readings_import_id"] = _id(send("POST", "/api/v1/esg/measurements/bulk", body))


def _platform(company: Company, engineer: Someone) -> None:
	send, ids = company.send, company.ids
	ids["user_id"] = engineer.user_id
	hook = {
		"name": "Purchasing",
		"url": "https://hooks.example.com/apg",
		"events": ["plm.product.*"],
	}
	ids["webhook_id"] = send("POST", "/api/v1/webhooks", hook)["id"]
	send("POST", f"/api/v1/webhooks/{ids['webhook_id']}/test")
	role = {
		"name": "readers",
		"title": "May look up colleagues",
		"permissions": ["auth.users.read"],
	}
	ids["role_id"] = send("POST", "/api/v1/roles", role)["id"]
	send("POST", "/api/v1/api-keys", {"name": "Nightly export", "scopes": ["plm.products.read"]})
	invited = {"username": f"max-{ids['role_id']}@example.org", "display_name": "Max Berg"}
	link = send("POST", "/api/v1/auth/invitations", invited)
	ids["invitation"] = _token(link)
	ids["reset"] = _token(send("POST", f"/api/v1/users/{engineer.user_id}/reset-link"))
	rate = {"currency": "USD", "date": "2024-01-01", "units_per_eur": 1.08, "source": "Budget 2024"}
	send("POST", "/api/v1/reference/exchange-rates", rate)
	ids["seq"] = str(send("GET", "/api/v1/audit?limit=1")[0]["seq"])


def _token(told: Any) -> str:
	link = told if isinstance(told, str) else next(v for v in told.values() if "/" in str(v))
	return str(link).rstrip("/").rsplit("/", 1)[1]


def _imports(company: Company, content: bytes) -> None:
	"""One import with a difference that waits, one with problems."""
	changed = content.replace(b"10R resistor", b"10R resistor, thick film")
	assert changed != content
	for name, held in (
		("changed.json", changed),
		("pump.csv", b"number;name;quantity;parent\nX-1;Pump;;\nX-2;Shaft;two;X-1\n"),
	):
		answer = company.api.post(
			"/api/v1/plm/imports", files={"file": (name, held, "application/octet-stream")}
		)
		assert answer.status_code < 400, answer.text
		kind = "import_id" if name.endswith("json") else "problem_import"
		company.ids[kind] = answer.json()["data"]["import_id"]


def _factors(company: Company) -> None:
	"""The UK factors taken and approved, one of them changed since, one of the company's own."""
	send, ids = company.send, company.ids
	content = files("apg.capabilities.esg").joinpath("data/uk_government_2020.csv").read_bytes()
	for held in (content, content.replace(b"kg CO2e,3000.6364", b"kg CO2e,2900.5")):
		answer = company.api.post(
			"/api/v1/esg/imports", files={"file": ("uk-2020.csv", held, "text/csv")}
		)
		assert answer.status_code < 400, answer.text
		ids["factor_import_id"] = answer.json()["id"]
		done = send("POST", f"/api/v1/esg/imports/{ids['factor_import_id']}/accept")
		ids["source_id"] = ids.get("source_id") or done["source_id"]
		send("POST", f"/api/v1/esg/factor-sources/{done['source_id']}/approve", {})
	steel = send("GET", "/api/v1/esg/factors?search=steel%20primary")[0]
	ids["own_factor_id"] = send(
		"POST",
		"/api/v1/esg/factors",
		{
			"activity_code": "material.steel.hot_rolled_coil",
			"name": "Hot rolled coil",
			"unit": "kg",
			"citation": "Declaration EPD-2024-017, page 6",
			"valid_from": "2024-01-01",
			"gases": {"CO2": 2.11, "CH4_fossil": 0.0052},
		},
	)["id"]
	ids["factor_id"] = steel["id"]


def _activities(company: Company) -> None:
	"""A site with bills, one of them without a factor, calculated, corrected, calculated again."""
	send, ids = company.send, company.ids
	esg = "/api/v1/esg"
	site = {"code": "LEEDS-1", "name": "Leeds works", "country": "GB", "region": "GB-ENG"}
	ids["site_id"] = send("POST", f"{esg}/sites", site)["id"]
	proof = company.api.post(
		f"{esg}/source-documents", files={"file": ("gas-2024.csv", b"month,kWh\n1,18250\n")}
	)
	bill = {
		"site_id": ids["site_id"],
		"activity_code": "fuels.gaseous_fuels.natural_gas",
		"quantity": 18250.4,
		"unit": "kWh (gross CV)",
		"period_start": "2024-01-01T00:00:00Z",
		"period_end": "2024-02-01T00:00:00Z",
		"meter": "G-1",
		"document_id": proof.json()["id"],
		"locator": "row 2",
		"is_primary": True,
	}
	gap = {"activity_code": "cooling.unknown_gas", "unit": "kg", "quantity": 2, "meter": None}
	ids["activity_id"] = send("POST", f"{esg}/activities", bill)["id"]
	many = {"mode": "valid", "rows": [bill | {"quantity": -1}, bill | gap | {"quantity": 3}]}
	ids["records_import_id"] = _id(send("POST", f"{esg}/activities/bulk", many))
	send("POST", f"{esg}/activities", bill | gap)
	run = send("POST", f"{esg}/calculations", {"title": "Leeds, 2024"})
	ids["run_id"] = run["id"]
	lines = send("GET", f"{esg}/calculations/{run['id']}/lines?missing=false")
	ids["line_id"] = lines[0]["id"]
	correction = {"quantity": 18520.4, "reason": "digits were swapped"}
	send("POST", f"{esg}/activities/{ids['activity_id']}/correct", correction)
	again = send("POST", f"{esg}/calculations/{run['id']}/rerun", {"mode": "present"})
	ids["other_id"] = again["id"]
