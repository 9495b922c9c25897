package controllers.replicaset_test

import data.lib.testing

test_cases[name] if {
	some name, c in data.cases.replicaset
	testing.holds(c)
}
