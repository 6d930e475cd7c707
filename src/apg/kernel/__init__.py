"""The kernel composes capabilities, opens a unit of work, guards it, commits it, records it."""
