"""Which tests run on the same worker, and which are begun first.

Tests of one file stay together, since its fixtures are dear; so do files that share an
installation. The longest are begun first, so that no worker has one left when the other is done.
"""

from collections import OrderedDict

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

# Files that share the installation of a session fixture: what they begin with → their common name.
TOGETHER = {
	"tests/cli/test_backup": "tests/cli",
	"tests/cli/test_commands": "tests/cli",
	"tests/cli/test_keys": "tests/cli",
	"tests/cli/test_run": "tests/cli",
	"tests/examples/": "tests/examples",
	"tests/hard/test_kills": "tests/hard",
	"tests/hard/test_revocation": "tests/hard",
}
# Seconds, roughly, where they are far from a tenth of a second a test.
DEAR = {
	"tests/journeys/test_every_page.py": 190,
	"tests/cli": 170,
	"tests/journeys/test_products_browser.py": 80,
	"tests/hard": 60,
	"tests/journeys/test_imports_browser.py": 60,
	"tests/journeys/test_metrics_browser.py": 50,
	"tests/examples": 50,
	"tests/ui/test_shell.py": 50,
	"tests/journeys/test_first_ten_minutes.py": 40,
	"tests/journeys/test_items_browser.py": 40,
	"tests/embedded/test_launcher.py": 40,
	"tests/journeys/test_stored_script.py": 40,
	"tests/contracts/test_openapi.py": 30,
	"tests/cli/test_refusals.py": 30,
	"tests/journeys/test_impact_browser.py": 25,
	"tests/embedded/test_os_user.py": 25,
	"tests/embedded/test_no_space.py": 25,
	"tests/deploy/test_processes.py": 20,
}


class InGroups(LoadFileScheduling):
	"""xdist's distribution by file, with the two differences said above."""

	def _split_scope(self, nodeid: str) -> str:
		for beginning, name in TOGETHER.items():
			if nodeid.startswith(beginning):
				return name
		return super()._split_scope(nodeid)

	def _assign_work_unit(self, node: WorkerController) -> None:
		def seconds(unit: tuple[str, dict[str, bool]]) -> float:
			return DEAR.get(unit[0], len(unit[1]) / 10)

		self.workqueue = OrderedDict(sorted(self.workqueue.items(), key=seconds, reverse=True))
		super()._assign_work_unit(node)
