"""What a process that answers pages does not load before it needs it."""

import subprocess
import sys

HEAVY = (
	*("numpy", "psycopg", "openpyxl", "procrastinate", "pandas", "numba", "reportlab", "lxml"),
	*("python_calamine", "defusedxml", "segno"),
)


def test_a_web_process_comes_up_without_the_heavy_libraries() -> None:
	program = (
		"import sys; from apg.app import composition; composition(); "
		f"print([name for name in {HEAVY!r} if name in sys.modules])"
	)
	ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
	assert (ended.stdout, ended.returncode) == ("[]\n", 0), ended.stderr


def test_a_name_of_a_later_library_is_the_library_s_own() -> None:
	import numpy

	from apg.kernel.later import numpy as np

	assert np.int64 is numpy.int64
	assert vars(np)["int64"] is numpy.int64  # looked up once
