package controllers.endpoints_test

import data.lib.testing

test_cases[name] if {
	some name, c in data.cases.endpoints
	testing.holds(c)
}
