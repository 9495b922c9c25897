package controllers.endpointslice_test

import data.lib.testing

test_cases[name] if {
	some name, c in data.cases.endpointslice
	testing.holds(c)
}
