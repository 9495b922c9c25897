# Only the SELinux types of containers; neither user nor role.
package lib.pod_security

selinux_types := {"", null, "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}

violations contains v if {
	level >= 1
	setters := [name | some [name, context] in contexts; foreign_selinux(context)]
	count(setters) > 0
	v := {
		"rule": "pod-security-baseline/selinux",
		"title": "SELinux options must be those of containers.",
		"message": $"{json.marshal(setters)} set forbidden seLinuxOptions",
		"severity": "high",
		"controls": ["CIS 5.6.3"],
	}
}

foreign_selinux(context) if not object.get(context, ["seLinuxOptions", "type"], "") in selinux_types

foreign_selinux(context) if {
	some field in ["user", "role"]
	not object.get(context, ["seLinuxOptions", field], "") in {"", null}
}
