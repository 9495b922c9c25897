package controllers.serviceaccount_test

import data.lib.testing

test_cases[name] if {
	some name, c in data.cases.serviceaccount
	testing.holds(c)
}
