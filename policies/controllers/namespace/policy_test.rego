package controllers.namespace_test

import data.lib.testing

test_cases[name] if {
	some name, c in data.cases.namespace
	testing.holds(c)
}
