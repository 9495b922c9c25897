# Only sysctls that stay in the pod.
package lib.pod_security

safe_sysctls := {
	"kernel.shm_rmid_forced",
	"net.ipv4.ip_local_port_range",
	"net.ipv4.ip_local_reserved_ports",
	"net.ipv4.ip_unprivileged_port_start",
	"net.ipv4.ping_group_range",
	"net.ipv4.tcp_fin_timeout",
	"net.ipv4.tcp_keepalive_intvl",
	"net.ipv4.tcp_keepalive_probes",
	"net.ipv4.tcp_keepalive_time",
	"net.ipv4.tcp_notsent_lowat",
	"net.ipv4.tcp_rmem",
	"net.ipv4.tcp_slow_start_after_idle",
	"net.ipv4.tcp_syncookies",
	"net.ipv4.tcp_wmem",
}

violations contains v if {
	level >= 1
	bad := [sysctl | some sysctl in spec.securityContext.sysctls; not object.get(sysctl, "name", null) in safe_sysctls]
	count(bad) > 0
	v := {
		"rule": "pod-security-baseline/sysctls",
		"title": "Pods must not set unsafe sysctls.",
		"message": $"the pod sets sysctls {names(bad)}",
		"severity": "high",
		"controls": ["CIS 5.6.3"],
	}
}
