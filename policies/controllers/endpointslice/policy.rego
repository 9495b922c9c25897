# endpointslice: keeps the EndpointSlices of Services that select pods; traffic goes where they say.
package controllers.endpointslice

import data.lib.ownership
import data.lib.write

covers := {
	"discovery.k8s.io/endpointslices create",
	"discovery.k8s.io/endpointslices patch",
	"discovery.k8s.io/endpointslices delete",
}

manager := "endpointslice-controller.k8s.io"

reserved := {
	"kubernetes.io/service-name",
	"endpointslice.kubernetes.io/managed-by",
	"service.kubernetes.io/headless",
}

violations contains v if {
	not for_service
	v := {
		"rule": "endpointslice/trigger",
		"title": "The endpointslice controller acts only for a Service that selects pods.",
		"message": $"the trigger is {input.cause.trigger.kind} {input.cause.trigger.name}",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	write.operation == "discovery.k8s.io/endpointslices create"
	some v in ownership.creation
}

# One of a former Service of the same name may be deleted, but is never made to serve the new one.
violations contains v if {
	write.operation == "discovery.k8s.io/endpointslices patch"
	not owned_before
	v := foreign
}

violations contains v if {
	input.write.verb in {"patch", "delete"}
	not managed_before
	v := foreign
}

violations contains v if {
	not at_home
	v := {
		"rule": "endpointslice/namespace",
		"title": "The slices of a Service are in its namespace.",
		"message": $"{input.write.namespace} is not the namespace of Service {input.cause.trigger.name}",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	input.write.verb in {"create", "patch"}
	not labelled
	v := {
		"rule": "endpointslice/labels",
		"title": "A slice carries the labels of its Service, and says whose it is and who keeps it.",
		"message": $"the labels of {input.write.name} are not those of Service {input.cause.trigger.name}",
		"severity": "high",
		"controls": [],
	}
}

# An endpoint that is no pod of the namespace would send a tenant's traffic to somebody else.
violations contains v if {
	input.write.verb in {"create", "patch"}
	not only_own_pods
	v := {
		"rule": "endpointslice/endpoints",
		"title": "Endpoints are pods of the Service's own namespace.",
		"message": $"{input.write.name} would hold an endpoint that is no pod of {input.write.namespace}",
		"severity": "critical",
		"controls": [],
	}
}

violations contains v if {
	input.write.verb == "patch"
	not narrow
	v := {
		"rule": "endpointslice/patch",
		"title": "A patch of a slice changes its endpoints, ports, labels and the time of the change only.",
		"message": $"the patch of {input.write.name} changes more",
		"severity": "high",
		"controls": [],
	}
}

for_service if {
	input.cause.trigger.apiVersion == "v1"
	input.cause.trigger.kind == "Service"
	input.cause.trigger.uid != ""
	input.facts.owner.value.metadata.uid == input.cause.trigger.uid
	input.facts.owner.value.spec.type != "ExternalName"
	count(input.facts.owner.value.spec.selector) > 0
}

at_home if {
	input.cause.trigger.namespace == input.write.namespace
	input.facts.owner.value.metadata.namespace == input.write.namespace
}

managed_before if {
	labels := input.before.metadata.labels
	labels["endpointslice.kubernetes.io/managed-by"] == manager
	labels["kubernetes.io/service-name"] == input.cause.trigger.name
}

owned_before if {
	input.cause.trigger.uid != ""
	some ref in input.before.metadata.ownerReferences
	ref.uid == input.cause.trigger.uid
	ref.kind == "Service"
}

labelled if {
	labels := input.object.metadata.labels
	labels["endpointslice.kubernetes.io/managed-by"] == manager
	labels["kubernetes.io/service-name"] == input.cause.trigger.name
	wished := object.get(input.facts.owner.value.metadata, "labels", {})
	object.remove(labels, reserved) == object.remove(wished, reserved)
}

# A list that is empty may be absent, or null where the API server had it so.
only_own_pods if object.get(input.object, "endpoints", null) == null

only_own_pods if {
	every endpoint in input.object.endpoints {
		endpoint.targetRef.kind == "Pod"
		endpoint.targetRef.namespace == input.write.namespace
	}
}

narrow if {
	write.patch_members - {"metadata", "endpoints", "ports"} == set()
	(write.patch_metadata - write.preconditions) - {"labels", "annotations"} == set()
	annotations := object.get(input.patch.metadata, "annotations", {})
	object.keys(annotations) - {"endpoints.kubernetes.io/last-change-trigger-time"} == set()
}

foreign := {
	"rule": "endpointslice/foreign",
	"title": "The endpointslice controller changes only slices that it keeps for the Service.",
	"message": $"{input.write.name} is not kept by this controller for Service {input.cause.trigger.name}",
	"severity": "high",
	"controls": [],
}
