package lib_test

import data.lib.testing

test_cases[name] if {
	some name, c in data.cases.lib
	testing.holds(c)
}
