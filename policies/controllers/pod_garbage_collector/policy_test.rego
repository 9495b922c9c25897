package controllers.pod_garbage_collector_test

import data.lib.testing

test_cases[name] if {
	some name, c in data.cases["pod-garbage-collector"]
	testing.holds(c)
}
