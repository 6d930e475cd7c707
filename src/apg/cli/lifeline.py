"""A process ends when the one that started it is gone, however that one died.

The parent holds the writing end of a pipe that nobody writes to; a child that reads its end sees
the end of the file when the parent is no more.
"""

import os
import signal
import threading
import time

NAME = "APG_LIFELINE"
GRACE_SECONDS = 20.0


class Lifeline:
	"""The parent's side: `reading` goes to the children, the other end stays here."""

	def __init__(self) -> None:
		self.reading, self._held = os.pipe()

	def let_go(self) -> None:
		"""For a forked child: only the parent may hold the writing end."""
		os.close(self._held)

	def close(self) -> None:
		os.close(self._held)
		os.close(self.reading)


def hold_on(reading: int | None = None) -> None:
	"""The child's side: asks this process to end when the parent is gone, and ends it at last."""
	if reading is None:
		text = os.environ.pop(NAME, "")
		if not text.isdigit():
			return
		reading = int(text)
		try:
			os.set_inheritable(reading, False)
		except OSError:
			return

	def wait() -> None:
		while os.read(reading, 1):
			pass
		os.kill(os.getpid(), signal.SIGTERM)
		time.sleep(GRACE_SECONDS)
		os._exit(1)

	threading.Thread(target=wait, name="lifeline", daemon=True).start()
