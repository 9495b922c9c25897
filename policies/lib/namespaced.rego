# For controllers that furnish each namespace: the trigger is the namespace that is written to, and it is active.
package lib.namespaced

violations contains v if {
	not for_namespace
	v := {
		"rule": "namespaced/foreign",
		"title": "The controller writes only into the namespace that it reconciles.",
		"message": $"the trigger is {input.cause.trigger.kind} {input.cause.trigger.name}, the write goes to {input.write.namespace}",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	not active
	v := {
		"rule": "namespaced/not-active",
		"title": "Only active namespaces are furnished.",
		"message": $"namespace {input.write.namespace} is not known to be active",
		"severity": "medium",
		"controls": [],
	}
}

for_namespace if {
	input.cause.trigger.apiVersion == "v1"
	input.cause.trigger.kind == "Namespace"
	input.cause.trigger.name == input.write.namespace
}

active if input.facts.namespace.value.phase == "Active"
