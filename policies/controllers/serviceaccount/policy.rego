# serviceaccount: gives each active namespace its ServiceAccount `default`, and nothing else.
package controllers.serviceaccount

import data.lib.namespaced

covers := {"core/serviceaccounts create"}

violations contains v if some v in namespaced.violations

violations contains v if {
	not plain_default
	v := {
		"rule": "serviceaccount/default-only",
		"title": "The serviceaccount controller creates only a plain ServiceAccount named default.",
		"message": $"ServiceAccount {input.write.name} is not the plain default one",
		"severity": "high",
		"controls": ["CIS 5.1.5"],
	}
}

# No secrets, no pull secrets, no token setting, no owner: whatever is more than a name is not this controller's.
plain_default if {
	input.write.name == "default"
	input.object.metadata.name == "default"
	object.keys(input.object) - {"apiVersion", "kind", "metadata"} == set()
	object.keys(input.object.metadata) - {"name", "namespace"} == set()
}
