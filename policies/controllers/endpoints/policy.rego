# endpoints: keeps the Endpoints of Services that select pods, under the Service's name; they end with it.
package controllers.endpoints

import data.lib.write

covers := {
	"core/endpoints create",
	"core/endpoints patch",
	"core/endpoints delete",
}

reserved := {"endpoints.kubernetes.io/managed-by", "service.kubernetes.io/headless"}

violations contains v if {
	input.write.verb in {"create", "patch"}
	not for_service
	v := {
		"rule": "endpoints/trigger",
		"title": "The endpoints controller writes only for a Service that selects pods.",
		"message": $"the trigger is {input.cause.trigger.kind} {input.cause.trigger.name}",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	input.write.verb in {"create", "patch"}
	not of_trigger
	v := {
		"rule": "endpoints/foreign",
		"title": "Endpoints have the name and namespace of their Service.",
		"message": $"{input.write.namespace}/{input.write.name} is not named as the trigger {input.cause.trigger.name}",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	input.write.verb in {"create", "patch"}
	not labelled
	v := {
		"rule": "endpoints/labels",
		"title": "Endpoints carry the labels of their Service, and say who keeps them.",
		"message": $"the labels of {input.write.name} are not those of the Service",
		"severity": "high",
		"controls": [],
	}
}

# An address that is no pod of the namespace would send a tenant's traffic to somebody else.
violations contains v if {
	input.write.verb in {"create", "patch"}
	not only_own_pods
	v := {
		"rule": "endpoints/addresses",
		"title": "Addresses are pods of the Service's own namespace.",
		"message": $"{input.write.name} would hold an address that is no pod of {input.write.namespace}",
		"severity": "critical",
		"controls": [],
	}
}

violations contains v if {
	input.write.verb == "patch"
	not narrow
	v := {
		"rule": "endpoints/patch",
		"title": "A patch of Endpoints changes their subsets, labels and own annotations only.",
		"message": $"the patch of {input.write.name} changes more",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	input.write.verb == "create"
	count(object.keys(input.object) - {"apiVersion", "kind", "metadata", "subsets"}) > 0
	v := more
}

violations contains v if {
	input.write.verb == "create"
	count(object.keys(input.object.metadata) - {"name", "namespace", "labels", "annotations"}) > 0
	v := more
}

more := {
	"rule": "endpoints/plain",
	"title": "New Endpoints hold subsets, labels and annotations only.",
	"message": $"{input.write.name} would hold more",
	"severity": "medium",
	"controls": [],
}

# While there is a Service of the name, there is a trigger.
violations contains v if {
	input.write.verb == "delete"
	not service_gone
	v := {
		"rule": "endpoints/service-lives",
		"title": "Endpoints are deleted only when their Service is gone.",
		"message": $"{input.write.name} still has its Service",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	input.write.verb == "delete"
	input.before.metadata.annotations["control-plane.alpha.kubernetes.io/leader"]
	v := {
		"rule": "endpoints/leader-election",
		"title": "Endpoints that hold a leader election are never deleted.",
		"message": $"{input.write.name} holds a leader election",
		"severity": "high",
		"controls": [],
	}
}

# The API server keeps its own addresses there.
violations contains v if {
	input.write.namespace == "default"
	input.write.name == "kubernetes"
	v := {
		"rule": "endpoints/api-server",
		"title": "The API server's own Endpoints are out of reach.",
		"message": "default/kubernetes would be written",
		"severity": "critical",
		"controls": [],
	}
}

service_gone if {
	input.cause.reason == "service-gone"
	not input.cause.trigger
}

for_service if {
	input.cause.trigger.apiVersion == "v1"
	input.cause.trigger.kind == "Service"
	input.cause.trigger.uid != ""
	input.facts.owner.value.metadata.uid == input.cause.trigger.uid
	input.facts.owner.value.spec.type != "ExternalName"
	count(input.facts.owner.value.spec.selector) > 0
}

of_trigger if {
	input.cause.trigger.name == input.write.name
	input.cause.trigger.namespace == input.write.namespace
}

labelled if {
	labels := input.object.metadata.labels
	labels["endpoints.kubernetes.io/managed-by"] == "endpoint-controller"
	wished := object.get(input.facts.owner.value.metadata, "labels", {})
	object.remove(labels, reserved) == object.remove(wished, reserved)
}

only_own_pods if object.get(input.object, "subsets", null) == null

only_own_pods if {
	every subset in input.object.subsets {
		every address in object.get(subset, "addresses", []) { own_pod(address) }
		every address in object.get(subset, "notReadyAddresses", []) { own_pod(address) }
	}
}

own_pod(address) if {
	address.targetRef.kind == "Pod"
	address.targetRef.namespace == input.write.namespace
}

narrow if {
	write.patch_members - {"metadata", "subsets"} == set()
	(write.patch_metadata - write.preconditions) - {"labels", "annotations"} == set()
	annotations := object.get(input.patch.metadata, "annotations", {})
	object.keys(annotations) - {
		"endpoints.kubernetes.io/last-change-trigger-time",
		"endpoints.kubernetes.io/over-capacity",
	} == set()
}
