# ttl-after-finished: deletes finished Jobs whose ttlSecondsAfterFinished has passed.
package controllers.ttl_after_finished

import data.lib.time

covers := {"batch/jobs delete"}

violations contains v if {
	not of_trigger
	v := {
		"rule": "ttl-after-finished/foreign",
		"title": "Only the Job that is reconciled is deleted.",
		"message": $"{input.write.namespace}/{input.write.name} is not the trigger {input.cause.trigger.kind} {input.cause.trigger.name}",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	not expired
	v := {
		"rule": "ttl-after-finished/not-expired",
		"title": "A Job is deleted only when it has finished and its TTL has passed since.",
		"message": $"Job {input.write.namespace}/{input.write.name} has not finished, has no TTL, or is not due",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	not foreground
	v := {
		"rule": "ttl-after-finished/propagation",
		"title": "A Job ends with its pods: it is deleted in the foreground.",
		"message": $"the propagation is {input.write.propagation}",
		"severity": "medium",
		"controls": [],
	}
}

of_trigger if {
	input.cause.trigger.apiVersion == "batch/v1"
	input.cause.trigger.kind == "Job"
	input.cause.trigger.uid != ""
	input.cause.trigger.uid == input.write.uid
}

expired if {
	since := time.seconds(input.time.rfc3339) - time.seconds(finished[0].lastTransitionTime)
	since >= input.before.spec.ttlSecondsAfterFinished
}

finished := [c |
	some c in input.before.status.conditions
	c.type in {"Complete", "Failed"}
	c.status == "True"
]

foreground if input.write.propagation == "Foreground"
