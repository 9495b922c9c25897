# Volumes of the host expose its files.
package lib.pod_security

violations contains v if {
	level >= 1
	bad := [volume | some volume in spec.volumes; volume.hostPath != null]
	count(bad) > 0
	v := {
		"rule": "pod-security-baseline/host-path",
		"title": "Pods must not mount paths of the host.",
		"message": $"volumes {names(bad)} are hostPath",
		"severity": "high",
		"controls": ["CIS 5.2.11"],
	}
}
