package controllers.garbage_collector_test

import data.lib.testing

test_cases[name] if {
	some name, c in data.cases["garbage-collector"]
	testing.holds(c)
}
