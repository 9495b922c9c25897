# Seccomp is not switched off; restricted asks for a profile.
package lib.pod_security

violations contains v if {
	level >= 1
	setters := [name | some [name, context] in contexts; is_object(context.seccompProfile); not seccomp_allowed(context)]
	count(setters) > 0
	v := {
		"rule": "pod-security-baseline/seccomp",
		"title": "Seccomp must not be switched off.",
		"message": $"{json.marshal(setters)} set another seccompProfile",
		"severity": "high",
		"controls": ["CIS 5.6.2"],
	}
}

violations contains v if {
	level >= 2
	not windows
	not pod_seccomp
	bad := [c | some c in containers; not seccomp_set(c)]
	count(bad) > 0
	v := {
		"rule": "pod-security-restricted/seccomp",
		"title": "Pods must set the seccomp profile RuntimeDefault or Localhost.",
		"message": $"containers {names(bad)} have no seccompProfile",
		"severity": "medium",
		"controls": ["CIS 5.6.2"],
	}
}

seccomp_allowed(context) if context.seccompProfile.type in {"RuntimeDefault", "Localhost"}

pod_seccomp if seccomp_allowed(spec.securityContext)

seccomp_set(holder) if seccomp_allowed(holder.securityContext)
