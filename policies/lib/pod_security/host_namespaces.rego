# The network, process and IPC namespaces of the host are not shared.
package lib.pod_security

violations contains v if {
	level >= 1
	bad := [field | some field in ["hostNetwork", "hostPID", "hostIPC"]; not object.get(spec, field, false) in {false, null}]
	count(bad) > 0
	v := {
		"rule": "pod-security-baseline/host-namespaces",
		"title": "Pods must not share namespaces of the host.",
		"message": $"the pod sets {concat(", ", bad)}",
		"severity": "high",
		"controls": ["CIS 5.2.3", "CIS 5.2.4", "CIS 5.2.5"],
	}
}
