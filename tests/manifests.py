"""Asserts the hardening of the manifests and the image, field by field, and that each assertion can fail.

Usage: manifests.py RENDERED.yaml CONTAINERFILE
"""

import copy
import re
import sys

import yaml

POD = "StatefulSet/tidegate", "spec", "template", "spec"
CONTAINER = *POD, "containers", 0
CLAIM = "StatefulSet/tidegate", "spec", "volumeClaimTemplates", 0, "spec"

FIELDS = [
    (("Namespace/tidegate", "metadata", "labels", "pod-security.kubernetes.io/enforce"), "restricted"),
    (("StatefulSet/tidegate", "spec", "replicas"), 1),
    ((*CLAIM, "accessModes"), ["ReadWriteOncePod"]),
    ((*POD, "automountServiceAccountToken"), False),
    ((*POD, "hostUsers"), False),
    ((*POD, "securityContext", "runAsNonRoot"), True),
    ((*POD, "securityContext", "runAsUser"), 10001),
    ((*POD, "securityContext", "runAsGroup"), 10001),
    ((*POD, "securityContext", "seccompProfile", "type"), "RuntimeDefault"),
    ((*CONTAINER, "securityContext", "allowPrivilegeEscalation"), False),
    ((*CONTAINER, "securityContext", "privileged"), False),
    ((*CONTAINER, "securityContext", "readOnlyRootFilesystem"), True),
    ((*CONTAINER, "securityContext", "capabilities"), {"drop": ["ALL"]}),
    ((*CONTAINER, "resources", "limits", "memory"), "512Mi"),
    ((*CONTAINER, "resources", "limits", "cpu"), "1"),
    ((*CONTAINER, "livenessProbe", "exec", "command", 1), "status"),
    ((*CONTAINER, "readinessProbe", "exec", "command", 1), "status"),
    ((*CONTAINER, "volumeMounts", 1, "readOnly"), True),
    ((*CONTAINER, "volumeMounts", 2, "readOnly"), True),
    (("NetworkPolicy/default-deny", "spec"), {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
    (("NetworkPolicy/tidegate", "spec", "ingress"), []),
]
ABSENT = [(*POD, name) for name in ("hostNetwork", "hostPID", "hostIPC", "initContainers")]


def look(documents, path):
    value = documents
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def faults(documents):
    for path, wanted in FIELDS:
        if look(documents, path) != wanted:
            yield f"{'.'.join(map(str, path))}: {look(documents, path)!r}, not {wanted!r}"
    for path in ABSENT:
        if look(documents, path) is not None:
            yield f"{'.'.join(map(str, path))} must not be there"
    for volume in look(documents, (*POD, "volumes")) or []:
        if not {"configMap", "secret"} & volume.keys():
            yield f"volume {volume.get('name')} is neither the plan nor the credentials"
    ports = {p["port"] for rule in look(documents, ("NetworkPolicy/tidegate", "spec", "egress")) or [] for p in rule.get("ports", [{"port": 0}])}
    if ports != {53, 443}:
        yield f"egress ports are {sorted(ports)}, not 53 and 443"


def image_faults(text):
    if len(re.findall(r"^FROM \$\{\w+\}", text, re.M)) != 2:
        yield "the image is not made in two stages from two base arguments"
    user = re.search(r"^USER (\d+):(\d+)$", text, re.M)
    if not user or min(map(int, user.groups())) < 10000:
        yield "USER is not a number of at least 10000"


def main(rendered, containerfile):
    with open(rendered) as file:
        documents = {f"{d['kind']}/{d['metadata']['name']}": d for d in yaml.safe_load_all(file) if d}
    with open(containerfile) as file:
        image = file.read()
    found = [*faults(documents), *image_faults(image)]
    for path, _ in FIELDS:
        broken = copy.deepcopy(documents)
        look(broken, path[:-1])[path[-1]] = "planted"
        if not any(fault.startswith(".".join(map(str, path))) for fault in faults(broken)):
            found.append(f"the check of {path} cannot fail")
    if not list(image_faults(image.replace("USER 10001", "USER 0"))):
        found.append("the check of USER cannot fail")
    print("\n".join(found) or f"{len(FIELDS) + len(ABSENT)} fields of the manifests and the image are in order")
    return 1 if found else 0


sys.exit(main(*sys.argv[1:]))
