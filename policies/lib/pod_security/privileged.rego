# Privileged containers switch most security mechanisms off.
package lib.pod_security

violations contains v if {
	level >= 1
	bad := [c | some c in containers; not object.get(c, ["securityContext", "privileged"], false) in {false, null}]
	count(bad) > 0
	v := {
		"rule": "pod-security-baseline/privileged",
		"title": "Containers must not be privileged.",
		"message": $"containers {names(bad)} set securityContext.privileged",
		"severity": "critical",
		"controls": ["CIS 5.2.2"],
	}
}
