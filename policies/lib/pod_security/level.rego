# Which Pod Security Standard holds: the signed data says the least, a namespace's label may only tighten it.
# Facts of Kubernetes v1.37 (the label `enforce-version` is not read: an older version could loosen).
package lib.pod_security

import data.lib.write

ranks := {"privileged": 0, "baseline": 1, "restricted": 2}

# A pod is judged when it is made, and when a write touches its spec.
default judged := false

judged if write.operation == "core/pods create"

judged if {
	write.target in {"core/pods", "core/pods/ephemeralcontainers"}
	input.write.verb == "update"
}

judged if {
	write.target in {"core/pods", "core/pods/ephemeralcontainers"}
	input.write.verb == "patch"
	"spec" in write.patch_members
}

level := max([floor, wished]) if judged

else := 0

# The strictest, where the data says nothing that is known.
floor := min(exempt) if count(exempt) > 0

else := object.get(ranks, data.pod_security.default, 2) if is_string(data.pod_security.default)

else := 2

exempt contains rank if {
	some exemption in data.exemptions.pod_security[input.write.namespace]
	some name in exemption.controllers
	name in {"*", input.controller.name}
	rank := object.get(ranks, exemption.level, 2)
}

default wished := 0

wished := object.get(ranks, input.facts.namespace.value.labels["pod-security.kubernetes.io/enforce"], 2)

# Without the namespace nobody knows what its label asks for.
violations contains v if {
	judged
	not labelled
	v := {
		"rule": "pod-security/namespace-unknown",
		"title": "A pod is judged only in a namespace that is known.",
		"message": $"namespace {input.write.namespace} is not among the facts",
		"severity": "high",
		"controls": ["CIS 5.2.1"],
	}
}

labelled if is_object(input.facts.namespace.value.labels)

spec := object.get(input, ["object", "spec"], {})

containers := [c |
	some list in ["containers", "initContainers", "ephemeralContainers"]
	some c in spec[list]
]

# Pods of Windows are exempt from what only Linux has.
windows if spec.os.name == "windows"

# A pod in a user namespace of its own may do as root what a container may not.
user_namespace if spec.hostUsers == false

# Names of containers or volumes for a message; robust against whatever they hold.
names(list) := json.marshal([object.get(item, "name", "?") | some item in list])
