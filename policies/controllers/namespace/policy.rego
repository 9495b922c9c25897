# namespace: empties the namespaces that are being deleted, reports on them, and lets them go.
package controllers.namespace

import data.lib.status
import data.lib.write

covers := {
	"* delete",
	"* deletecollection",
	"core/namespaces/status patch",
	"core/namespaces/finalize update",
}

violations contains v if {
	not for_namespace
	v := {
		"rule": "namespace/trigger",
		"title": "The namespace controller acts only for a Namespace, and only in it.",
		"message": $"the trigger is {input.cause.trigger.kind} {input.cause.trigger.name}, the write goes to {place}",
		"severity": "critical",
		"controls": [],
	}
}

violations contains v if {
	not terminating
	v := {
		"rule": "namespace/not-terminating",
		"title": "Only a namespace that is being deleted is emptied and let go.",
		"message": $"namespace {place} is not known to be terminating",
		"severity": "critical",
		"controls": [],
	}
}

violations contains v if {
	place in data.protected.lasting
	v := {
		"rule": "namespace/lasting",
		"title": "The namespace belongs to the cluster itself and never ends.",
		"message": $"{place} is listed in data.protected.lasting",
		"severity": "critical",
		"controls": [],
	}
}

# Whatever has a selector is meant for less than all, and so for something else.
violations contains v if {
	input.write.verb == "deletecollection"
	not whole
	v := {
		"rule": "namespace/selection",
		"title": "The content of a namespace is deleted whole, never by a selector.",
		"message": "the deletion has a selector, or does not say what it selects",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	deletes
	input.write.propagation != "Background"
	v := {
		"rule": "namespace/propagation",
		"title": "What is in a namespace that ends is deleted in the background.",
		"message": $"the propagation is {input.write.propagation}",
		"severity": "medium",
		"controls": [],
	}
}

violations contains v if {
	write.operation == "core/namespaces/status patch"
	some v in status.violations
}

violations contains v if {
	write.operation == "core/namespaces/status patch"
	not reports
	v := {
		"rule": "namespace/status",
		"title": "Of a namespace's status only the conditions change, and its phase to Terminating.",
		"message": $"the patch of {input.write.name} holds more than conditions and phase",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	write.operation == "core/namespaces/finalize update"
	not lets_go
	v := {
		"rule": "namespace/finalize",
		"title": "Letting a namespace go takes the finalizer kubernetes and nothing else.",
		"message": $"finalizing {input.write.name} would change more than its finalizer kubernetes",
		"severity": "critical",
		"controls": [],
	}
}

deletes if input.write.verb in {"delete", "deletecollection"}

# The namespace that it is about; a cluster-scoped object that is no namespace has none.
default place := ""

place := input.write.namespace if deletes

place := input.write.name if {
	not deletes
	write.whole == "core/namespaces"
}

for_namespace if {
	trigger := input.cause.trigger
	trigger.apiVersion == "v1"
	trigger.kind == "Namespace"
	trigger.uid != ""
	trigger.name == place
	owner := input.facts.owner.value
	owner.metadata.uid == trigger.uid
	owner.metadata.name == trigger.name
}

terminating if {
	input.facts.namespace.value.name == place
	input.facts.namespace.value.deletionTimestamp
	input.facts.owner.value.metadata.deletionTimestamp
	said
}

# The phase is one of the things it reports.
said if input.facts.namespace.value.phase == "Terminating"

said if write.operation == "core/namespaces/status patch"

whole if {
	input.write.selection.selector == ""
	input.write.selection.count >= 0
}

reports if {
	patch := input.patch.status
	object.keys(patch) - {"conditions", "phase"} == set()
	object.get(patch, "phase", "Terminating") == "Terminating"
}

lets_go if {
	input.object.metadata.uid == input.write.uid
	input.object.metadata.resourceVersion != ""
	object.keys(input.object) == {"apiVersion", "kind", "metadata", "spec"}
	object.keys(input.object.spec) == {"finalizers"}
	had := {f | some f in input.before.spec.finalizers}
	keeps := {f | some f in input.object.spec.finalizers}
	had - keeps == {"kubernetes"}
	keeps - had == set()
	every field in ["deletionTimestamp", "finalizers", "labels", "ownerReferences"] {
		object.get(input.object.metadata, field, null) == object.get(input.before.metadata, field, null)
	}
}
