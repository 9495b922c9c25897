# The one entry point: default deny. A write is allowed when it is declared, its controller's policy covers it, and no
# rule objects.
package gate

import data.lib.consistency
import data.lib.declared
import data.lib.events
import data.lib.finalizers
import data.lib.identity
import data.lib.pod_security
import data.lib.protected
import data.lib.write

default decision := {
	"allow": false,
	"violations": [{
		"rule": "gate/no-decision",
		"title": "The policy could not judge this write.",
		"message": "the input is not of comptroller.dev/policy/v1, or a rule failed",
		"severity": "critical",
		"controls": [],
	}],
	"warnings": [],
	"needs": [],
}

decision := {"allow": true, "violations": [], "warnings": [], "needs": []} if {
	input.version == "comptroller.dev/policy/v1"
	count(violations) == 0
}

decision := {"allow": false, "violations": violations, "warnings": [], "needs": []} if {
	input.version == "comptroller.dev/policy/v1"
	count(violations) > 0
}

violations := union({declared.violations, protected.violations, rest})

# Removing one's own finalizer from an object that ends is judged, never blocked, by all that follows (I12).
rest := set() if finalizers.releases

else := union({
	consistency.violations,
	identity.violations,
	pod_security.violations,
	by_class,
})

by_class := events.violations if write.is_event

else := union({uncovered, data.controllers[write.package_name].violations}) if covered

else := uncovered

covered if write.operation in data.controllers[write.package_name].covers

# Of the controllers that work on every resource there is: "* delete".
covered if {
	input.write.subresource == ""
	$"* {input.write.verb}" in data.controllers[write.package_name].covers
}

uncovered contains v if {
	not covered
	v := {
		"rule": "gate/uncovered",
		"title": "No policy of the controller covers this kind of write.",
		"message": $"policies/controllers/{write.package_name} does not cover {write.operation}",
		"severity": "critical",
		"controls": [],
	}
}
