"""A letter as a mail: text, and the same as simple HTML without pictures or scripts."""

import html
from collections.abc import Mapping
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from apg.kernel.stamps import utc_now
from apg.kernel.texts import _, locale_of_moment
from apg.platform.notifications.settings import MailSettings

LONGEST_SUBJECT = 200


class BadAddress(ValueError):
	"""What should be an address of a person is none."""


def composed(
	mail_id: str, content: Mapping[str, Any], settings: MailSettings, base_url: str
) -> EmailMessage:
	"""The message in the reader's language. Raises BadAddress."""
	try:
		to = Address(addr_spec=str(content["to"]))
	except (ValueError, IndexError) as error:
		raise BadAddress from error
	if not to.domain:
		raise BadAddress
	host = urlsplit(base_url).hostname or "localhost"
	made = EmailMessage()
	made["From"] = Address(settings.sender_name, addr_spec=settings.sender)
	made["To"] = to
	made["Subject"] = " ".join(str(content["subject"]).split())[:LONGEST_SUBJECT]
	made["Date"] = format_datetime(utc_now())
	# The same for every try, so that a mail that was taken twice is known as one.
	made["Message-ID"] = f"<{mail_id}@{host}>"
	made["Auto-Submitted"] = "auto-generated"
	made["Content-Language"] = str(content["locale"])
	token = locale_of_moment.set(str(content["locale"]))
	try:
		foot = _("APG sent this; what you are mailed is chosen in your inbox's settings.")
	finally:
		locale_of_moment.reset(token)
	paragraphs = [str(one) for one in content["paragraphs"]]
	link, link_text = str(content["link"]), str(content["link_text"]) or str(content["link"])
	made.set_content("\n\n".join([*paragraphs, *([link] if link else []), f"-- \n{foot}"]) + "\n")
	body = [f"<p>{_breaks(one)}</p>" for one in paragraphs]
	if link:
		body.append(f'<p><a href="{html.escape(link)}">{html.escape(link_text)}</a></p>')
	page = (
		f'<!DOCTYPE html><html lang="{html.escape(str(content["locale"]))}"><meta charset="utf-8">'
		f"<title>{html.escape(made['Subject'])}</title><body>{''.join(body)}"
		f"<hr><p><small>{html.escape(foot)}</small></p></body></html>"
	)
	made.add_alternative(page, subtype="html")
	return made


def _breaks(text: str) -> str:
	return "<br>".join(html.escape(line) for line in text.splitlines())
