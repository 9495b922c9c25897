package controllers.ttl_after_finished_test

import data.lib.testing

test_cases[name] if {
	some name, c in data.cases["ttl-after-finished"]
	testing.holds(c)
}
