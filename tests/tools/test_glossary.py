"""The glossary is current, and what it calls a label is one."""

from babel.messages.pofile import read_po
from tools.catalogue import POT
from tools.glossary import TARGET, document, terms


def test_the_document_is_current() -> None:
	assert TARGET.read_text(encoding="utf-8") == document(), "run: python -m tools.glossary"


def test_labels_are_texts_of_the_product() -> None:
	with POT.open("rb") as file:
		known = {str(message.id) for message in read_po(file) if message.id}
	labels = {entry["label"] for entry in terms() if "label" in entry}
	assert labels - known == set()
	assert len(labels) > 10


def test_no_word_stands_for_two_things() -> None:
	"""What others call a thing is never our word for another thing."""
	ours = {entry["term"].lower() for entry in terms()}
	for entry in terms():
		for word in entry.get("elsewhere", "").lower().replace(";", ",").split(","):
			assert word.strip() not in ours - {entry["term"].lower()}, (entry["term"], word)


def test_every_meaning_is_a_sentence() -> None:
	for entry in terms():
		assert entry["meaning"][0].isupper() or entry["meaning"][0].isdigit()
		assert entry["meaning"].endswith(".")
