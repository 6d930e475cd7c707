"""Checks a proof or an export of the audit trail, with nothing of the product.

python verify_audit.py proof-4711.json        a proof of /api/v1/audit/{seq}/proof
python verify_audit.py audit-2026-01-31.zip   an export of /api/v1/audit/export
python verify_audit.py FILE KID               … and the key must be this one

Needs the package cryptography. Exit code 0: every entry stands in a head signed by the key. What is
left to trust: that the key, named by its thumbprint (kid), belongs to the installation.
"""

import base64
import hashlib
import json
import sys
import zipfile

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def canonical(texts):
	"""RFC 8785 of an object whose values are texts or null."""
	return json.dumps(texts, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def sha256(data):
	return hashlib.sha256(data).digest()


def check_head(head, keys, trusted):
	"""Raises ValueError unless the head is signed by the key it names, and that one is trusted."""
	key = keys.get(head["kid"])
	if key is None or (trusted and head["kid"] != trusted):
		raise ValueError(f"head {head['number']}: signed by {head['kid']}, which is not the key")
	members = canonical({name: key[name] for name in ("crv", "kty", "x")})
	if base64.urlsafe_b64encode(sha256(members)).rstrip(b"=").decode() != head["kid"]:
		raise ValueError(f"head {head['number']}: the key is not the one its id names")
	public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "=="))
	signed = {name: value for name, value in head.items() if name != "signature"}
	try:
		public.verify(base64.b64decode(head["signature"]), b"apg audit head\n" + canonical(signed))
	except InvalidSignature:
		raise ValueError(f"head {head['number']}: the signature is wrong") from None


def split(size):
	return 1 << ((size - 1).bit_length() - 1)


def path_root(leaf, index, size, path):
	"""RFC 9162, section 2.1.3.2."""
	fn, sn, found = index, size - 1, leaf
	for node in path:
		if sn == 0:
			raise ValueError("the path is too long")
		if fn & 1 or fn == sn:
			found = sha256(b"\1" + node + found)
			while not fn & 1 and fn:
				fn, sn = fn >> 1, sn >> 1
		else:
			found = sha256(b"\1" + found + node)
		fn, sn = fn >> 1, sn >> 1
	if sn:
		raise ValueError("the path is too short")
	return found


def tree_root(low, high, leaves, nodes):
	"""The root over the leaves that are known and the nodes that stand for the others."""
	if f"{low}-{high}" in nodes:
		return bytes.fromhex(nodes[f"{low}-{high}"])
	if high - low == 1:
		return leaves[low]
	middle = low + split(high - low)
	left, right = tree_root(low, middle, leaves, nodes), tree_root(middle, high, leaves, nodes)
	return sha256(b"\1" + left + right)


def check_proof(proof, trusted):
	head = proof["head"]
	check_head(head, {head["kid"]: proof["key"]}, trusted)
	if proof["entry"]["tenant_id"] != head["tenant"]:
		raise ValueError("the entry is of another company than the head")
	leaf = sha256(b"\0" + canonical(proof["entry"]))
	path = [bytes.fromhex(node) for node in proof["path"]]
	if path_root(leaf, proof["place"], int(head["size"]), path) != bytes.fromhex(head["root"]):
		raise ValueError(f"entry {proof['entry']['seq']} does not stand in head {head['number']}")
	return 1


def check_export(file, trusted):
	with zipfile.ZipFile(file) as bundle:
		lines = bundle.read("entries.jsonl").splitlines()
		manifest = json.loads(bundle.read("manifest.json"))
	keys = {key["kid"]: key for key in manifest["keys"]}
	entries = {}
	for line in lines:
		entry = json.loads(line)
		entries[entry["seq"]] = entry
	if len(lines) != manifest["entries"] or len(entries) != len(lines):
		raise ValueError("the export has not as many entries as its manifest says")
	proved = set(manifest["unsealed"])
	if proved:
		print(f"{len(proved)} entries were not sealed yet and are not vouched for")
	for one in manifest["heads"]:
		head = one["head"]
		check_head(head, keys, trusted)
		leaves = {}
		for seq, place in one["entries"].items():
			if seq not in entries or entries[seq]["tenant_id"] != head["tenant"]:
				raise ValueError(f"entry {seq} is not in the export, or of another company")
			leaves[place] = sha256(b"\0" + canonical(entries[seq]))
		if any(
			int(low) <= place < int(high)
			for low, high in (name.split("-") for name in one["nodes"])
			for place in leaves
		):
			raise ValueError(f"head {head['number']}: an entry is passed over by its proof")
		if tree_root(0, int(head["size"]), leaves, one["nodes"]) != bytes.fromhex(head["root"]):
			raise ValueError(
				f"entries {', '.join(one['entries'])}: not as head {head['number']} has them"
			)
		proved |= set(one["entries"])
	if missing := set(entries) - proved:
		raise ValueError(f"no proof for {', '.join(sorted(missing))}")
	return len(entries) - len(manifest["unsealed"])


def main():
	file, trusted = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
	try:
		if zipfile.is_zipfile(file):
			count = check_export(file, trusted)
		else:
			with open(file, encoding="utf-8") as opened:
				count = check_proof(json.load(opened), trusted)
	except (ValueError, KeyError) as error:
		print(f"NOT PROVED: {error}")
		return 1
	print(f"{count} entries are as they were sealed")
	return 0


if __name__ == "__main__":
	sys.exit(main())
