# Ports of the host bypass network policy.
package lib.pod_security

violations contains v if {
	level >= 1
	bad := [c | some c in containers; some port in c.ports; not object.get(port, "hostPort", 0) in {0, null}]
	count(bad) > 0
	v := {
		"rule": "pod-security-baseline/host-ports",
		"title": "Containers must not use ports of the host.",
		"message": $"containers {names(bad)} use a hostPort",
		"severity": "high",
		"controls": ["CIS 5.2.12"],
	}
}
