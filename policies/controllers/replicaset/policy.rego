# replicaset: makes and removes pods of a ReplicaSet, takes and releases them, and reports its status.
package controllers.replicaset

import data.lib.ownership
import data.lib.status
import data.lib.write

covers := {
	"core/pods create",
	"core/pods patch",
	"core/pods delete",
	"apps/replicasets/status patch",
}

violations contains v if {
	not for_replicaset
	v := {
		"rule": "replicaset/trigger",
		"title": "The replicaset controller acts only for a ReplicaSet.",
		"message": $"the trigger is {input.cause.trigger.apiVersion} {input.cause.trigger.kind}",
		"severity": "high",
		"controls": [],
	}
}

for_replicaset if {
	input.cause.trigger.apiVersion == "apps/v1"
	input.cause.trigger.kind == "ReplicaSet"
}

violations contains v if {
	write.operation == "core/pods create"
	some v in ownership.creation
}

violations contains v if {
	write.operation == "core/pods delete"
	some v in ownership.deletion
}

violations contains v if {
	write.operation == "apps/replicasets/status patch"
	some v in status.violations
}

violations contains v if {
	write.operation == "core/pods patch"
	some v in ownership.claims
}
