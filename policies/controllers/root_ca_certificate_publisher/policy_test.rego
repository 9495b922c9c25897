package controllers.root_ca_certificate_publisher_test

import data.lib.testing

test_cases[name] if {
	some name, c in data.cases["root-ca-certificate-publisher"]
	testing.holds(c)
}
