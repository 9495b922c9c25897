# pod-garbage-collector: deletes pods that no kubelet will, and marks them as failed before.
package controllers.pod_garbage_collector

import data.lib.write

covers := {
	"core/pods delete",
	"core/pods/status patch",
}

violations contains v if {
	not fits
	v := {
		"rule": "pod-gc/reason",
		"title": "A pod is collected only in a state that the reason names.",
		"message": $"pod {input.write.namespace}/{input.write.name} is not what is called {input.cause.reason}",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	write.operation == "core/pods/status patch"
	not only_failed
	v := {
		"rule": "pod-gc/only-failed",
		"title": "A pod is marked as failed, and nothing else of it changes.",
		"message": $"the patch of {input.write.namespace}/{input.write.name} does more than to mark it as failed",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	write.operation == "core/pods/status patch"
	not only_disruption
	v := {
		"rule": "pod-gc/only-disruption",
		"title": "Of a pod's conditions only DisruptionTarget is written, and only where its node is gone.",
		"message": $"the conditions of {input.write.namespace}/{input.write.name} would change otherwise",
		"severity": "medium",
		"controls": [],
	}
}

# Whether the node is gone or out of service is not among the facts: the controller reads it live.
fits if {
	input.cause.reason == "terminated"
	is_object(input.before.status)
	not phase in {"Pending", "Running", "Unknown"}
}

fits if {
	input.cause.reason == "out-of-service"
	input.before.metadata.deletionTimestamp
	node != ""
}

fits if {
	input.cause.reason == "orphaned"
	node != ""
}

fits if {
	input.cause.reason == "unscheduled"
	input.before.metadata.deletionTimestamp
	node == ""
}

node := object.get(input.before.spec, "nodeName", "")

phase := object.get(input.before, ["status", "phase"], "")

only_failed if {
	write.patch_members == {"metadata", "status"}
	count(write.patch_metadata - write.preconditions) == 0
	object.keys(input.patch.status) - {"phase", "conditions", "observedGeneration"} == set()
	input.object.status.phase == "Failed"
	not phase in {"Failed", "Succeeded"}
}

conditions(side) := object.get(input[side], ["status", "conditions"], [])

others(side) := [c | some c in conditions(side); c.type != "DisruptionTarget"]

only_disruption if conditions("before") == conditions("object")

only_disruption if {
	input.cause.reason == "orphaned"
	others("before") == others("object")
	told := [c | some c in conditions("object"); c.type == "DisruptionTarget"]
	count(told) == 1
	told[0].status == "True"
	told[0].reason == "DeletionByPodGC"
}
