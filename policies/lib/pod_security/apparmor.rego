# AppArmor stays on: the runtime's default profile or one of the node.
package lib.pod_security

violations contains v if {
	level >= 1
	setters := [name | some [name, context] in contexts; is_object(context.appArmorProfile); not object.get(context.appArmorProfile, "type", "") in {"RuntimeDefault", "Localhost"}]
	count(setters) > 0
	v := {
		"rule": "pod-security-baseline/apparmor",
		"title": "AppArmor must not be switched off.",
		"message": $"{json.marshal(setters)} set another appArmorProfile",
		"severity": "high",
		"controls": ["CIS 5.6.3"],
	}
}

violations contains v if {
	level >= 1
	bad := [key | some key, value in input.object.metadata.annotations; startswith(key, "container.apparmor.security.beta.kubernetes.io/"); not apparmor_allowed(value)]
	count(bad) > 0
	v := {
		"rule": "pod-security-baseline/apparmor",
		"title": "AppArmor must not be switched off.",
		"message": $"annotations {json.marshal(bad)} name another profile",
		"severity": "high",
		"controls": ["CIS 5.6.3"],
	}
}

apparmor_allowed(value) if value in {"", "runtime/default"}

apparmor_allowed(value) if startswith(value, "localhost/")
