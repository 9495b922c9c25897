package controllers.deployment_test

import data.lib.testing

test_cases[name] if {
	some name, c in data.cases.deployment
	testing.holds(c)
}
