# A process may not gain more than its parent has.
package lib.pod_security

violations contains v if {
	level >= 2
	not windows
	bad := [c | some c in containers; object.get(c, ["securityContext", "allowPrivilegeEscalation"], true) != false]
	count(bad) > 0
	v := {
		"rule": "pod-security-restricted/privilege-escalation",
		"title": "Containers must forbid privilege escalation.",
		"message": $"containers {names(bad)} do not set allowPrivilegeEscalation to false",
		"severity": "medium",
		"controls": ["CIS 5.2.6"],
	}
}
