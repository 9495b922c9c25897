package controllers.clusterrole_aggregation_test

import data.lib.testing

test_cases[name] if {
	some name, c in data.cases["clusterrole-aggregation"]
	testing.holds(c)
}
