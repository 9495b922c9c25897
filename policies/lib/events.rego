# Events tell of objects that the controller handles, in the namespace of the object.
package lib.events

violations contains v if {
	not regards_own_kind
	v := {
		"rule": "events/foreign-kind",
		"title": "A controller reports only on kinds that it handles.",
		"message": $"{input.controller.name} does not handle {input.object.involvedObject.kind}",
		"severity": "medium",
		"controls": [],
	}
}

violations contains v if {
	not in_namespace
	v := {
		"rule": "events/foreign-namespace",
		"title": "An Event belongs to the namespace of its object.",
		"message": $"the object's namespace is not {input.write.namespace}",
		"severity": "medium",
		"controls": [],
	}
}

violations contains v if {
	not known_type
	v := {
		"rule": "events/type",
		"title": "An Event is Normal or Warning.",
		"message": $"the type is {input.object.type}",
		"severity": "low",
		"controls": [],
	}
}

violations contains v if {
	input.write.verb == "patch"
	input.before.involvedObject != input.object.involvedObject
	v := retold("the object it tells of would change")
}

violations contains v if {
	input.write.verb == "patch"
	count(object.keys(input.patch) - {"metadata", "count", "lastTimestamp", "series", "message"}) > 0
	v := retold("the patch changes more than the count")
}

retold(message) := {
	"rule": "events/retold",
	"title": "A repeated Event keeps telling of the same object.",
	"message": message,
	"severity": "medium",
	"controls": [],
}

known_type if input.object.type in {"Normal", "Warning"}

regards_own_kind if "*" in data.declared.controllers[input.controller.name].regards

regards_own_kind if {
	regarded := input.object.involvedObject
	$"{regarded.apiVersion} {regarded.kind}" in data.declared.controllers[input.controller.name].regards
}

in_namespace if input.object.involvedObject.namespace == input.write.namespace

# Cluster-scoped objects have their Events in the namespace default.
in_namespace if {
	object.get(input.object.involvedObject, "namespace", "") == ""
	input.write.namespace == "default"
}
