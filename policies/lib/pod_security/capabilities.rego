# Capabilities beyond the default set are not added; restricted drops all and adds at most NET_BIND_SERVICE.
package lib.pod_security

default_capabilities := {
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
	"NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

violations contains v if {
	level >= 1
	bad := [c | some c in containers; some added in c.securityContext.capabilities.add; not added in default_capabilities]
	count(bad) > 0
	v := {
		"rule": "pod-security-baseline/capabilities",
		"title": "Containers must not add capabilities beyond the default set.",
		"message": $"containers {names(bad)} add capabilities",
		"severity": "high",
		"controls": ["CIS 5.2.8", "CIS 5.2.9"],
	}
}

violations contains v if {
	level >= 2
	not windows
	bad := [c | some c in containers; not drops_all(c)]
	count(bad) > 0
	v := {
		"rule": "pod-security-restricted/capabilities-drop",
		"title": "Containers must drop all capabilities.",
		"message": $"containers {names(bad)} do not drop ALL",
		"severity": "medium",
		"controls": ["CIS 5.2.8", "CIS 5.2.9"],
	}
}

violations contains v if {
	level >= 2
	not windows
	bad := [c | some c in containers; some added in c.securityContext.capabilities.add; added != "NET_BIND_SERVICE"]
	count(bad) > 0
	v := {
		"rule": "pod-security-restricted/capabilities-add",
		"title": "Containers may add only NET_BIND_SERVICE.",
		"message": $"containers {names(bad)} add capabilities",
		"severity": "high",
		"controls": ["CIS 5.2.9"],
	}
}

drops_all(container) if "ALL" in container.securityContext.capabilities.drop
