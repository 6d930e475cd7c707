"""What `deploy/` says fits together, and fits the product; checked without a cluster or a daemon."""

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from typer.main import get_command

from apg.cli import app
from tests.deploy.reading import DEPLOY, ROOT, compose, manifests, setting_names, variables

COMMANDS = set(get_command(app).commands)  # type: ignore[attr-defined]
OURS = ("migrate", "web", "worker")
# Not of the product: what the official images read.
FOREIGN = {"POSTGRES_DB", "POSTGRES_PASSWORD", "POSTGRES_INITDB_ARGS", "POD_IP"}
PINNED = re.compile(r"[\w./-]+:\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$")


def of_kind(*kinds: str) -> list[dict[str, Any]]:
	return [one for one in manifests() if one["kind"] in kinds]


def pods() -> list[tuple[str, dict[str, Any]]]:
	return [
		(one["metadata"]["name"], one["spec"]["template"]) for one in of_kind("Deployment", "Job")
	]


# -- the image -----------------------------------------------------------------------------------


def test_the_image_is_built_in_stages_of_pinned_images_and_runs_as_nobody_special() -> None:
	text = (DEPLOY / "Dockerfile").read_text("utf-8")
	arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", text, re.M))
	stages = re.findall(r"^FROM (\S+)", text, re.M)
	assert len(stages) == 3
	for stage in stages:
		assert PINNED.match(arguments[stage.strip("${}")]), stage
	assert re.findall(r"^USER (\S+)$", text, re.M) == ["10001:10001"]
	assert "--require-hashes" in text
	last = text[text.rindex("FROM ") :]
	assert "pip install" not in last
	assert "--interval=30s --timeout=30s --start-period=5s --retries=3" in last
	(command,) = re.findall(r'^CMD \["apg", "([\w-]+)"\]$', last, re.M)
	assert command in COMMANDS


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
	text = (DEPLOY / "Dockerfile").read_text("utf-8")
	copied = [
		word
		for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.M)
		for word in line.split()[:-1]
	]
	kept = {
		line[1:]
		for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
		if line.startswith("!")
	}
	for path in copied:
		assert (ROOT / path).exists(), path
		assert any(path.rstrip("/") == one or path.startswith(f"{one}/") for one in kept), path
	# A secret, a home or a history is never sent to the builder.
	assert (ROOT / ".dockerignore").read_text("utf-8").startswith("**\n")


# -- compose -------------------------------------------------------------------------------------


def test_compose_runs_commands_with_settings_that_exist() -> None:
	services = compose()["services"]
	assert set(services) == {"db", *OURS, "nginx"}
	for name in OURS:
		program, command = services[name]["command"]
		assert program == "apg"
		assert command in COMMANDS
		assert set(services[name]["environment"]) <= setting_names()


def test_compose_gives_nobody_more_than_needed() -> None:
	services = compose()["services"]
	for name in (*OURS, "nginx"):
		one = services[name]
		assert one["read_only"] is True
		assert one["cap_drop"] == ["ALL"]
		assert "no-new-privileges:true" in one["security_opt"]
	admin = [name for name in OURS if "APG_DATABASE_ADMIN_URL" in services[name]["environment"]]
	assert admin == ["migrate"]
	assert [name for name, one in services.items() if "ports" in one] == ["nginx"]
	assert services["db"]["networks"] == ["inside"]
	assert services["nginx"]["networks"] == ["outside"]
	assert compose()["networks"]["inside"]["internal"] is True
	for one in services.values():
		image = one["image"]
		assert PINNED.match(image) or image == "${APG_IMAGE:-apg:local}"


def test_what_compose_names_is_defined() -> None:
	whole = compose()
	for one in whole["services"].values():
		assert set(one.get("networks", ())) <= set(whole["networks"])
		assert set(one.get("depends_on", ())) <= set(whole["services"])
		for volume in one.get("volumes", ()):
			source = volume.partition(":")[0]
			local = (DEPLOY / source).exists() or source == "./tls"  # the operator's certificate
			assert local if source.startswith(".") else source in whole["volumes"]
	asked = variables((DEPLOY / "compose.yaml").read_text("utf-8")) - {"APG_IMAGE"}
	offered = re.findall(r"^(\w+)=", (DEPLOY / "compose.env.example").read_text("utf-8"), re.M)
	assert asked == set(offered)


# -- kubernetes ----------------------------------------------------------------------------------


def test_every_manifest_is_applied_but_the_secrets() -> None:
	folder = DEPLOY / "kubernetes"
	applied = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))["resources"]
	there = {path.name for path in folder.glob("*.yaml")}
	assert set(applied) == there - {"kustomization.yaml", "secret.example.yaml"}
	for one in manifests():
		assert {"apiVersion", "kind", "metadata"} <= set(one)
	names = [(one["kind"], one["metadata"]["name"]) for one in manifests()]
	assert len(names) == len(set(names))


def test_secrets_are_empty_or_plainly_examples() -> None:
	for one in of_kind("Secret"):
		for name, value in one["stringData"].items():
			assert value == "" or "example" in value, name


@pytest.mark.parametrize(("name", "pod"), pods(), ids=[name for name, _pod in pods()])
def test_pods_keep_the_restricted_standard(name: str, pod: dict[str, Any]) -> None:
	spec = pod["spec"]
	assert spec["automountServiceAccountToken"] is False
	assert spec["securityContext"]["runAsNonRoot"] is True
	assert spec["securityContext"]["runAsUser"] == 10001
	assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
	volumes = {one["name"] for one in spec["volumes"]}
	for container in spec["containers"]:
		held = container["securityContext"]
		assert held["allowPrivilegeEscalation"] is False
		assert held["readOnlyRootFilesystem"] is True
		assert held["capabilities"] == {"drop": ["ALL"]}
		assert {"requests", "limits"} == set(container["resources"])
		assert {one["name"] for one in container["volumeMounts"]} == volumes
		assert "/tmp" in {one["mountPath"] for one in container["volumeMounts"]}
		program, command = container["args"]
		assert (program, command in COMMANDS) == ("apg", True)
		given = {one["name"] for one in container["env"]}
		assert given <= setting_names() | FOREIGN
		assert ("APG_DATABASE_ADMIN_URL" in given) is (command == "migrate")


def test_what_pods_refer_to_is_there() -> None:
	secrets = {one["metadata"]["name"]: one["stringData"] for one in of_kind("Secret")}
	maps = {one["metadata"]["name"]: one["data"] for one in of_kind("ConfigMap")}
	claims = {one["metadata"]["name"] for one in of_kind("PersistentVolumeClaim")}
	for _name, pod in pods():
		for container in pod["spec"]["containers"]:
			for one in container["env"]:
				if reference := one.get("valueFrom", {}).get("secretKeyRef"):
					assert reference["key"] in secrets[reference["name"]]
			for one in container["envFrom"]:
				assert set(maps[one["configMapRef"]["name"]]) <= setting_names()
		for volume in pod["spec"]["volumes"]:
			if "persistentVolumeClaim" in volume:
				assert volume["persistentVolumeClaim"]["claimName"] in claims


def test_selectors_find_their_pods() -> None:
	labels = [pod["metadata"]["labels"] for _name, pod in pods()]

	def found(wanted: dict[str, str]) -> bool:
		return any(wanted.items() <= held.items() for held in labels)

	for one in of_kind("Deployment", "PodDisruptionBudget"):
		assert found(one["spec"]["selector"]["matchLabels"])
	for one in of_kind("Service"):
		assert found(one["spec"]["selector"])
	for one in of_kind("NetworkPolicy"):
		assert found(one["spec"]["podSelector"].get("matchLabels", {}))
	deployments = {one["metadata"]["name"] for one in of_kind("Deployment")}
	services = {one["metadata"]["name"] for one in of_kind("Service")}
	for one in of_kind("HorizontalPodAutoscaler"):
		assert one["spec"]["scaleTargetRef"]["name"] in deployments
	for one in of_kind("Ingress"):
		for rule in one["spec"]["rules"]:
			for path in rule["http"]["paths"]:
				assert path["backend"]["service"]["name"] in services


def test_the_web_has_the_size_and_probes_of_the_guide() -> None:
	(web,) = [one for one in of_kind("Deployment") if one["metadata"]["name"] == "apg-web"]
	assert web["spec"]["replicas"] == 3
	(container,) = web["spec"]["template"]["spec"]["containers"]
	assert container["resources"] == {
		"requests": {"memory": "512Mi", "cpu": "250m"},
		"limits": {"memory": "1Gi", "cpu": "500m"},
	}
	for probe, path, first, period in (
		("livenessProbe", "/live", 30, 10),
		("readinessProbe", "/ready", 5, 5),
	):
		told = container[probe]
		assert told["httpGet"]["path"] == path
		assert (told["initialDelaySeconds"], told["periodSeconds"]) == (first, period)
	(scaling,) = of_kind("HorizontalPodAutoscaler")
	assert (scaling["spec"]["minReplicas"], scaling["spec"]["maxReplicas"]) == (3, 10)


def test_connections_of_all_pods_fit_into_the_database() -> None:
	"""Each process holds its pool and two connections beside it; PostgreSQL starts with 100."""
	(settings,) = of_kind("ConfigMap")
	pool = int(settings["data"]["APG_POOL_SIZE"]) + 2
	(scaling,) = of_kind("HorizontalPodAutoscaler")
	(worker,) = [one for one in of_kind("Deployment") if "worker" in one["metadata"]["name"]]
	processes = int(settings["data"]["APG_PROCESSES"]) * scaling["spec"]["maxReplicas"]
	assert (processes + worker["spec"]["replicas"]) * pool <= 97


def test_nothing_is_reached_that_no_policy_names() -> None:
	policies = {one["metadata"]["name"]: one["spec"] for one in of_kind("NetworkPolicy")}
	assert policies["apg-nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
	ports = {one["port"] for rule in policies["apg-web"]["ingress"] for one in rule["ports"]}
	assert ports == {8000}
	assert all(rule["from"] for rule in policies["apg-web"]["ingress"])


# -- linters, where they are installed --------------------------------------------------------------


@pytest.mark.parametrize(
	("tool", "words"),
	[
		("hadolint", ["deploy/Dockerfile"]),
		("promtool", ["check", "rules", "deploy/prometheus/alerts.yml"]),
		(
			"kubeconform",
			["-strict", "-ignore-filename-pattern", "kustomization", "deploy/kubernetes"],
		),
	],
)
def test_linters_find_nothing(tool: str, words: list[str]) -> None:
	if shutil.which(tool) is None:
		pytest.skip(f"{tool} is not installed")
	done = subprocess.run([tool, *words], cwd=ROOT, capture_output=True, text=True)
	assert done.returncode == 0, done.stdout + done.stderr
