# The masks of /proc stay, unless the pod has a user namespace; restricted keeps them even then (since v1.35).
package lib.pod_security

violations contains v if {
	level >= 1
	not user_namespace
	count(unmasked) > 0
	v := {
		"rule": "pod-security-baseline/proc-mount",
		"title": "Containers must keep the default mask of /proc.",
		"message": $"containers {names(unmasked)} set securityContext.procMount",
		"severity": "high",
		"controls": ["CIS 5.6.3"],
	}
}

violations contains v if {
	level >= 2
	count(unmasked) > 0
	v := {
		"rule": "pod-security-restricted/proc-mount",
		"title": "Containers must keep the default mask of /proc, with a user namespace too.",
		"message": $"containers {names(unmasked)} set securityContext.procMount",
		"severity": "high",
		"controls": ["CIS 5.6.3"],
	}
}

unmasked := [c | some c in containers; not object.get(c, ["securityContext", "procMount"], null) in {null, "Default"}]
