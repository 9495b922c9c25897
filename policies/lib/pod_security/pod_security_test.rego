package lib.pod_security_test

import data.lib.testing

test_cases[name] if {
	some name, c in data.cases["pod-security"]
	testing.holds(c)
}
