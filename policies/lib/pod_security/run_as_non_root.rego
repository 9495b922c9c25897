# Nothing runs as root, unless the pod has a user namespace (since v1.35).
package lib.pod_security

violations contains v if {
	level >= 2
	not user_namespace
	not object.get(spec, ["securityContext", "runAsNonRoot"], null) in {true, null}
	v := {
		"rule": "pod-security-restricted/run-as-non-root",
		"title": "Containers must not run as root.",
		"message": "the pod sets runAsNonRoot to false",
		"severity": "medium",
		"controls": ["CIS 5.2.7"],
	}
}

violations contains v if {
	level >= 2
	not user_namespace
	bad := [c | some c in containers; not as_non_root(c)]
	count(bad) > 0
	v := {
		"rule": "pod-security-restricted/run-as-non-root",
		"title": "Containers must not run as root.",
		"message": $"containers {names(bad)} do not set runAsNonRoot",
		"severity": "medium",
		"controls": ["CIS 5.2.7"],
	}
}

as_non_root(container) if container.securityContext.runAsNonRoot == true

as_non_root(container) if {
	object.get(container, ["securityContext", "runAsNonRoot"], null) == null
	spec.securityContext.runAsNonRoot == true
}

violations contains v if {
	level >= 2
	not user_namespace
	setters := [name | some [name, context] in contexts; context.runAsUser == 0]
	count(setters) > 0
	v := {
		"rule": "pod-security-restricted/run-as-user",
		"title": "Containers must not set user 0.",
		"message": $"{json.marshal(setters)} set runAsUser to 0",
		"severity": "medium",
		"controls": ["CIS 5.2.7"],
	}
}
