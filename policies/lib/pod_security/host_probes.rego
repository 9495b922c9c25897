# A probe or lifecycle handler with a host of its own makes the kubelet call it (since v1.34).
package lib.pod_security

violations contains v if {
	level >= 1
	bad := [c | some c in containers; calls_elsewhere(c)]
	count(bad) > 0
	v := {
		"rule": "pod-security-baseline/host-probes",
		"title": "Probes and lifecycle handlers must not name a host.",
		"message": $"containers {names(bad)} name a host in a probe or lifecycle handler",
		"severity": "medium",
		"controls": ["CIS 5.6.3"],
	}
}

calls_elsewhere(container) if {
	some probe in ["livenessProbe", "readinessProbe", "startupProbe"]
	names_host(container[probe])
}

calls_elsewhere(container) if {
	some moment in ["postStart", "preStop"]
	names_host(container.lifecycle[moment])
}

names_host(handler) if {
	some action in ["httpGet", "tcpSocket"]
	not object.get(handler, [action, "host"], "") in {"", null}
}
