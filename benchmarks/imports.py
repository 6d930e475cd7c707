"""A bill of materials of 1,500 lines from a CSV file: dry run and taking over, through the API."""

import json
import random
import time
import urllib.request

from benchmarks.report import Report
from benchmarks.serving import Place, installation, web

LINES, ASSEMBLIES, PARTS = 1_500, 30, 1_200


def table(mark: str) -> bytes:
	"""1,500 lines of 30 assemblies over 1,230 new parts with makers, prices and masses."""
	chance = random.Random(7)
	rows = ["Parent;Part number;Name;Qty;Designators;Manufacturer;MPN;Price EUR;Mass g;Colour"]
	rows += [f"{mark}-A00;{mark}-A{n:02};Assembly {mark}{n};1;;;;;;" for n in range(1, ASSEMBLIES)]
	for n in range(LINES - len(rows) + 1):
		part, count = n % PARTS, chance.randrange(1, 5)
		places = ",".join(f"R{n * 4 + k}" for k in range(count))
		rows.append(
			f"{mark}-A{chance.randrange(ASSEMBLIES):02};{mark}-P{part:05};Part {mark}{part};{count};"
			f"{places};Maker {part % 40};M{mark}{part:06};{(part % 500 + 1) / 1000:.3f};"
			f"{part % 90 + 1};red"
		)
	return "\n".join(rows).encode()


def _send(
	url: str, headers: dict[str, str], content: bytes = b"", kind: str = ""
) -> dict[str, object]:
	head = headers | {"Content-Type": kind or "application/json"}
	asked = urllib.request.Request(url, data=content, headers=head, method="POST")
	with urllib.request.urlopen(asked, timeout=60) as answer:
		return json.loads(answer.read())["data"]


def _import(address: str, place: Place, content: bytes) -> tuple[float, float, dict[str, object]]:
	"""Seconds of the dry run and of taking over, and what the import says at the end."""
	edge = "apg-bench"
	head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="bom.csv"\r\n\r\n'
	body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
	place_of = f"{address}/api/v1/plm/imports"
	started = time.perf_counter()
	made = _send(place_of, place.headers, body, f"multipart/form-data; boundary={edge}")
	compared = time.perf_counter() - started
	started = time.perf_counter()
	done = _send(f"{place_of}/{made['import_id']}/accept", place.headers)
	return compared, time.perf_counter() - started, done


def run(report: Report) -> None:
	"""The row of design/performance.md; the first file of a process starts its reader."""
	with installation() as place, web(place, "benchmarks.esg:app", workers=1) as address:
		first = _import(address, place, table("F"))
		times = [_import(address, place, table(mark)) for mark in ("X", "Y", "Z")]
		again = _import(address, place, table("Z"))
	for _dry, _taken, done in (first, *times, again):
		assert (done["state"], done["problem_count"]) == ("done", 0), done
	totals = sorted(dry + taken for dry, taken, _done in times)
	dry, taken, _done = times[-1]
	report.row(
		"import of 1,500 CSV lines with dry run", totals[1], "s", limit=3.0,
		note=f"dry run {dry:.2f} s, taking over {taken:.2f} s; first of a process "
		f"{first[0] + first[1]:.2f} s, the same file again {again[0] + again[1]:.2f} s",
	)  # fmt: skip
