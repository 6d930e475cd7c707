"""The demo company's parts, rates and carbon, loaded once for all tests of a run."""

from dataclasses import dataclass
from importlib.resources import files

import pytest
from fastapi import FastAPI
from tests.people import make_tenant

from apg.capabilities.plm.imports import service as imports
from apg.demo import carbon, company, rates
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings


@dataclass
class Demo:
	runtime: Runtime
	tenant_id: str
	principal: Principal
	carbon_said: str


@pytest.fixture(scope="session")
async def demo(app: FastAPI, settings: Settings) -> Demo:
	runtime: Runtime = app.state.runtime
	tenant = await make_tenant(runtime)
	principal = await runtime.state["authenticator"].principal_of(tenant, None)
	content = files("apg.demo").joinpath("inventree", company.INVENTREE).read_bytes()
	await imports.import_now(runtime, principal, company.INVENTREE, content, dry_run=False)
	await rates.load(runtime, principal)
	said = await carbon.load(runtime, principal, settings)
	return Demo(runtime, tenant, principal, said)
