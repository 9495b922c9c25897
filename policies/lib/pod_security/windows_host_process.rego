# A HostProcess container of Windows runs on the host itself.
package lib.pod_security

violations contains v if {
	level >= 1
	setters := [name | some [name, context] in contexts; not object.get(context, ["windowsOptions", "hostProcess"], false) in {false, null}]
	count(setters) > 0
	v := {
		"rule": "pod-security-baseline/windows-host-process",
		"title": "Containers must not be HostProcess containers.",
		"message": $"{json.marshal(setters)} set windowsOptions.hostProcess",
		"severity": "critical",
		"controls": ["CIS 5.2.10"],
	}
}

# The security context of the pod and of each container that has one, with a name for messages.
contexts := array.concat(
	[["pod", context] | context := spec.securityContext; is_object(context)],
	[[object.get(c, "name", "?"), c.securityContext] | some c in containers; is_object(c.securityContext)],
)
